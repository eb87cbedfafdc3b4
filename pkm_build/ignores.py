"""What version control ignores, read without its program: ignore files and git's index.

A file that git tracks is not ignored, whatever a pattern says; so the index is read, but only once a pattern
matches something.

Source: gitignore(5), "PATTERN FORMAT"; git's Documentation/gitformat-index; hgignore(5).
"""

from __future__ import annotations

import os

from pkm_build.globs import is_magic, match_name, match_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Line = tuple[bool, bool, Callable[[str, str], bool], int]

WITH_MORE_FLAGS, WITH_SHORT_NAMES = 3, 4  # versions of git's index; the second cuts what names have in common


class Rules:
    """The patterns of one ignore file, for paths below the folder *base* that it lies in."""

    __slots__ = ("base", "label", "lines", "names", "simple", "suffixes")

    def __init__(self, text: str, base: str, label: str) -> None:
        self.base = base
        self.label = label
        self.lines: list[Line] = []
        self.simple = True
        names: set[str] = set()
        suffixes: set[str] = set()
        for at, raw in enumerate(text.splitlines(), 1):
            self.add(raw, at, names, suffixes)
        self.names = frozenset(names)
        self.suffixes = tuple(sorted(suffixes))

    def add(self, raw: str, at: int, names: set[str], suffixes: set[str]) -> None:
        """Take one line; plain names and ``*.suffix`` are also kept apart, for the quick test."""
        line = raw.rstrip("\r")
        if not line.endswith("\\ "):
            line = line.rstrip(" ")
        if not line or line[0] == "#":
            return
        negated = line[0] == "!"
        line = line[1:] if negated else line
        if negated:
            self.simple = False
        folder = line.endswith("/")
        line = line.rstrip("/")
        if line[:2] in ("\\!", "\\#"):
            line = line[1:]
        anchored = "/" in line
        line = line.lstrip("/")
        if not line:
            return
        if not anchored and not is_magic(line) and "\\" not in line:
            names.add(line)
        elif not anchored and line[0] == "*" and not is_magic(line[1:]) and "\\" not in line:
            suffixes.add(line[1:])
        else:
            self.simple = self.simple and False
        self.lines.append((negated, folder, tester(line, anchored), at))

    def verdict(self, path: str, name: str, folder: bool) -> tuple[bool, int] | None:
        """Return ``(ignored, line)`` of the last pattern that matches *path*, None when none does."""
        if self.simple and name not in self.names and not name.endswith(self.suffixes):
            return None
        below = path[len(self.base) + 1 :] if self.base else path
        for negated, only_folder, test, at in reversed(self.lines):
            if (folder or not only_folder) and test(below, name):
                return (not negated, at)
        return None


def tester(pattern: str, anchored: bool) -> Callable[[str, str], bool]:
    """Return the test of one pattern, given a path below its folder and the last name of that path."""
    if not anchored:
        if not is_magic(pattern) and "\\" not in pattern:
            return lambda _, name: name == pattern
        return lambda _, name: match_name(pattern, name)
    if not is_magic(pattern) and "\\" not in pattern:
        return lambda path, _: path == pattern
    parts = pattern.split("/")
    return lambda path, _: match_parts(parts, path.split("/"), above=False)


class Ignores:
    """All that ignores something in the project at *root*; paths are relative to it, with ``/``."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.git = ""  # the folder of the repository's own files, "" without git
        self.prefix = ""  # the project's path in the repository, ending with "/"
        self.outer: list[Rules] = []  # by files above the project, for paths with the prefix
        self.index: frozenset[str] | None = None
        self.stack: dict[str, list[Rules]] = {}
        self.partly: dict[str, str] = {}  # ignored folders with tracked files in them, and why
        self.regex: Callable[[str], int] | None = None
        self.find_repository()
        self.stack[""] = self.own_rules("")

    def find_repository(self) -> None:
        """Look for git's folder here and above; above, only when the project is not itself ignored there."""
        top = os.path.abspath(self.root)
        below: list[str] = []
        while True:
            marker = os.path.join(top, ".git")
            if os.path.exists(marker):
                break
            if not below and os.path.exists(os.path.join(top, ".hg")):
                return
            top, name = os.path.split(top)
            if not name:
                return
            below.insert(0, name)
        self.git = git_folder(marker)
        self.prefix = "".join([name + "/" for name in below])
        outer = []
        text = read_text(os.path.join(self.git, "info", "exclude"))
        if text:
            outer.append(Rules(text, "", ".git/info/exclude"))
        for depth in range(len(below)):
            folder = "/".join(below[:depth])
            text = read_text(os.path.join(top, *below[:depth], ".gitignore"))
            if text:
                outer.append(Rules(text, folder, "../" * (len(below) - depth) + ".gitignore"))
        self.outer = outer
        for depth in range(1, len(below) + 1):
            path = "/".join(below[:depth])
            if last_verdict(outer, path, below[depth - 1], folder=True) and not self.tracks_any(""):
                self.git, self.prefix, self.outer = "", "", []
                return

    def own_rules(self, folder: str) -> list[Rules]:
        """Return the rules of the ignore file in *folder*, if there is one."""
        text = read_text(os.path.join(self.root, folder, ".gitignore"))
        found = [Rules(text, folder, f"{folder}/.gitignore".lstrip("/"))] if text else []
        if not folder and not text:
            text = read_text(os.path.join(self.root, ".hgignore"))
            if text:
                found = self.hg_rules(text)
        return found

    def hg_rules(self, text: str) -> list[Rules]:
        """Return Mercurial's globs as rules; its regular expressions are compiled into one."""
        syntax = "regexp"
        globs, expressions = [], []
        for raw in text.splitlines():
            line = raw.partition("#")[0].strip()
            if line.startswith("syntax:"):
                syntax = line[7:].strip()
            elif line and syntax == "glob":
                globs.append(line)
            elif line and syntax in ("regexp", "re"):
                expressions.append(line)
            else:
                globs.append("")
        if expressions:
            import re  # 5 ms; only for Mercurial's expressions

            search = re.compile("|".join([f"(?:{one})" for one in expressions])).search
            self.regex = lambda path: 1 if search(path) else 0
        return [Rules("\n".join(globs), "", ".hgignore")]

    def rules_for(self, folder: str) -> list[Rules]:
        """Return the rules that hold in *folder*, those of the folders above it first."""
        found = self.stack.get(folder)
        if found is None:
            above = self.rules_for(folder.rpartition("/")[0])
            own = self.own_rules(folder)
            found = self.stack[folder] = above + own if own else above
        return found

    def why(self, path: str, name: str, folder: bool) -> str:
        """Return ``file:line`` of the pattern that ignores *path* itself, "" when none does or git tracks it."""
        above = path.rpartition("/")[0]
        label = self.partly.get(above) or last_verdict(self.rules_for(above), path, name, folder)
        if label == "" and self.outer:
            label = last_verdict(self.outer, self.prefix + path, name, folder)
        if not label and self.regex is not None and self.regex(path):
            label = ".hgignore"
        if not label:
            return ""
        if folder and self.tracks_any(path + "/"):
            self.partly[path] = label
            return ""
        if folder:
            return label
        return "" if self.tracks(path) else label

    def tracked(self) -> frozenset[str]:
        """Return the paths in git's index, relative to the repository."""
        if self.index is None:
            self.index = read_index(os.path.join(self.git, "index")) if self.git else frozenset()
        return self.index

    def tracks(self, path: str) -> bool:
        """Return whether git tracks the file."""
        return self.prefix + path in self.tracked()

    def tracks_any(self, folder: str) -> bool:
        """Return whether git tracks a file whose path begins with *folder*."""
        start = self.prefix + folder
        return any(path.startswith(start) for path in self.tracked())


def last_verdict(rules: list[Rules], path: str, name: str, folder: bool) -> str | None:
    """Return ``file:line`` when *path* is ignored, None when a pattern re-admits it, "" when none matches."""
    for group in reversed(rules):
        found = group.verdict(path, name, folder)
        if found is not None:
            return f"{group.label}:{found[1]}" if found[0] else None
    return ""


def read_text(path: str) -> str:
    """Return the text of a file, "" where there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def git_folder(marker: str) -> str:
    """Return where git keeps its files: *marker*, or the folder that the file *marker* names."""
    if os.path.isdir(marker):
        return marker
    text = read_text(marker).strip()
    folder = text[7:].strip() if text.startswith("gitdir:") else ""
    return os.path.join(os.path.dirname(marker), folder) if folder else ""


def read_index(path: str) -> frozenset[str]:
    """Return the paths in a git index of version 2, 3 or 4; empty for one that is not understood."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError:
        return frozenset()
    version = int.from_bytes(data[4:8], "big")
    if data[:4] != b"DIRC" or version not in (2, WITH_MORE_FLAGS, WITH_SHORT_NAMES):
        return frozenset()
    config = read_text(os.path.join(os.path.dirname(path), "config")).lower()
    fixed = 40 + (32 if "objectformat" in config and "sha256" in config else 20) + 2
    at = 12
    found = []
    previous = b""
    for _ in range(int.from_bytes(data[8:12], "big")):
        flags = int.from_bytes(data[at + fixed - 2 : at + fixed], "big")
        start = at + fixed + (2 if flags & 0x4000 and version >= WITH_MORE_FLAGS else 0)
        if version == WITH_SHORT_NAMES:
            drop, start = read_varint(data, start)
            end = data.index(b"\0", start)
            previous = previous[: len(previous) - drop] + data[start:end]
            at = end + 1
        else:
            end = data.index(b"\0", start)
            previous = data[start:end]
            at += (end - at + 8) & ~7
        found.append(previous.decode("utf-8", "surrogateescape"))
    return frozenset(found)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number in git's offset encoding, and where it ends."""
    byte = data[at]
    value = byte & 0x7F
    at += 1
    while byte & 0x80:
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
        at += 1
    return value, at
