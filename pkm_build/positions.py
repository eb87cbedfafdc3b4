"""Line and column of keys in a TOML text.

TOML parsers give values without their places. This scanner gives the places without the values; it is loaded
only after a fault was found, and takes the text to be valid TOML, as a parser has read it before.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Key = tuple[str | int, ...]

BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
HEX = {"x": 2, "u": 4, "U": 8}


def locate(text: str, keys: Sequence[Key]) -> list[tuple[int, int]]:
    """Return line and column, from 1, of each key path: of the key itself, of an array's element its value.

    A path that is not in the text (a missing key) has the place of its nearest ancestor, 1:1 at the least.
    """
    places = Scanner(text).places()
    found = []
    for key in keys:
        near = key
        while near and near not in places:
            near = near[:-1]
        found.append(line_and_column(text, places.get(near, 0)))
    return found


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the place of *offset*, both counted from 1, columns in characters."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


class Scanner:
    """One pass over a TOML text that notes where each key path begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Key, int] = {(): 0}
        self.lengths: dict[Key, int] = {}

    def places(self) -> dict[Key, int]:
        """Return the offset of every key path in the text."""
        base: Key = ()
        while self.skip("\n"):
            if self.text[self.at] == "[":
                base = self.header()
            else:
                self.pair(base)
        return self.found

    def skip(self, blanks: str = "") -> bool:
        """Go past blanks, and past line ends and comments where *blanks* has a line end; False at the end."""
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            if char == "#" and blanks:
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif char in " \t\r\ufeff" or char in blanks:
                self.at += 1
            else:
                return True
        return False

    def note(self, key: Key, offset: int) -> None:
        """Keep where a key path begins, the first time that it is met."""
        self.found.setdefault(key, offset)

    def resolve(self, parts: Sequence[str], offset: int, base: Key = ()) -> Key:
        """Return the whole path of *parts* below *base*: an array of tables means its last element."""
        key = base
        for part in parts:
            if key in self.lengths:
                key = (*key, self.lengths[key] - 1)
            key = (*key, part)
            self.note(key, offset)
        return key

    def header(self) -> Key:
        """Read a table header, and return the path that it opens."""
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 2 if many else 1
        parts = self.dotted()
        self.at += 2 if many else 1
        if not many:
            key = self.resolve(parts, start)
            return (*key, self.lengths[key] - 1) if key in self.lengths else key
        key = self.resolve(parts, start)
        self.lengths[key] = self.lengths.get(key, 0) + 1
        key = (*key, self.lengths[key] - 1)
        self.note(key, start)
        return key

    def dotted(self) -> list[str]:
        """Read a dotted key."""
        parts = []
        while True:
            self.skip()
            parts.append(self.simple_key())
            self.skip()
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return parts
            self.at += 1

    def simple_key(self) -> str:
        """Read one part of a key, bare or quoted."""
        if self.text[self.at] in "\"'":
            return self.quoted()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in BARE:
            self.at += 1
        if self.at == start:  # not TOML: go on rather than stand still
            self.at += 1
        return self.text[start : self.at]

    def quoted(self) -> str:
        """Read a string of any of the four kinds."""
        text, mark = self.text, self.text[self.at]
        close = mark * 3 if text.startswith(mark * 3, self.at) else mark
        self.at += len(close)
        out: list[str] = []
        while self.at < len(text) and not text.startswith(close, self.at):
            if text[self.at] == "\\" and mark == '"':
                out.append(self.escape())
            else:
                out.append(text[self.at])
                self.at += 1
        self.at += len(close)
        while close != mark and text.startswith(mark, self.at):  # one or two more may end the text itself
            self.at += 1
        return "".join(out)

    def escape(self) -> str:
        """Read an escape in a basic string."""
        letter = self.text[self.at + 1 : self.at + 2]
        size = HEX.get(letter, 0)
        digits = self.text[self.at + 2 : self.at + 2 + size]
        self.at += 2 + size
        if size:
            return chr(int(digits, 16))
        return ESCAPES.get(letter, "")

    def pair(self, base: Key) -> None:
        """Read ``key = value`` below *base*."""
        start = self.at
        key = self.resolve(self.dotted(), start, base)
        self.skip()
        self.at += 1  # the "="
        self.value(key)

    def value(self, key: Key) -> None:
        """Go past a value, noting the keys and elements in it."""
        self.skip("\n")
        char = self.text[self.at : self.at + 1]
        if char == "[":
            self.array(key)
        elif char == "{":
            self.inline(key)
        elif char and char in "\"'":
            self.quoted()
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def array(self, key: Key) -> None:
        """Go past an array."""
        self.at += 1
        index = 0
        while self.skip("\n") and self.text[self.at] != "]":
            self.note((*key, index), self.at)
            self.value((*key, index))
            index += 1
            if self.skip("\n") and self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def inline(self, key: Key) -> None:
        """Go past an inline table."""
        self.at += 1
        while self.skip("\n") and self.text[self.at] != "}":
            self.pair(key)
            if self.skip("\n") and self.text[self.at] == ",":
                self.at += 1
        self.at += 1
