"""Index pages read in brief: what their digest is made of, and the files of the newest releases alone.

Nine of ten files of a page are asked for by nobody: those of older releases. To read their URLs, digests and sizes
and to keep them takes as long as to read all the rest, so that is left to whoever asks (``Catalogue``), from what
the index sent. A page is read so only where that can make no difference: it is written like a table (``table``), and
the whole reading would leave out no file that this one takes.

Source: Simple repository API (PEP 691, 700, 714).
"""

from __future__ import annotations

from binascii import unhexlify

from pkm_env.index.digest import Page, digested, stretches_of
from pkm_env.index.lines import Lines
from pkm_env.index.simple import JSON_TYPES, check_told, json_entry
from pkm_env.index.table import (
    Unlike,
    are_sound,
    begin_of_files,
    read_lines,
    read_rest,
    shape_of,
    usual,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_env.index.digest import Warn
    from pkm_env.index.names import ReadVersion
    from pkm_env.index.table import Found, Shape

WANTED = frozenset(("filename", "hashes", "requires-python", "yanked"))
# Nearly always the newest is asked for, and the one before it where that is what was locked.
NEWEST = 2
# An escape, an address in brackets, one with a user, invisible characters: such a URL may be no URL, the page no JSON.
ODD = ("\\", "[", "@", "\x7f", "\n", "\r", "\t", "\0")


def read_brief(
    body: bytes | memoryview,
    content_type: str,
    url: str,
    name: str,
    refuse: Warn,
    memo: dict[str, ReadVersion | None] | None = None,
) -> Page | None:
    """Return what a page says of *name* in brief, None where it has to be read whole; as ``simple.read_entries``.

    :raises PageFault: when it is no page of an index, or one of another project.
    """
    if content_type.partition(";")[0].strip().lower() not in JSON_TYPES:
        return None
    refused: list[str] = []
    try:
        text = str(body, "utf-8")
        begin = begin_of_files(text)
        lines, end = read_lines(
            text,
            begin,
            shape_of(text, begin, WANTED),
            sound,
            lambda raw: json_entry(raw, url, refused.append),
        )
        told = read_rest(text, begin, end)
    except (Unlike, ValueError, RecursionError):
        return None
    if not text.isascii() or any(text.find(mark, begin, end) >= 0 for mark in ODD):
        return None
    if not lines or len(set(lines.filenames)) < len(lines):
        return None
    check_told(told, name, len(lines))
    stretches = stretches_of(lines, name, refused.append, memo)
    digest, numbers = digested(name, lines, stretches)
    chosen = newest(digest)
    texts: dict[int, list[str]] = {number: [] for number in chosen}
    try:
        shape = shape_of(text, begin)
        for number, (_, first, behind, _) in zip(numbers, stretches, strict=True):
            if number in texts:
                texts[number] += texts_of(text, begin, end, shape, lines.filenames[first:behind])
    except Unlike:
        return None
    for reason in refused:
        refuse(reason)
    return Page((*digest, None), ["\n".join(texts[number]) for number in chosen], chosen)


def sound(found: Found, shape: Shape) -> Lines:
    """Return what the pattern of a brief reading found.

    :raises Unlike: when one has a value that needs care.
    """
    columns: dict[str, Sequence[str]] = dict.fromkeys(WANTED, [""] * len(found))
    columns.update(zip(shape.order, zip(*found, strict=True), strict=False))
    try:
        # In capitals they are digests too.
        unhexlify("".join(columns["hashes"]))
        if not are_sound(columns):
            raise Unlike
    except ValueError as error:
        raise Unlike from error
    return Lines(columns["filename"], columns["requires-python"], (), columns["yanked"], ())


def newest(digest: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the numbers of the newest final versions, and of the newest one with another Requires-Python than these.

    The last is what older Pythons get. Where none is final, pre-releases count, then yanked ones.
    """
    versions, signatures, prereleases, yanked, *_ = digest
    every = (1 << len(versions)) - 1
    left = every & ~yanked & ~prereleases or every & ~yanked or every
    latest: dict[str, int] = {}
    for needs, _, mask in signatures:
        latest[needs] = max(latest.get(needs, 0), (mask & left).bit_length())
    older = sorted(set(latest.values()) - {0}, reverse=True)[1:2]
    found: list[int] = []
    while left and len(found) < NEWEST:
        found.append(left.bit_length() - 1)
        left ^= 1 << found[-1]
    return tuple(dict.fromkeys([*found, *(end - 1 for end in older)]))


def texts_of(text: str, begin: int, end: int, shape: Shape | None, filenames: Sequence[str]) -> list[str]:
    """Return the rows of files that stand one after the other in *text*, whose files are from *begin* to *end*.

    :raises Unlike: when one of them is not like the first on its page.
    """
    assert shape is not None, "a page without a file has no newest one"
    # Most pages list the newest last.
    last = text.rfind(f'{shape.name_mark}{filenames[-1]}"', begin, end)
    first = text.rfind(f'{shape.name_mark}{filenames[0]}"', begin, last) if len(filenames) > 1 else last
    start = text.rfind(shape.between, begin, first)
    stop = text.find(shape.between, last, end)
    found = shape.pattern.findall(
        text,
        begin if start < 0 else start + len(shape.between) - 1,
        end + 1 if stop < 0 else stop + len(shape.between) - 1,
    )
    if found and found[-1][-1]:
        # What ends the list, or what is not like the first.
        found.pop()
    if not found:
        raise Unlike
    lines = usual(found, shape)
    if list(lines.filenames) != list(filenames):
        raise Unlike
    return list(lines.texts)
