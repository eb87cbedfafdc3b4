"""Areas, computed by a library that CMake built."""

from __future__ import annotations

import ctypes
from pathlib import Path

_FOLDER = Path(__file__).parent
_PATH = next(path for path in sorted(_FOLDER.iterdir()) if path.suffix in (".so", ".dylib", ".dll"))
_LIBRARY = ctypes.CDLL(str(_PATH))
_LIBRARY.area_circle.restype = ctypes.c_double
_LIBRARY.area_circle.argtypes = [ctypes.c_double]


def circle(radius: float) -> float:
    """Return the area of a circle."""
    return float(_LIBRARY.area_circle(radius))
