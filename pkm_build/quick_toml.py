"""A strict, quick reading of ordinary TOML: what most pyproject.toml files are written in.

It knows bare and plainly quoted keys, strings without the rarer escapes, whole and decimal numbers, booleans,
arrays and inline tables; for anything else, and for anything wrong, it returns None, and a whole parser reads the
text. Importing one costs 13 ms of CPU (8 where `tomli` is compiled), half of a whole hook. A property test holds it
against `tomli`.

Source: TOML 1.0.0.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BARE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
DIGITS = "0123456789"
ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
MAX_DIGITS = 15


class Unusual(Exception):
    """Something that the quick reading does not know."""


def quick_loads(text: str) -> dict[str, Any] | None:
    """Return what a TOML text says, None where a whole parser must read it."""
    try:
        return Reader(text).document()
    except (Unusual, IndexError, RecursionError):
        return None


class Reader:
    """One pass over a text. Tables are known by identity: *opened* by a header, or *closed* for headers."""

    def __init__(self, text: str) -> None:
        self.text = text + "\n"
        self.at = 0
        self.root: dict[str, Any] = {}
        self.opened: set[int] = {id(self.root)}
        self.closed: dict[int, object] = {}  # holds the values, so that no id comes twice
        self.arrays: dict[int, object] = {}

    def document(self) -> dict[str, Any]:
        """Read all of the text."""
        table = self.root
        text, end = self.text, len(self.text)
        while True:
            self.skip_lines()
            if self.at >= end:
                return self.root
            if text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.line_end()

    def skip_blanks(self) -> str:
        """Go past blanks, and return the character there."""
        text, at = self.text, self.at
        while text[at] in " \t":
            at += 1
        self.at = at
        return text[at]

    def skip_lines(self) -> None:
        """Go past blanks, comments and line ends, up to the end of the text."""
        text, end = self.text, len(self.text)
        while self.at < end:
            char = text[self.at]
            if char == "#":
                self.comment()
            elif char in " \t\n":
                self.at += 1
            else:
                return

    def comment(self) -> None:
        """Go past a comment, up to its line end."""
        end = self.text.index("\n", self.at)
        if not self.text[self.at : end].replace("\t", " ").isprintable():
            raise Unusual
        self.at = end

    def line_end(self) -> None:
        """Go past the end of a line, a comment before it too."""
        char = self.skip_blanks()
        if char == "#":
            self.comment()
        elif char != "\n":
            raise Unusual

    def quoted(self) -> str:
        """Read a string of one line."""
        text, start = self.text, self.at + 1
        mark = text[self.at]
        end = text.find(mark, start)
        inside = text[start:end]
        if end < 0 or (end == start and text[end + 1] == mark):  # three quotes begin a text of several lines
            raise Unusual
        if mark == '"' and "\\" in inside:
            return self.escaped()
        if not inside.isprintable():
            raise Unusual
        self.at = end + 1
        return inside

    def escaped(self) -> str:
        """Read a basic string with the plainest escapes."""
        text, at = self.text, self.at + 1
        out = []
        while text[at] != '"':
            char = text[at]
            if char == "\\":
                at += 1
                char = ESCAPES.get(text[at], "")
            elif not char.isprintable():
                raise Unusual
            if not char:
                raise Unusual
            out.append(char)
            at += 1
        self.at = at + 1
        return "".join(out)

    def long(self) -> str:
        """Read a string of several lines without escapes."""
        text = self.text
        mark = text[self.at : self.at + 3]
        start = self.at + 3
        end = text.find(mark, start)
        inside = text[start:end]
        plain = inside.replace("\n", "").replace("\t", "").isprintable()
        if end < 0 or not plain or text[end + 3] == mark[0] or (mark[0] == '"' and "\\" in inside):
            raise Unusual
        self.at = end + 3
        return inside.removeprefix("\n")

    def key(self) -> list[str]:
        """Read a key, its parts apart."""
        parts = []
        while True:
            char = self.skip_blanks()
            if char in "\"'":
                parts.append(self.quoted())
            else:
                start = self.at
                while self.text[self.at] in BARE:
                    self.at += 1
                if self.at == start:
                    raise Unusual
                parts.append(self.text[start : self.at])
            if self.skip_blanks() != ".":
                return parts
            self.at += 1

    def header(self) -> dict[str, Any]:
        """Read a header, and return the table that it opens."""
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        parts = self.key()
        close = "]]" if many else "]"
        if not self.text.startswith(close, self.at):
            raise Unusual
        self.at += len(close)
        table = self.root
        for part in parts[:-1]:
            table = self.below(table, part)
        last = parts[-1]
        if many:
            return self.element(table, last)
        found = table.get(last)
        if found is None:
            found = table[last] = {}
        elif not isinstance(found, dict) or id(found) in self.opened or id(found) in self.closed:
            raise Unusual
        self.opened.add(id(found))
        return found

    def below(self, table: dict[str, Any], part: str) -> dict[str, Any]:
        """Return the table that a header goes through; of an array of tables its last."""
        found = table.get(part)
        if found is None:
            found = table[part] = {}
        elif isinstance(found, list) and id(found) in self.arrays:
            found = found[-1]
        if not isinstance(found, dict) or id(found) in self.closed:
            raise Unusual
        return found

    def element(self, table: dict[str, Any], name: str) -> dict[str, Any]:
        """Return a new last table of an array of tables."""
        found = table.get(name)
        if found is None:
            found = table[name] = []
            self.arrays[id(found)] = found
        elif id(found) not in self.arrays:
            raise Unusual
        made: dict[str, Any] = {}
        self.opened.add(id(made))
        found.append(made)
        return made

    def pair(self, table: dict[str, Any]) -> None:
        """Read ``key = value`` into *table*; the tables that a dotted key makes are closed for headers."""
        parts = self.key()
        if self.text[self.at] != "=":
            raise Unusual
        self.at += 1
        for part in parts[:-1]:
            if part in table:
                raise Unusual
            made: dict[str, Any] = {}
            self.closed[id(made)] = made
            table[part] = made
            table = made
        if parts[-1] in table:
            raise Unusual
        self.skip_blanks()
        table[parts[-1]] = self.value()

    def value(self) -> Any:
        """Read a value."""
        text, char = self.text, self.text[self.at]
        if char in "\"'":
            return self.long() if text.startswith(char * 3, self.at) else self.quoted()
        if char == "[":
            return self.array()
        if char == "{":
            return self.inline()
        for word, value in (("true", True), ("false", False)):
            if text.startswith(word, self.at):
                self.at += len(word)
                return value
        return self.number()

    def number(self) -> int | float:
        """Read a whole or decimal number in its plain form."""
        start = self.at
        if self.text[self.at] == "-":
            self.at += 1
        self.digits()
        if self.text[self.at] != ".":
            return int(self.text[start : self.at])
        self.at += 1
        first = self.at
        while self.text[self.at] in DIGITS:
            self.at += 1
        if self.at == first or self.text[self.at] in "eE_":
            raise Unusual
        return float(self.text[start : self.at])

    def digits(self) -> None:
        """Go past a whole number without sign, in its shortest form."""
        start = self.at
        while self.text[self.at] in DIGITS:
            self.at += 1
        digits = self.text[start : self.at]
        if not digits or (digits[0] == "0" and digits != "0") or len(digits) > MAX_DIGITS:
            raise Unusual

    def array(self) -> list[Any]:
        """Read an array, over several lines too."""
        self.at += 1
        found: list[Any] = []
        while True:
            self.skip_lines()
            if self.text[self.at] == "]":
                break
            found.append(self.value())
            self.skip_lines()
            if self.text[self.at] == "]":
                break
            if self.text[self.at] != ",":
                raise Unusual
            self.at += 1
        self.at += 1
        return found

    def inline(self) -> dict[str, Any]:
        """Read an inline table, which stands on one line and does not end with a comma."""
        self.at += 1
        found: dict[str, Any] = {}
        self.closed[id(found)] = found
        if self.skip_blanks() == "}":
            self.at += 1
            return found
        while True:
            self.pair(found)
            char = self.skip_blanks()
            self.at += 1
            if char == "}":
                return found
            if char != ",":
                raise Unusual
