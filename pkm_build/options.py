"""The config-settings that a frontend passes on, checked: all that is wrong with them is told at once."""

from __future__ import annotations

from pkm_build import tags
from pkm_build.errors import BuildError
from pkm_build.tables import listed, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = ("profile", "build-number", "tag", "editable", "verbose", "quiet")


def read_options(config_settings: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Return the known config-settings as texts, the last of several.

    :raises BuildError: for all that are not known or make no sense
    """
    found = {}
    wrong = []
    for name, value in config_settings.items():
        plain = name.lstrip("-").replace("_", "-")
        if plain not in OPTIONS:
            known = f"known are {listed(OPTIONS, 'and')}"
            wrong.append((f'unknown config-setting "{name}"', meant(plain, OPTIONS, known)))
        found[plain] = str(value[-1] if isinstance(value, list) and value else value)
    wrong += wrong_options(found)
    if len(wrong) == 1:
        raise BuildError(*wrong[0])
    if wrong:
        rows = [f"  {message}; {hint}" if hint else f"  {message}" for message, hint in wrong]
        raise BuildError("\n".join([f"{len(wrong)} config-settings are wrong", *rows]))
    return found


def wrong_options(options: dict[str, str]) -> list[tuple[str, str]]:
    """Return message and hint for each option with a value that makes no sense."""
    number, tag, mode = options.get("build-number", ""), options.get("tag"), options.get("editable", "auto")
    wrong = []
    if "build-number" in options and not is_build_number(number):
        message = f'the build number "{number}" must begin with a digit, then letters, digits and _'
        wrong.append((message, ""))
    if tag is not None and not tags.is_tag(tag):
        wrong.append((f'"{tag}" is no tag', 'tags look like "py3-none-any"'))
    if mode not in ("auto", "pth", "farm"):
        wrong.append((f'there is no editable mode "{mode}"', "there are auto, pth and farm"))
    return wrong


def is_build_number(text: str) -> bool:
    """Return whether *text* can be the build tag of a wheel."""
    return text[:1].isdigit() and text.replace("_", "").isalnum() and text.isascii()
