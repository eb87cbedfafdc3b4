"""A standard build backend: the hooks of PEP 517 and PEP 660, and nothing else.

Nothing is imported here at module level: a frontend starts a fresh interpreter for every hook, and asks
some of them only to learn that there is nothing to say.

Source: PEP 517, "Build backend interface"; PEP 660, "Build back-end behavior".
"""

from __future__ import annotations

__version__ = "1.0.0.dev0"

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Settings = Mapping[str, str | list[str]] | None


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel of the project in the working directory; return its file name."""
    from pkm_build import builder

    return builder.hook("build_wheel", wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel that makes the working directory's own files importable; return its file name."""
    from pkm_build import builder

    return builder.hook("build_editable", wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build a source distribution of the working directory; return its file name."""
    from pkm_build import builder

    return builder.hook("build_sdist", sdist_directory, config_settings)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write the ``.dist-info`` folder that the wheel will have; return its name."""
    from pkm_build import builder

    return builder.hook("prepare_metadata", metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write the ``.dist-info`` folder that the editable wheel will have; return its name."""
    from pkm_build import builder

    return builder.hook("prepare_editable", metadata_directory, config_settings)


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what must be installed beside ``build-system.requires`` to build a wheel."""
    from pkm_build import builder

    return builder.requires_hook("wheel", config_settings)


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return what must be installed beside ``build-system.requires`` to build an editable wheel."""
    from pkm_build import builder

    return builder.requires_hook("editable", config_settings)


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """Return what must be installed beside ``build-system.requires`` to build an sdist."""
    from pkm_build import builder

    return builder.requires_hook("sdist", config_settings)
