"""Pages of a simple index, read without I/O: HTML or JSON in, the files and their digest out.

A page is what strangers wrote. What makes it no page at all is a ``PageFault``; an entry that cannot be
used is left out and counted in a warning. Entries become the plain form of ``model.distribution.File``
(a tuple in the order of its slots), for a page has thousands of them.

Source: Simple repository API (PEP 503, 592, 629, 658, 691, 700, 708, 714).
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from html import unescape
from urllib.parse import quote, unquote, urljoin, urlsplit

from pkm_build.grammar import normalise
from pkm_env.index.errors import printable
from pkm_env.index.names import FileNames
from pkm_env.index.times import normal_time, seconds_of
from pkm_env.index.urls import split_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from pkm_env.index.names import ReadVersion

    # (filename, hashes, index, metadata_hashes, path, requires_python, size, upload_time, url, yanked)
    Plain = tuple[Any, ...]
    Warn = Callable[[str], None]

DIGEST_SIZES = {"sha256": 64, "sha512": 128, "sha384": 96, "sha224": 56, "sha1": 40, "md5": 32}
JSON_TYPES = ("application/vnd.pypi.simple.v1+json", "application/json")
HTML_TYPES = ("text/html", "application/vnd.pypi.simple.v1+html", "application/xhtml+xml")
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
MAX_FILES = 500_000
MAX_TEXT = 2_000
NEVER = 0xFFFF_FFFF
# One link as every common index writes it. A page with anything else is read by html.parser instead.
LINK = re.compile(r'<a\s+href="([^"<>]*)"((?:\s+[a-z-]+="[^"<>]*")*)\s*>([^<>]*)</a\s*>')
ATTRIBUTE = re.compile(r'\s+([a-z-]+)="([^"]*)"')
ANY_LINK = re.compile(r"<a[\s>/]", re.IGNORECASE)
ODD = re.compile(r"<!--|<base|<script|<style|<textarea|<title[^>]*>[^<]*<a|<!\[", re.IGNORECASE)
REPOSITORY_VERSION = re.compile(r'<meta\s+name="pypi:repository-version"\s+content="([^"]*)"', re.IGNORECASE)


class PageFault(ValueError):
    """What was sent is no page of an index; the text says why."""


class Page:
    """What a page says of one name.

    ``digest`` is what a listing is made of: ``(versions, signatures, prereleases, yanked, key, times)``,
    with the meaning of ``ports.Listing``; ``times`` holds two little-endian 32-bit numbers for each
    version: the earliest and latest upload of its files, in seconds since 1970 (the largest number for
    a file without a time). ``files`` are the plain files of each version, sorted by name.
    """

    __slots__ = ("digest", "files", "warnings")

    def __init__(self, digest: tuple[Any, ...], files: list[tuple[Plain, ...]], warnings: list[str]) -> None:
        self.digest = digest
        self.files = files
        self.warnings = warnings


def read_page(
    body: bytes, content_type: str, url: str, name: str, memo: dict[str, ReadVersion | None] | None = None
) -> Page:
    """Return what a page says of *name* (normalised); *url* is where it came from, after redirects.

    *memo* keeps the versions read so far, for the next pages.

    :raises PageFault: when it is no page of an index, or one of another project.
    """
    refused: list[str] = []
    entries = read_entries(body, content_type, url, refused.append, name=name)
    page = make_page(entries, name, refused.append, memo)
    page.warnings = summed(name, refused)
    return page


def read_entries(
    body: bytes, content_type: str, url: str, refuse: Warn, *, name: str = ""
) -> Iterator[Plain] | list[Plain]:
    """Return all entries of a page as plain files; *refuse* is told of each that is left out.

    *name* is that of the project the page is for, "" for a page that lists many.

    :raises PageFault: when it is no page of an index.
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind in JSON_TYPES:
        return json_entries(body, url, refuse, name)
    if kind in HTML_TYPES:
        return html_entries(body, parameters, url, refuse)
    raise PageFault(f"its type is {printable(kind) or 'not told'}, not that of an index page")


def summed(name: str, refused: list[str]) -> list[str]:
    """Return one warning for all the entries that were left out, with the first three reasons."""
    if not refused:
        return []
    kinds = list(dict.fromkeys(refused))
    more = f", and {len(kinds) - 3} more" if len(kinds) > 3 else ""  # noqa: PLR2004 - enough to see what is wrong
    return [f"{name}: {len(refused)} entries of the index page are left out: {', '.join(kinds[:3])}{more}"]


# JSON


def json_entries(body: bytes, url: str, refuse: Warn, name: str) -> Iterator[Plain]:
    """Yield the files of a JSON page."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PageFault(f"malformed JSON: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("files"), list):
        raise PageFault("its JSON has no list of files")
    meta = told.get("meta")
    check_version(str(meta.get("api-version", "")) if isinstance(meta, dict) else "")
    own = told.get("name")
    if name and isinstance(own, str) and normalise(own) != name:
        raise PageFault(f"it is the page of {printable(own)[:100]}, not of {name}")
    if len(told["files"]) > MAX_FILES:
        raise PageFault(f"it lists {len(told['files'])} files")
    return (entry for raw in told["files"] if (entry := json_entry(raw, url, refuse)) is not None)


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
        yanked=yanked if isinstance(yanked, str) and yanked else "" if yanked is True else None,
        size=size if type(size) is int and size >= 0 else None,
        uploaded=raw.get("upload-time"),
        metadata=metadata,
    )


# HTML


def html_entries(body: bytes, parameters: str, url: str, refuse: Warn) -> list[Plain]:
    """Return the files of an HTML page."""
    text = decoded(body, parameters)
    if links_of := quick_links(text):
        base, links = url, links_of
    else:
        from pkm_env.index.markup import parse_links

        version, href, links = parse_links(text)
        check_version(version)
        base = urljoin(url, href) if href else url
    if len(links) > MAX_FILES:
        raise PageFault(f"it lists {len(links)} files")
    found = [html_entry(href, shown, told, base, refuse) for href, told, shown in links]
    return [entry for entry in found if entry is not None]


def decoded(body: bytes, parameters: str) -> str:
    """Return the text of an HTML page; UTF-8 unless its type says otherwise."""
    charset = parameters.partition("charset=")[2].strip().strip("\"'") or "utf-8"
    try:
        return body.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")


def quick_links(text: str) -> list[tuple[str, dict[str, str], str]] | None:
    """Return the links of a page that is written as usual, None when html.parser has to read it."""
    if ODD.search(text):
        return None
    found = LINK.findall(text)
    if not found or len(found) != len(ANY_LINK.findall(text)):
        return None
    version = REPOSITORY_VERSION.search(text)
    check_version(version[1] if version else "")
    return [(href, dict(ATTRIBUTE.findall(told)), shown) for href, told, shown in found]


def html_entry(href: str, shown: str, told: Mapping[str, str], base: str, refuse: Warn) -> Plain | None:
    """Return one file of an HTML page, None when it is left out or the link is to no file."""
    if "&" in href:
        href = unescape(href)
    link, _, fragment = href.partition("#")
    filename = link.partition("?")[0].rpartition("/")[2]
    if "%" in filename:
        filename = unquote(filename)
    if not filename.endswith((".whl", ".gz", ".zip")):
        # A query may name the file; the text of the link then says its name (PEP 503).
        filename = unescape(shown).strip()
    algorithm, _, digest = fragment.partition("&")[0].partition("=")
    metadata: Any = told.get("data-core-metadata", told.get("data-dist-info-metadata"))
    if metadata is not None:
        name, _, value = metadata.partition("=")
        metadata = {name: value} if value else metadata != "false"
    yanked = told.get("data-yanked")
    return make_entry(
        filename,
        link,
        base,
        refuse,
        hashes={algorithm: digest} if digest else {},
        requires_python=unescaped(told.get("data-requires-python")),
        yanked=unescaped(yanked),
        size=None,
        uploaded=told.get("data-upload-time"),
        metadata=metadata,
    )


def unescaped(text: str | None) -> str | None:
    """Return *text* with its character references replaced."""
    return unescape(text) if text and "&" in text else text


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
    if not filename.endswith((".whl", ".gz", ".zip")):
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


def is_specifier(text: Any) -> bool:
    """Whether *text* could be a Requires-Python: one line of a bearable length."""
    return isinstance(text, str) and len(text) <= MAX_TEXT and text.isprintable()


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
    return {} if told is True or told == "true" else None


def absolute(link: str, base: str) -> str | None:
    """Return *link* as an absolute URL without credentials and fragment; None for what pkm never follows."""
    if not is_clean(link):
        if not link.isprintable():
            return None
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
    try:
        urlsplit(link)
        return urljoin(base, link)
    except ValueError:
        return ""


# The digest


def make_page(
    entries: Iterable[Plain], name: str, refuse: Warn, memo: dict[str, ReadVersion | None] | None = None
) -> Page:
    """Return the page of *name* made of *entries*; entries of other projects are left out."""
    read = FileNames(name, memo).read
    groups: dict[Any, tuple[dict[str, int], list[tuple[Plain, str]], bool]] = {}
    for entry in entries:
        found = read(entry[0])
        if found is None:
            # Many projects have old files with odd names of their own; only another's name is suspicious.
            if not normalise(entry[0]).startswith(f"{name}-"):
                refuse(f"{entry[0][:120]} is no wheel or sdist of {name}")
            continue
        version, tags = found
        group = groups.get(version.key)
        if group is None:
            group = groups[version.key] = ({}, [], version.is_prerelease)
        # A wheel decides which of two equal spellings (1.0, 1.0.0) is shown.
        texts = group[0]
        texts[version.text] = texts.get(version.text, 0) + (1 if tags == "sdist" else 1_000_000)
        group[1].append((entry, tags))
    return digested(name, [groups[key] for key in sorted(groups)])


def digested(name: str, groups: list[tuple[dict[str, int], list[tuple[Plain, str]], bool]]) -> Page:
    """Return the page of the releases *groups*, in ascending order."""
    versions, files, times = [], [], []
    signatures: dict[tuple[str, str], int] = {}
    prereleases = yanked = 0
    bit = 1
    for texts, members, is_prerelease in groups:
        versions.append(min(texts, key=lambda text: (-texts[text], text)))
        listed = first_of_each(members)
        all_yanked = all(entry[9] is not None for entry, _ in listed)
        for entry, tags in listed:
            if all_yanked or entry[9] is None:
                signature = (entry[5] or "", tags)
                signatures[signature] = signatures.get(signature, 0) | bit
        uploads = [seconds_of(entry[7]) if entry[7] else NEVER for entry, _ in listed]
        times += [min(uploads), max(uploads)]
        prereleases |= bit if is_prerelease else 0
        yanked |= bit if all_yanked else 0
        files.append(tuple(entry for entry, _ in listed))
        bit <<= 1
    ordered = tuple((needs, tags, mask) for (needs, tags), mask in sorted(signatures.items()))
    digest = (tuple(versions), ordered, prereleases, yanked)
    packed = b"".join(number.to_bytes(4, "little") for number in times)
    return Page((*digest, listing_key(name, digest), packed), files, [])


def first_of_each(members: list[tuple[Plain, str]]) -> list[tuple[Plain, str]]:
    """Return *members* sorted by file name, the first of those with one name; the page's order decides."""
    members.sort(key=lambda member: member[0][0])
    if len({entry[0] for entry, _ in members}) == len(members):
        return members
    seen: dict[str, tuple[Plain, str]] = {}
    for member in members:
        seen.setdefault(member[0][0], member)
    return list(seen.values())


def listing_key(name: str, digest: tuple[Any, ...]) -> str:
    """Return the short digest of what a listing says."""
    versions, signatures, prereleases, yanked = digest[:4]
    parts = [name, *versions, f"{prereleases:x}", f"{yanked:x}"]
    parts += [f"{needs}|{tags}|{mask:x}" for needs, tags, mask in signatures]
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
