"""Keys and values as they are to be written in pyproject.toml."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def table_text(key: Sequence[Any]) -> str:
    """Return the header of the table at a path of keys."""
    return f"[{'.'.join(key_text(str(part)) for part in key)}]"


def key_text(key: str) -> str:
    """Return a key as TOML has it."""
    return key if key.isascii() and key.replace("-", "").replace("_", "").isalnum() else f'"{key}"'


def array_text(texts: Sequence[str]) -> str:
    """Return a list of texts."""
    return f"[{', '.join(value_text(text) for text in texts)}]"


def value_text(text: str) -> str:
    """Return a text in quotes."""
    return f'"{text}"' if '"' not in text else f"'{text}'"


def array_or_false(names: bool | frozenset[str]) -> str:
    """Return the names that a rule is for, or that it is for none."""
    return array_text(sorted(names)) if isinstance(names, frozenset) else "false"


def inline_text(table: Mapping[str, Any]) -> str:
    """Return a table of texts and of false."""
    texts = (f"{key_text(key)} = {value_text(value) if value else 'false'}" for key, value in table.items())
    return f"{{ {', '.join(texts)} }}"
