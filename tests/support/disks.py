"""File systems that are soon full, and those that clone."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def small_file_system(place: Path, size: str) -> Iterator[None]:
    """Mount a file system of *size* ("1m") at the folder *place*; the test is skipped where that cannot be done."""
    require("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", place)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Let nothing be written to the small file system at *place*."""
    require("mount", "-o", "remount,ro", place)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)


@contextmanager
def cloning_file_system(folder: Path) -> Iterator[None]:
    """Mount a btrfs at the folder *folder*/disk, which is made; the test is skipped where that cannot be done."""
    image, place = folder / "image", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(256 << 20)
    require("mkfs.btrfs", "--quiet", image)
    require("mount", "-o", "loop", image, place)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def require(*command: object) -> None:
    """Run a program of the system; the test is skipped where there is none, or it refuses."""
    words = [*map(str, command)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no {words[0]} on this system")
    if done.returncode:
        pytest.skip(f"{words[0]} does not do it here: {done.stderr.strip()}")
