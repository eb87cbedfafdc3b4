"""The body of an answer, read whole within a limit."""

from __future__ import annotations

from pkm_env.index.wire import CutShort
from pkm_env.inflate import TooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pkm_env.index.wire import Reply

CHUNK = 1 << 18


def read_body(response: Reply, limit: int) -> tuple[bytes, bool]:
    """Return the whole body as it came, and whether it is gzip data.

    :raises TooLarge: when it has more than *limit* bytes.
    :raises CutShort: when it ends before its announced end.
    """
    parts = []
    total = 0
    if response.length is not None and response.length > limit:
        raise TooLarge
    delimited = response.length is not None or response.chunked
    while data := response.read(CHUNK):
        total += len(data)
        if total > limit:
            raise TooLarge
        parts.append(data)
    if response.length:
        raise CutShort(f"the answer ended {response.length} bytes early")
    body = b"".join(parts)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"gzip", "x-gzip", "deflate"}:
        return body, True
    if not delimited and b"<html" in body[:1000].lower() and b"</html" not in body[-1000:].lower():
        raise CutShort("the answer has no end")
    return body, False


def too_large(limit: int) -> str:
    """Return in a phrase that a page has more than *limit* bytes."""
    return f"it is larger than {limit >> 20} MB"
