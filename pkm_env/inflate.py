"""Deflate data unpacked by the quickest engine at hand: isal's, where it is installed, takes half of zlib's time."""

from __future__ import annotations

import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GZIP_OR_ZLIB = 47


class TooLarge(Exception):
    """Something is larger than the caller takes."""


class Damaged(Exception):
    """Data that should be packed is damaged, or ends early; the text says which."""


def load_inflate() -> tuple[Any, tuple[type[Exception], ...]]:
    """Return what makes a decompressor, and its errors."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompressobj, (zlib.error,)
    errors: tuple[Any, ...] = (zlib.error, isal_zlib.error)
    return isal_zlib.decompressobj, errors


INFLATE, INFLATE_ERRORS = load_inflate()


def inflated(data: bytes, limit: int) -> bytes:
    """Return data in the form of gzip or zlib unpacked; there may be several parts, one after the other.

    :raises TooLarge: when it unpacks to more than *limit* bytes.
    :raises Damaged: when its checksum says so, or when it ends early.
    """
    parts: list[bytes] = []
    room = limit
    while data:
        unpacker = INFLATE(GZIP_OR_ZLIB)
        try:
            part = unpacker.decompress(data, room + 1)
        except INFLATE_ERRORS as error:
            raise Damaged(f"the compressed data is damaged: {error}") from error
        room -= len(part)
        if room < 0:
            raise TooLarge
        if not unpacker.eof:
            raise Damaged("the compressed data ended early")
        parts.append(part)
        data = unpacker.unused_data
    return b"".join(parts)
