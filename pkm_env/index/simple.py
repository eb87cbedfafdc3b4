"""Pages of a simple index, read without I/O: HTML or JSON in, the files and their digest out.

A page is what strangers wrote. What makes it no page at all is a ``PageFault``; an entry that cannot be
used is left out and counted in a warning. Entries become the plain form of ``model.distribution.File``
(a tuple in the order of its slots), for a page has thousands of them.

Source: Simple repository API (PEP 503, 592, 629, 658, 691, 700, 708, 714).
"""

from __future__ import annotations

import json
import re

from pkm_build.grammar import normalise
from pkm_env.index.bulk import in_bulk, is_specifier
from pkm_env.index.errors import printable
from pkm_env.index.lines import lines_of
from pkm_env.index.table import read_table
from pkm_env.index.uploads import normal_time
from pkm_env.index.urls import split_credentials
from pkm_env.model.rows import row_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from pkm_env.index.lines import Lines
    from pkm_env.model.rows import Row

    # (filename, hashes, index, metadata_hashes, path, requires_python, size, upload_time, url, yanked)
    Plain = tuple[Any, ...]
    Columns = tuple[Any, ...]
    Warn = Callable[[str], None]

DIGEST_SIZES = {"sha256": 64, "sha512": 128, "sha384": 96, "sha224": 56, "sha1": 40, "md5": 32}
JSON_TYPES = ("application/vnd.pypi.simple.v1+json", "application/json")
HTML_TYPES = ("text/html", "application/vnd.pypi.simple.v1+html", "application/xhtml+xml")
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
REASONS = 3  # enough to see what is wrong with a page
MAX_FILES = 500_000
MAX_TEXT = 2_000
# What JSON tells of siblings without a digest and of yanking.
SIBLINGS = {True: "", False: None, None: None}
YANKED = {True: "", False: None, "": None}
HEAD = 2_000
ENDINGS = (".whl", ".gz", ".zip")
# What may stand before the first link, between two, and after the last one, of a page that is read quickly.
ODD = re.compile(r"<!--|<base|<script|<style|<textarea|<!\[|<a[\s>]", re.IGNORECASE)
IN_HEAD = re.compile(r"[^<]*(?:<[!/]?[A-Za-z][^<>]*>[^<]*)*").fullmatch
BETWEEN = re.compile(r"\s*(?:<br\s*/?>\s*)*(?:</[a-z]+>\s*)*(?:<!--[^<>]*-->\s*)?").fullmatch
IS_NAME = re.compile(r"\s+[A-Za-z-]+=").fullmatch
KNOWN = frozenset(
    f" {name}="
    for name in (
        "data-requires-python",
        "data-upload-time",
        "data-yanked",
        "data-core-metadata",
        "data-dist-info-metadata",
        "data-gpg-sig",
        "data-provenance",
        "rel",
        "class",
    )
)
REPOSITORY_VERSION = re.compile(r'<meta\s+name="pypi:repository-version"\s+content="([^"]*)"', re.IGNORECASE)


class PageFault(ValueError):
    """What was sent is no page of an index; the text says why."""


def read_entries(
    body: bytes | memoryview, content_type: str, url: str, refuse: Warn, *, name: str = ""
) -> Lines:
    """Return all files of a page; *refuse* is told of each that is left out.

    *name* is that of the project the page is for, "" for a page that lists many.

    :raises PageFault: when it is no page of an index.
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind in JSON_TYPES:
        return json_entries(body, url, refuse, name)
    if kind in HTML_TYPES:
        return lines_of(html_entries(body, parameters, url, refuse))
    told = f"its type is {printable(kind)}, not that of an index page" if kind else "it has no type"
    raise PageFault(told)


def summed(name: str, refused: list[str]) -> list[str]:
    """Return one warning for all the entries that were left out, with the first three reasons."""
    if not refused:
        return []
    kinds = list(dict.fromkeys(refused))
    more = f", and {len(kinds) - REASONS} more" if len(kinds) > REASONS else ""
    shown = ", ".join(kinds[:REASONS])
    count = (
        "an entry of the index page is"
        if len(refused) == 1
        else f"{len(refused)} entries of the index page are"
    )
    return [f"{name}: {count} left out: {shown}{more}"]


# JSON


def json_entries(body: bytes | memoryview, url: str, refuse: Warn, name: str) -> Lines:
    """Return the files of a JSON page."""
    odd: list[str] = []
    table = read_table(body, lambda raw: json_entry(raw, url, odd.append))
    told, lines = table or (parsed(body), None)
    if not isinstance(told, dict) or not isinstance(told.get("files"), list):
        raise PageFault("its JSON has no list of files")
    check_told(told, name, len(told["files"] if lines is None else lines))
    if lines is None:
        slow = installable(told["files"])
        return lines_of(in_bulk(slow, json_columns, lambda raw: json_entry(raw, url, refuse)))
    for reason in odd:
        refuse(reason)
    return lines


def check_told(told: Mapping[str, Any], name: str, count: int) -> None:
    """Check what a JSON page with *count* files says besides these.

    :raises PageFault: when it is of another version of the interface or of another project, or lists too many.
    """
    meta = told.get("meta")
    check_version(str(meta.get("api-version", "")) if isinstance(meta, dict) else "")
    own = told.get("name")
    if name and isinstance(own, str) and normalise(own) != name:
        raise PageFault(f"it is the page of {printable(own)[:100]}, not of {name}")
    if count > MAX_FILES:
        raise PageFault(f"it lists {count} files")


def parsed(body: bytes | memoryview) -> Any:
    """Return what a JSON text says."""
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise PageFault(f"malformed JSON: {error}") from error


def installable(files: list[Any]) -> list[Any]:
    """Return *files* without eggs, installers and the like, all of them where one has no file name."""
    try:
        return [raw for raw in files if raw["filename"].endswith(ENDINGS)]
    except (TypeError, KeyError, AttributeError):
        return files


def json_columns(files: list[Any]) -> Columns | None:
    """Return the columns of a list of files, None when one of them is not of the usual types."""
    try:
        return (
            [raw["filename"] for raw in files],
            [raw["url"] for raw in files],
            [raw["hashes"]["sha256"] for raw in files],
            [raw.get("requires-python") for raw in files],
            [raw.get("upload-time") or "" for raw in files],
            [
                told["sha256"] if told.__class__ is dict else SIBLINGS[told]
                for told in [
                    raw.get("dist-info-metadata")
                    if raw.get("core-metadata") is None
                    else raw["core-metadata"]
                    for raw in files
                ]
            ],
            [YANKED.get(told, told) for told in [raw.get("yanked") for raw in files]],
            [raw.get("size") for raw in files],
        )
    except (TypeError, KeyError, AttributeError):
        return None


def check_version(text: str) -> None:
    """Refuse a page of another major version (PEP 629); a missing version is 1.0."""
    major = text.partition(".")[0]
    if text and major != "1":
        raise PageFault(f"it is of version {printable(text)[:20]} of the interface; pkm reads version 1")


def json_entry(raw: Any, base: str, refuse: Warn) -> Plain | None:
    """Return one file of a JSON page, None when it is left out."""
    if not isinstance(raw, dict):
        refuse("an entry is no table")
        return None
    filename, link, hashes = raw.get("filename"), raw.get("url"), raw.get("hashes")
    if not isinstance(filename, str) or not isinstance(link, str) or not isinstance(hashes, dict):
        refuse("an entry lacks filename, url or hashes")
        return None
    metadata = raw.get("core-metadata")
    if metadata is None:
        metadata = raw.get("dist-info-metadata")
    yanked = raw.get("yanked")
    size = raw.get("size")
    return make_entry(
        filename,
        link,
        base,
        refuse,
        hashes=hashes,
        requires_python=raw.get("requires-python"),
        yanked=yanked if isinstance(yanked, str) and yanked else "" if yanked == 1 else None,
        size=size if type(size) is int and size >= 0 else None,
        uploaded=raw.get("upload-time"),
        metadata=metadata,
    )


# HTML


def html_entries(body: bytes | memoryview, parameters: str, url: str, refuse: Warn) -> list[Row]:
    """Return the files of an HTML page.

    :raises PageFault: for what is no HTML, and for too many files.
    """
    text = decoded(body, parameters)
    if "<" not in text:
        raise PageFault("it is no HTML" if text.strip() else "it is empty")
    links = quick_links(text)
    if links is not None:
        version = REPOSITORY_VERSION.search(text, 0, HEAD)
        check_version(version[1] if version else "")
        return quick_entries(links, url, refuse)
    from pkm_env.index.markup import parse_links

    stated, href, found = parse_links(text)
    check_version(stated)
    base = joined(url, href) if href else url
    if len(found) > MAX_FILES:
        raise PageFault(f"it lists {len(found)} files")
    entries = [html_entry(href, shown, told, base, refuse) for href, told, shown in found]
    return [row_of(entry) for entry in entries if entry is not None]


def decoded(body: bytes | memoryview, parameters: str) -> str:
    """Return the text of an HTML page; UTF-8 unless its type says otherwise."""
    charset = parameters.partition("charset=")[2].strip().strip("\"'") or "utf-8"
    try:
        return str(body, charset)
    except (LookupError, UnicodeDecodeError):
        return str(body, "utf-8", "replace")


def quick_links(text: str) -> list[list[str]] | None:
    """Return the links of a page that is written as all common indexes write theirs, None for another.

    A link is cut at its quotes: ``[href, ' name=', value, ..., '>text</a>...']``. A split needs half the
    time of the plainest pattern, which adds up: a resolve from an empty cache reads 100,000 links.
    """
    head, *chunks = text.split('<a href="')
    if not chunks or len(chunks) > MAX_FILES or ODD.search(head) or not IN_HEAD(head):
        return None
    links = [chunk.split('"') for chunk in chunks]
    names: set[str] = set()
    tails: set[str] = set()
    for link in links:
        names.update(link[1:-1:2])
        start, _, rest = link[-1].partition(">")
        shown, closed, after = rest.partition("</a>")
        # Quotes come in pairs, and the text of a link holds no markup.
        if len(link) & 1 or "<" in shown or start.strip() or not closed:
            return None
        tails.add(after)
    written_so = all(map(IS_NAME, names)) and all(map(BETWEEN, tails))
    return links if written_so else None


def quick_entries(links: list[list[str]], base: str, refuse: Warn) -> list[Row]:
    """Return the files of links as ``quick_links`` gives them.

    Links with the same attributes are read together.
    """
    shapes: dict[tuple[str, ...], list[list[str]]] = {}
    for link in links:
        # Eggs and installers are left out at once: in bulk one of them is an odd one among many.
        if not link[0].partition("#")[0].endswith(ENDINGS) and not link[-1].partition("<")[0].endswith(
            ENDINGS
        ):
            path = link[0].partition("#")[0].partition("?")[0]
            if not path.rstrip().endswith(ENDINGS):
                continue
        shapes.setdefault(tuple(link[1:-1:2]), []).append(link)
    found: list[Row] = []
    for group in shapes.values():
        found += in_bulk(group, link_columns, lambda link: cut_link(link, base, refuse))
    return found


def link_columns(links: list[list[str]]) -> Columns | None:
    """Return the columns of links with the same attributes, None when these are not the usual ones."""
    cells = list(zip(*links, strict=True))
    told = dict(zip(links[0][1:-1:2], cells[2::2], strict=False))
    if not told.keys() <= KNOWN:
        return None
    urls, _, digests = zip(*[href.partition("#sha256=") for href in cells[0]], strict=True)
    filenames = [url[url.rfind("/") + 1 :] for url in urls]
    shown = [tail.partition("<")[0].lstrip() for tail in cells[-1]]
    if shown != [f">{filename}" for filename in filenames]:
        return None
    siblings = told.get(" data-core-metadata=", told.get(" data-dist-info-metadata="))
    needs = told.get(" data-requires-python=")
    nothing: list[None] = [None] * len(links)
    return (
        filenames,
        urls,
        digests,
        nothing if needs is None else replaced(needs),
        told.get(" data-upload-time=", [""] * len(links)),
        nothing if siblings is None else [sibling_of(told) for told in siblings],
        told.get(" data-yanked=", nothing),
        nothing,
    )


def sibling_of(told: str) -> str | None:
    """Return the digest of a metadata sibling as its attribute tells it, "" for one without, None for none."""
    return {"true": "", "false": None}.get(told, told.removeprefix("sha256="))


def replaced(texts: tuple[str, ...]) -> list[str]:
    """Return the texts with their character references replaced; there are many of few."""
    from html import unescape

    plain = {text: unescape(text) for text in set(texts)}
    return [plain[text] for text in texts]


def cut_link(link: list[str], base: str, refuse: Warn) -> Plain | None:
    """Return the file of one link, None when it is left out."""
    from html import unescape

    told = {name.strip(" =\n\t\r").lower(): unescape(value) for name, value in attributes(link)}
    shown = link[-1].partition(">")[2].partition("<")[0]
    return html_entry(unescape(link[0]), unescape(shown), told, base, refuse)


def attributes(link: list[str]) -> list[tuple[str, str]]:
    """Return names and values of a cut link; of two with one name the first counts, as in a browser."""
    return list(zip(link[1:-1:2], link[2::2], strict=False))[::-1]


def html_entry(href: str, shown: str, told: Mapping[str, str], base: str, refuse: Warn) -> Plain | None:
    """Return one file of an HTML page, None when it is left out or the link is to no file."""
    link, _, fragment = href.strip().partition("#")
    filename = link.partition("?")[0].rpartition("/")[2]
    if "%" in filename:
        from urllib.parse import unquote

        filename = unquote(filename)
    if not filename.endswith(ENDINGS):
        # A query may name the file; the text of the link then says its name (PEP 503).
        filename = shown.strip()
    algorithm, _, digest = fragment.partition("&")[0].partition("=")
    metadata: Any = told.get("data-core-metadata", told.get("data-dist-info-metadata"))
    if metadata is not None:
        name, _, value = metadata.partition("=")
        metadata = {name: value} if value else metadata != "false"
    return make_entry(
        filename,
        link,
        base,
        refuse,
        hashes={algorithm: digest} if digest else {},
        requires_python=told.get("data-requires-python"),
        yanked=told.get("data-yanked"),
        size=None,
        uploaded=told.get("data-upload-time"),
        metadata=metadata,
    )


# Entries


def make_entry(  # noqa: PLR0913 - one for each thing a page tells
    filename: str,
    link: str,
    base: str,
    refuse: Warn,
    *,
    hashes: Mapping[Any, Any],
    requires_python: Any,
    yanked: str | None,
    size: int | None,
    uploaded: Any,
    metadata: Any,
) -> Plain | None:
    """Return the plain file of what a page tells of it, None when it must be left out."""
    if not filename.endswith(ENDINGS):
        # Eggs, installers and signatures stand on old pages; they are no fault.
        return None
    url, digests = absolute(link, base), clean_hashes(hashes)
    if url is None or digests is None or not is_clean(filename) or "/" in filename or "\\" in filename:
        refuse(f"{printable(filename)[:120]} has an odd name, URL or hash")
        return None
    if not digests and url.startswith("http:") and base.startswith("https:"):
        refuse(f"{filename} has no hash, and its URL is not encrypted")
        return None
    if requires_python is not None and not is_specifier(requires_python):
        refuse(f"{filename} has an odd requires-python")
        return None
    return (
        filename,
        digests,
        "",
        metadata_digests(metadata),
        "",
        requires_python.strip() or None if requires_python else None,
        size,
        normal_time(uploaded) if uploaded else "",
        url,
        yanked if not yanked else printable(yanked)[:MAX_TEXT],
    )


def is_clean(text: str) -> bool:
    """Whether *text* is one printable word of ASCII."""
    return text.isascii() and text.isprintable() and " " not in text


def clean_hashes(raw: Mapping[Any, Any]) -> dict[str, str] | None:
    """Return the digests of known algorithms in lower case, None when one of them is malformed."""
    found = {}
    for algorithm, digest in raw.items():
        size = DIGEST_SIZES.get(algorithm)
        if size is None:
            continue
        if not isinstance(digest, str) or len(digest) != size or digest.strip("0123456789abcdefABCDEF"):
            return None
        found[algorithm] = digest if digest.islower() else digest.lower()
    return found


def metadata_digests(told: Any) -> dict[str, str] | None:
    """Return the digests of a metadata sibling, {} when it is there without any, None when it is not."""
    if isinstance(told, dict):
        return clean_hashes(told)
    return {} if told in (True, "true") else None


def absolute(link: str, base: str) -> str | None:
    """Return *link* as an absolute URL without credentials and fragment; None for what pkm never follows."""
    if not is_clean(link):
        if not link.isprintable():
            return None
        from urllib.parse import quote

        link = quote(link.strip(), safe="%/:=&?~#+!$,;'@()*[]")
    direct = link.startswith(("https://", "http://")) and "[" not in link
    url = link if direct else joined(base, link)
    url = url.partition("#")[0]
    if "@" in url:
        url = split_credentials(url)[0]
    if url.startswith(("https://", "http://")):
        return url
    # Only a page on this disk may point to files on this disk.
    return url if url.startswith("file:") and base.startswith("file:") else None


def joined(base: str, link: str) -> str:
    """Return *link* seen from *base*, "" when it cannot be read as a URL."""
    # It takes as long to load as a page of 1,000 files to read, which has no need of it as a rule.
    from urllib.parse import urljoin, urlsplit

    try:
        urlsplit(link)
        return urljoin(base, link)
    except ValueError:
        return ""
