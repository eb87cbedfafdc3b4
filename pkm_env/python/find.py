"""Which Pythons this machine has, and the one among them that is asked for.

Looks on PATH, in pyenv's folders, in uv's, in Windows' registry. A name or folder tells a version
well enough to sort by; only those that may be the answer are run.
"""

from __future__ import annotations

import os
import sys

from pkm_env.model.distribution import Unavailable
from pkm_env.python.probe import OLDEST, probe
from pkm_env.python.venv import CONFIGURATION, base_program, read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from packaging.specifiers import SpecifierSet

    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Memory

PREFIXES = {"python": "cpython", "pypy": "pypy", "cpython": "cpython", "py": "cpython"}
FULL = 3  # numbers of a whole version: major, minor, patch
WITH_MINOR = 10  # from here on the digits of a number are those of major and minor: "312" is 3.12
# Patch releases that a minor version may have: what a specifier is tried with when only that is known.
PATCHES = range(40)


class Candidate:
    """A program that is probably a Python.

    ``path`` is absolute, ``origin`` says where it was found. ``implementation`` and ``version`` (none,
    one, two or three numbers) are guessed from its name or folder.
    """

    __slots__ = ("implementation", "origin", "path", "version")

    def __init__(
        self, path: str, origin: str, implementation: str = "", version: tuple[int, ...] = ()
    ) -> None:
        self.path = path
        self.origin = origin
        self.implementation = implementation
        self.version = version

    def __repr__(self) -> str:
        return f"Candidate({self.path!r}, {self.implementation!r}, {self.version!r})"


class Request:
    """A parsed wish for a Python: by version and implementation; both may be open."""

    __slots__ = ("implementation", "text", "version")

    def __init__(self, text: str, implementation: str = "", version: tuple[int, ...] = ()) -> None:
        self.text = text
        self.implementation = implementation
        self.version = version


def guess(name: str) -> tuple[str, tuple[int, ...]]:
    """Return implementation ("" for none) and version that a name such as "python3.13t" tells.

    Understands what pyenv, uv and users write: "3.12.1", "3.13t", "pypy3.10-7.3.12", "cpython-3.12.1-linux".
    """
    text = name.lower().removesuffix(".exe")
    letters = text.rstrip("0123456789.t") if text[:1].isalpha() else ""
    for prefix in ("cpython", "python", "pypy", "py"):
        if text.startswith(prefix):
            letters = prefix
            break
    rest = text[len(letters) :].lstrip("-@ ")
    digits = ""
    for character in rest:
        if character not in "0123456789.":
            break
        digits += character
    tail = rest[len(digits) :]
    parts = tuple(int(part) for part in digits.split(".") if part)
    implementation = PREFIXES.get(letters, "" if letters else "cpython")
    if implementation == "cpython" and (tail[:1] == "t" or "freethreaded" in tail):
        implementation = "cpython-freethreaded"
    known = bool(implementation) and (bool(parts) or not rest)
    if not known:
        return "", ()
    if len(parts) == 1 and parts[0] >= WITH_MINOR and str(parts[0])[0] == "3":
        parts = (3, int(str(parts[0])[1:]))
    return implementation, parts[:3]


def parse_request(text: str) -> Request | None:
    """Return the wish that *text* is, None when it can only be a path."""
    if os.sep in text or "/" in text:
        return None
    implementation, version = guess(text)
    if not implementation:
        return None
    return Request(text, implementation, version)


class Finder:
    """Finds Pythons; the world it looks at is given to it.

    *environ* holds PATH, PYENV_ROOT and the like, *home* is the user's folder; *own* is the interpreter
    that runs pkm, the last that is thought of.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        home: str,
        memory: Memory | None = None,
        platform: str = sys.platform,
        own: str = "",
    ) -> None:
        self._own = own
        self._environ = environ
        self._home = home
        self._memory = memory
        self._platform = platform
        self._candidates: list[Candidate] | None = None

    def candidates(self) -> list[Candidate]:
        """Return every program that is probably a Python, each file once, in the order of finding."""
        if self._candidates is None:
            seen: set[str] = set()
            found = []
            for told in self._all():
                base = base_of(told.path)
                # A Python of an environment stands for the one that it was made from.
                candidate = Candidate(base, told.origin) if base else told
                real = os.path.realpath(candidate.path)
                if real in seen or not os.path.exists(real):
                    continue
                seen.add(real)
                refine(candidate, real)
                found.append(candidate)
            self._candidates = found
        return self._candidates

    def _all(self) -> Iterator[Candidate]:
        path = self._environ.get("PATH", "")
        roots = dict.fromkeys((self._pyenv_root(), *pyenv_roots(path, self._platform)))
        yield from on_path(path, [os.path.join(root, "shims") for root in roots], self._platform)
        for root in roots:
            yield from in_versions(os.path.join(root, "versions"), "pyenv", self._platform)
        yield from in_versions(self._uv_folder(), "uv", self._platform)
        if self._platform == "win32":
            yield from in_registry()
        if self._own:
            yield Candidate(self._own, "pkm")

    def _pyenv_root(self) -> str:
        return self._environ.get("PYENV_ROOT") or os.path.join(self._home, ".pyenv")

    def _uv_folder(self) -> str:
        if self._environ.get("UV_PYTHON_INSTALL_DIR"):
            return self._environ["UV_PYTHON_INSTALL_DIR"]
        if self._platform == "win32":
            base = self._environ.get("APPDATA") or self._home
            return os.path.join(base, "uv", "python")
        base = self._environ.get("XDG_DATA_HOME") or os.path.join(self._home, ".local", "share")
        return os.path.join(base, "uv", "python")

    def find(
        self,
        request: str | None = None,
        specifier: SpecifierSet | None = None,
        *,
        implementation: str = "",
        cwd: str = "",
    ) -> Interpreter | Unavailable:
        """Return the newest Python that *request*, *specifier* and *implementation* admit.

        *request* is a version ("3.12", "3.12.1", "3.13t", "pypy3.10", ">=3.11,<3.13"), or a path
        (relative to *cwd*), of an environment too. Without a request for another implementation only
        "cpython" counts. Of one version, the first found wins; a pre-release only when nothing else is there.
        """
        wish: Request | None = Request("")
        if request and request[0] in "<>=!~":
            specifier = narrowed(request, specifier)
            if specifier is None:
                return Unavailable("python", f"{request} is no specifier of versions")
        elif request:
            wish = parse_request(request)
        if wish is None:
            return self._at(os.path.join(cwd, os.path.expanduser(request or "")), specifier)
        return self._newest(wish, specifier, implementation)

    def _newest(
        self, wish: Request, specifier: SpecifierSet | None, implementation: str
    ) -> Interpreter | Unavailable:
        """Return the newest Python that fits all three."""
        wanted = implementation or wish.implementation or "cpython"
        if wish.implementation not in {"", "cpython", wanted}:
            return Unavailable("python", f"{wish.text} is not {wanted}, which is asked for too")
        late: list[Interpreter] = []
        for candidate in self._fitting(wanted, wish.version, specifier):
            found = probe(candidate.path, self._memory, self._platform)
            if isinstance(found, Unavailable) or not admits(found, wanted, wish.version, specifier):
                continue
            if is_prerelease(found):
                late.append(found)
                continue
            return found
        return late[0] if late else self._nothing(wanted, wish, specifier)

    def _at(self, path: str, specifier: SpecifierSet | None) -> Interpreter | Unavailable:
        """Return the Python at a path: a program, or a folder that holds one."""
        if os.path.isdir(path):
            names = ("bin/python3", "bin/python", "Scripts/python.exe", "python.exe")
            path = next((there for name in names if os.path.exists(there := os.path.join(path, name))), path)
        found = probe(os.path.abspath(path), self._memory, self._platform)
        if isinstance(found, Unavailable) or specifier is None:
            return found
        if not specifier.contains(found.version, prereleases=True):
            reason = f"Python {found.version} at {found.path} does not fit {specifier}"
            return Unavailable("python", reason)
        return found

    def _fitting(
        self, implementation: str, version: tuple[int, ...], specifier: SpecifierSet | None
    ) -> Iterator[Candidate]:
        """Yield the candidates that may fit, newest first; those of unknown version are asked beforehand."""
        known = []
        for number, candidate in enumerate(self.candidates()):
            if not candidate.version:
                self._learn(candidate)
            if candidate.implementation not in {"", implementation} or not candidate.version:
                continue
            if may_be(candidate.version, version) and may_fit(candidate.version, specifier):
                known.append((candidate.version[:2], full(candidate.version), -number, candidate))
        known.sort(key=lambda entry: entry[:3], reverse=True)
        # python3.12 on PATH may be any 3.12: within one minor version all that are vague are asked.
        yield from self._sharpened(known)

    def _sharpened(
        self, known: list[tuple[tuple[int, ...], tuple[int, ...], int, Candidate]]
    ) -> Iterator[Candidate]:
        at = 0
        while at < len(known):
            minor = known[at][0]
            group = [entry for entry in known[at:] if entry[0] == minor]
            at += len(group)
            if len(group) > 1:
                for entry in group:
                    if len(entry[3].version) < FULL:
                        self._learn(entry[3])
                group.sort(key=lambda entry: (full(entry[3].version), entry[2]), reverse=True)
            yield from (entry[3] for entry in group)

    def _learn(self, candidate: Candidate) -> None:
        """Ask a program for its version; one that is no Python gets none."""
        found = probe(candidate.path, self._memory, self._platform)
        if isinstance(found, Unavailable):
            candidate.version = ()
        else:
            candidate.implementation = found.implementation
            candidate.version = numbers(found.version)

    def _nothing(self, implementation: str, wish: Request, specifier: SpecifierSet | None) -> Unavailable:
        """Return why no Python fits, with those that are there."""
        if wish.text:
            asked = wish.text if wish.text[:1].isalpha() else f"Python {wish.text}"
        else:
            asked = f"Python {specifier}" if specifier else "Python"
        if implementation != "cpython" and implementation not in asked:
            asked += f" ({implementation})"
        versions = {candidate.version for candidate in self.candidates()}
        there = sorted((version for version in versions if version >= OLDEST), reverse=True)
        shown = ", ".join(".".join(map(str, version)) for version in there) or "none"
        limit = f" that fits {specifier}" if wish.text and specifier else ""
        return Unavailable(
            "python",
            f"there is no {asked}{limit} on this machine (found: {shown})",
            hint="install it, or name another with -p",
        )


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a full version; "3.15.0a2" gives (3, 15, 0)."""
    major, minor, patch, *_ = (*version.split("."), "")
    digits = patch[: len(patch) - len(patch.lstrip("0123456789"))]
    return int(major), int(minor), int(digits or 0)


def full(version: tuple[int, ...]) -> tuple[int, ...]:
    """Return *version* with a patch level to sort by; an unknown one counts as the newest."""
    return (*version, *(999,) * (FULL - len(version)))


def is_prerelease(interpreter: Interpreter) -> bool:
    """Whether the interpreter is an alpha, a beta or a candidate."""
    return not interpreter.version.replace(".", "").isdigit()


def may_be(version: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a Python of *version*, as far as it is known, may be *wanted*."""
    return all(one == other for one, other in zip(version, wanted, strict=False))


def may_fit(version: tuple[int, ...], specifier: SpecifierSet | None) -> bool:
    """Whether a Python of *version*, as far as it is known, may fit *specifier*."""
    if specifier is None or len(version) == 1:
        return True
    if len(version) == FULL:
        texts: Iterable[str] = (".".join(map(str, version)),)
    else:
        texts = (f"{version[0]}.{version[1]}.{patch}" for patch in PATCHES)
    return any(specifier.contains(text, prereleases=True) for text in texts)


def admits(
    found: Interpreter, implementation: str, version: tuple[int, ...], specifier: SpecifierSet | None
) -> bool:
    """Whether a probed Python is what was asked for."""
    if found.implementation != implementation or not may_be(numbers(found.version), version):
        return False
    return specifier is None or specifier.contains(found.version, prereleases=True)


def refine(candidate: Candidate, real: str) -> None:
    """Sharpen a guess by the name that a link leads to: "python3" is often a link to "python3.12"."""
    implementation, version = guess(os.path.basename(real))
    if implementation and len(version) > max(1, len(candidate.version)):
        candidate.implementation, candidate.version = implementation, version


def narrowed(text: str, specifier: SpecifierSet | None) -> SpecifierSet | None:
    """Return what *text* and *specifier* admit both, None when *text* is none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(text)
    except InvalidSpecifier:
        return None
    return wanted if specifier is None else wanted & specifier


def base_of(path: str) -> str:
    """Return the program that the environment of the program at *path* was made from, "" when it is of none."""
    folder = os.path.dirname(path)
    for place in (folder, os.path.dirname(folder)):
        settings = read_settings(os.path.join(place, CONFIGURATION))
        if settings is not None:
            return base_program(path, settings) or path
    return ""


def pyenv_roots(path: str, platform: str) -> Iterator[str]:
    """Yield the folders of pyenv whose shims are on PATH, wherever they lie."""
    for folder in path.split(";" if platform == "win32" else ":"):
        root, name = os.path.split(os.path.normpath(folder))
        if name == "shims" and os.path.isabs(folder) and os.path.isdir(os.path.join(root, "versions")):
            yield root


def on_path(path: str, shims: Iterable[str], platform: str) -> Iterator[Candidate]:
    """Yield the Pythons on PATH, those with the most exact names first in each folder.

    pyenv's shims are left out: they run what the present folder asks for, not what they are named.
    """
    separator = ";" if platform == "win32" else ":"
    left_out = {os.path.normpath(folder) for folder in shims}
    for folder in dict.fromkeys(path.split(separator)):
        if not os.path.isabs(folder) or os.path.normpath(folder) in left_out:
            continue
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        found = []
        for name in names:
            if name[:2] != "py" or not is_python_name(name, platform):
                continue
            program = os.path.join(folder, name)
            if os.path.isfile(program) and os.access(program, os.X_OK):
                implementation, version = guess(name)
                if version[:1] == (2,) and implementation != "pypy":
                    continue
                # "python3" says 3 and no more: which one is told by the program itself.
                kept = version if len(version) > 1 else ()
                found.append((-len(kept), name, Candidate(program, "PATH", implementation, kept)))
        yield from (candidate for _, _, candidate in sorted(found, key=lambda entry: entry[:2]))


def is_python_name(name: str, platform: str) -> bool:
    """Whether *name* is that of an interpreter: python, python3.13t, pypy3.10; on Windows with .exe."""
    if platform == "win32":
        if not name.lower().endswith(".exe"):
            return False
        name = name[:-4]
    stem = name.removesuffix("t") if name[-2:-1].isdigit() else name
    return stem.rstrip("0123456789.") in {"python", "pypy"} and not stem.endswith(".")


def in_versions(folder: str, origin: str, platform: str) -> Iterator[Candidate]:
    """Yield the Pythons in a folder of installations, one each: pyenv's, uv's."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    inside = ("python.exe",) if platform == "win32" else ("bin/python3", "bin/python", "bin/pypy3")
    for name in names:
        implementation, version = guess(name)
        if not implementation:
            continue
        for program in inside:
            path = os.path.join(folder, name, *program.split("/"))
            if os.path.exists(path):
                yield Candidate(path, origin, implementation, version)
                break


def in_registry() -> Iterator[Candidate]:
    """Yield the Pythons that Windows' registry names. Source: PEP 514."""
    import winreg

    windows: Any = winreg  # which type checkers find empty elsewhere
    for root in (windows.HKEY_CURRENT_USER, windows.HKEY_LOCAL_MACHINE):
        for company in registry_keys(windows, root, r"Software\Python"):
            for tag in registry_keys(windows, root, rf"Software\Python\{company}"):
                path = registry_program(windows, root, rf"Software\Python\{company}\{tag}\InstallPath")
                if path:
                    implementation, version = guess(tag.partition("-")[0])
                    yield Candidate(path, f"registry ({company})", implementation, version)


def registry_keys(winreg: Any, root: object, path: str) -> list[str]:
    """Return the names of the keys below a key of the registry, none when it is not there.

    *winreg* is the module of that name, or something like it.
    """
    try:
        with winreg.OpenKey(root, path) as key:
            count = winreg.QueryInfoKey(key)[0]
            return [winreg.EnumKey(key, number) for number in range(count)]
    except OSError:
        return []


def registry_program(winreg: Any, root: object, path: str) -> str:
    """Return the interpreter that an InstallPath key names, "" when it names none that is there."""
    try:
        with winreg.OpenKey(root, path) as key:
            try:
                program = str(winreg.QueryValueEx(key, "ExecutablePath")[0])
            except OSError:
                folder = str(winreg.QueryValueEx(key, "")[0])
                program = os.path.join(folder, "python.exe")
    except OSError:
        return ""
    return program if os.path.exists(program) else ""
