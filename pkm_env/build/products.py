"""What a backend hands over is looked at before anybody trusts it.

Source: PEP 517 and 660 (what hooks return), Binary distribution format, Source distribution format.
"""

from __future__ import annotations

import os
import zipfile
from stat import S_ISREG

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from pkm_build.errors import PkmError
from pkm_env.build.archive import ZIP_FAULTS
from pkm_env.build.sdist import split_sdist_filename
from pkm_env.model.core_metadata import InvalidMetadata, parse_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    from pkm_env.model.distribution import Metadata

METADATA_BYTES = 16 << 20


class Unfit(PkmError):
    """Something handed over does not fit; ``str()`` is the reason, and the frontend says of what."""


def check_name_and_version(found: tuple[str, str], name: str, version: str) -> None:
    """Compare what was built with what was expected, "" where nothing was.

    :raises Unfit: when they differ.
    """
    if (name and found[0] != name) or (version and Version(found[1]) != Version(version)):
        wanted = " ".join(part for part in (name, version) if part)
        raise Unfit(f"its backend made {found[0]} {found[1]} and not {wanted}")


def file_handed_over(folder: str, answer: Any) -> str:
    """Return the path of the file that a hook says it made in *folder*.

    :raises Unfit: when the answer is no file name, or no regular file of that name is there.
    """
    if not isinstance(answer, str) or not answer or os.path.basename(answer) != answer or "\\" in answer:
        raise Unfit(f"its backend answered {answer!r} where the name of a file is due")
    path = os.path.join(folder, answer)
    if not os.path.lexists(path):
        raise Unfit(f"its backend says that it made {answer}, which is not there")
    if not S_ISREG(os.lstat(path).st_mode):
        raise Unfit(f"{answer}, which its backend made, is no regular file")
    return path


def check_wheel(path: str, name: str, version: str, tags: Container[str] = ()) -> Metadata:
    """Return the metadata of the wheel at *path* when it is what was asked for.

    *tags* are those that fit ("py3-none-any"), empty when any does.

    :raises Unfit: when file name, metadata and expectation contradict each other, or no tag fits.
    """
    filename = os.path.basename(path)
    try:
        raw_name, parsed, _, found_tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise Unfit(f"{filename} is no file name of a wheel") from error
    check_name_and_version((raw_name, str(parsed)), name, version)
    if tags and not any(str(tag) in tags for tag in found_tags):
        raise Unfit(f"{filename}, which its backend made, does not fit the Python that it was built with")
    metadata = wheel_metadata(path)
    if metadata.name != raw_name or Version(metadata.version) != parsed:
        raise Unfit(f"{filename} holds the metadata of {metadata.name} {metadata.version}")
    return metadata


def wheel_metadata(path: str) -> Metadata:
    """Return what METADATA of the wheel at *path* says.

    :raises Unfit: when it is no zip archive, or has not one readable METADATA.
    """
    filename = os.path.basename(path)
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if _is_metadata(info.filename)]
            if len(found) != 1 or found[0].file_size > METADATA_BYTES:
                raise Unfit(f"{filename} has {'no' if not found else 'no single'} METADATA")
            text = archive.read(found[0]).decode("utf-8", "replace")
    except ZIP_FAULTS as error:
        raise Unfit(f"{filename} is no readable wheel: {error}") from error
    return _parsed(text, filename)


def _is_metadata(member: str) -> bool:
    folder, slash, name = member.partition("/")
    return bool(slash) and name == "METADATA" and folder.endswith(".dist-info")


def _parsed(text: str, filename: str) -> Metadata:
    try:
        return parse_metadata(text)
    except InvalidMetadata as error:
        raise Unfit(f"{filename}: {error}") from error


def check_metadata_folder(folder: str, answer: Any, name: str, version: str) -> Metadata:
    """Return what METADATA says in the ``.dist-info`` folder *answer* that a hook made in *folder*.

    :raises Unfit: when there is no such folder, or it speaks of something else.
    """
    if not isinstance(answer, str) or os.path.basename(answer) != answer or not answer.endswith(".dist-info"):
        raise Unfit(f"its backend answered {answer!r} where the name of a .dist-info folder is due")
    path = os.path.join(folder, answer, "METADATA")
    if os.path.islink(os.path.dirname(path)) or not os.path.lexists(path):
        raise Unfit(f"its backend says that it made {answer}, which has no METADATA")
    status = os.lstat(path)
    if not S_ISREG(status.st_mode) or status.st_size > METADATA_BYTES:
        raise Unfit(f"METADATA, which its backend made in {answer}, is no regular file of a usual size")
    with open(path, encoding="utf-8", errors="replace") as stream:
        found = _parsed(stream.read(), answer)
    check_name_and_version((found.name, found.version), name, version)
    return found


def check_sdist(path: str, name: str, version: str) -> None:
    """Compare the file name of an sdist with what was asked for.

    :raises Unfit: when it is no ``.tar.gz`` of that name and version.
    """
    filename = os.path.basename(path)
    found = split_sdist_filename(filename) if filename.endswith(".tar.gz") else None
    if found is None:
        raise Unfit(f"{filename}, which its backend made, is no file name of an sdist")
    check_name_and_version(found, name, version)
