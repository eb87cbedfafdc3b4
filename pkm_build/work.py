"""One build under way: what was read before it, and the folders it works in outside of the tree."""

from __future__ import annotations

from pkm_build.errors import Fault, show_key
from pkm_build.people import lacks_scheme
from pkm_build.settings import key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pkm_build.project import Project
    from pkm_build.settings import Settings
    from pkm_build.source import Source


class Build:
    """One build: the project, its settings, options and variables, and what was found on the way.

    *state* is one of wheel, editable, sdist, metadata_wheel, metadata_editable; *epoch* the time of all archive
    members; *warn* collects what the user should know; *hook_tags* are the tags that a hook asks for;
    *member_sources* maps members of the wheel to where they come from.
    """

    __slots__ = (
        "environ",
        "epoch",
        "hook_tags",
        "member_sources",
        "options",
        "project",
        "root",
        "settings",
        "source",
        "state",
        "version",
        "warn",
        "work_folders",
    )

    root: str
    source: Source
    project: Project
    settings: Settings
    options: dict[str, str]
    environ: Mapping[str, str]
    epoch: int
    version: str
    state: str
    warn: list[str]
    work_folders: list[str]
    hook_tags: tuple[str, ...]
    member_sources: dict[str, str | bytes]

    def fault(self, key: tuple[str | int, ...], message: str, hint: str = "") -> None:
        """Note that pyproject.toml says something at *key* that the tree belies."""
        self.source.faults.append(Fault(key_of(self.settings, key), message, hint))

    def place(self, key: tuple[str | int, ...], shown: str = "") -> str:
        """Return ``pyproject.toml:LINE: KEY (SHOWN)``, for what only running shows to be wrong."""
        from pkm_build.positions import locate

        key = key_of(self.settings, key)
        line, _ = locate(self.source.text, [key])[0]
        return f"pyproject.toml:{line}: {show_key(key)}" + (f" ({shown})" if shown else "")


def urls_without_scheme(build: Build) -> list[str]:
    """Return a warning for each URL without a scheme, with its place."""
    return [
        f'{build.place(("project", "urls", label))}: "{url}" has no scheme, and an index would refuse it; '
        f'did you mean "https://{url}"?'
        for label, url in build.project.urls.items()
        if lacks_scheme(url)
    ]


def stem(build: Build) -> str:
    """Return ``name-version`` as it stands in file names."""
    return f"{build.project.name.replace('-', '_')}-{build.version.replace('-', '_')}"


def work_folder(build: Build, purpose: str) -> str:
    """Return an empty folder that is removed when *build* is done."""
    import tempfile

    folder = tempfile.mkdtemp(prefix=f"pkm-{purpose}-")
    build.work_folders.append(folder)
    return folder


def remove_work_folders(build: Build) -> None:
    """Remove all work folders of *build*."""
    import shutil

    while build.work_folders:
        shutil.rmtree(build.work_folders.pop(), ignore_errors=True)
