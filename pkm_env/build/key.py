"""Under which key a built wheel is kept: it changes with everything that the build is told.

What a build reads beside that (compilers, libraries of the system) is not part of it, as in other tools;
``--reinstall-package`` with ``--refresh-package`` builds anew.
"""

from __future__ import annotations

import hashlib
import os
from stat import S_ISDIR, S_ISLNK, S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pkm_env.model.interpreter import Interpreter

FORMAT = "1"
CHUNK = 1 << 20
# Folders whose content no wheel depends on: history, environments and caches of tools.
PASSED_OVER = frozenset(
    (
        ".git",
        ".hg",
        ".svn",
        ".venv",
        ".pkm",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".tox",
        ".nox",
    )
)


def python_tag(interpreter: Interpreter) -> str:
    """Return what of an interpreter decides about a wheel: its best tag ("cp312-cp312-linux_x86_64")."""
    return interpreter.tags[0]


def build_key(
    source: str,
    python: str,
    *,
    subdirectory: str = "",
    settings: Mapping[str, str | Sequence[str]] | None = None,
    requires: Sequence[str] = (),
    editable: bool = False,
) -> str:
    """Return the key, 64 hex digits.

    *source* identifies the content: "sha256:…" of an archive, "git:COMMIT", "tree:…" by ``tree_digest``.
    *python* is ``python_tag``. *requires* are build constraints or locked build requirements, in any order.
    """
    told = [FORMAT, source, python, subdirectory, "editable" if editable else "wheel"]
    for name, value in sorted((settings or {}).items()):
        told += ["setting", name, *([value] if isinstance(value, str) else value)]
    told += ["requires", *sorted(requires)]
    # Each text with its length, so that no two lists run together.
    return hashlib.sha256("".join(f"{len(text)}:{text}" for text in told).encode()).hexdigest()


def tree_digest(root: str) -> str:
    """Return "tree:…" for what the files below *root* hold: names, contents, execute bits and links.

    Times do not count, so a fresh clone has the digest of an old one. Folders of ``PASSED_OVER`` and compiled
    Python files are passed over.
    """
    whole = hashlib.sha256()
    for name, path in _files(root, ""):
        status = os.lstat(path)
        if S_ISLNK(status.st_mode):
            told = f"link {os.readlink(path)}"
        elif S_ISREG(status.st_mode):
            told = f"{'program' if status.st_mode & 0o100 else 'file'} {_digest(path)}"
        else:
            continue
        whole.update(f"{len(name)}:{name} {told}\n".encode("utf-8", "surrogateescape"))
    return f"tree:{whole.hexdigest()}"


def tree_paths(root: str) -> list[str]:
    """Return the folders and files that ``tree_digest`` looks at: it cannot change unless one of them does."""
    found = [root]
    for name in sorted(os.listdir(root)):
        path = os.path.join(root, name)
        if not S_ISDIR(os.lstat(path).st_mode):
            found.append(path)
        elif name not in PASSED_OVER:
            found += tree_paths(path)
    return found


def _files(folder: str, above: str) -> Iterator[tuple[str, str]]:
    """Yield relative name (with forward slashes) and path of everything that is no folder, sorted."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not S_ISDIR(os.lstat(path).st_mode):
            if not name.endswith((".pyc", ".pyo")):
                yield above + name, path
        elif name not in PASSED_OVER:
            yield from _files(path, f"{above}{name}/")


def _digest(path: str) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(CHUNK):
            found.update(block)
    return found.hexdigest()
