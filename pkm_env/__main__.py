"""``python -m pkm_env``: the command ``pkm``."""

from __future__ import annotations

import sys

from pkm_env.entry import main

if __name__ == "__main__":
    sys.exit(main())
