"""Whole files and what is made of them: fetched, built, or refused."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pkm_env.build.steps import together
from pkm_env.cache.manifest import BadWheel
from pkm_env.fetch import Fetcher
from pkm_env.index.errors import HashMismatch, Offline
from pkm_env.model.distribution import File, Metadata, Source, Unavailable
from pkm_env.wanted import NoWheel, Wanted
from tests.support.supplies import spec
from tests.support.wheels import make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pkm_env.build.steps import Steps
    from pkm_env.provision import Provision
    from tests.support.index_server import LocalIndex
    from tests.support.supplies import World


class FakeBuilder:
    """Builds a wheel of what it was told; counts what it was asked."""

    def __init__(self, name: str = "spam", version: str = "1.0", *, static: Metadata | None = None) -> None:
        self.name = name
        self.version = version
        self.static = static
        self.asked: list[str] = []

    def static_metadata(self, path: str) -> Metadata | None:
        self.asked.append(f"static {os.path.basename(path)}")
        return self.static

    def built_metadata(
        self, path: str, subdirectory: str = "", *, package: str = ""
    ) -> Metadata | Unavailable:
        assert package in {"", self.name, "spam"}
        self.asked.append(f"metadata {os.path.basename(path)} {subdirectory}".strip())
        return Metadata(self.name, self.version, ("eggs",))

    def requires(
        self, path: str, subdirectory: str = "", *, editable: bool = False, package: str = ""
    ) -> tuple[tuple[str, ...], str]:
        self.asked.append(f"requires {os.path.basename(path)} {subdirectory} {package} {editable}")
        return ("setuptools",), ""

    def wheel_steps(
        self,
        path: str,
        folder: Callable[[], str],
        subdirectory: str = "",
        *,
        editable: bool = False,
        package: str = "",
    ) -> Steps[str]:
        assert package
        kind = "editable" if editable else "wheel"
        self.asked.append(f"{kind} {os.path.basename(path)} {subdirectory}".strip())
        return (yield lambda: str(make_wheel(folder(), self.name, self.version)))

    def together(self, works):
        return together(works, most=2, stop=lambda: None)

    def cache_key(
        self, path: str, subdirectory: str = "", *, editable: bool = False, package: str = ""
    ) -> str:
        assert package
        return "" if editable else f"key-{os.path.basename(path)}-{subdirectory}"


def wheel_of(index: LocalIndex, name: str = "spam", **how) -> Wanted:
    listed = index.add_wheel(name, "1.0", **how)
    file = File(
        listed.filename,
        index.file_url(listed.filename),
        hashes={"sha256": listed.sha256},
        size=listed.size,
        index="main",
    )
    return Wanted(name, "1.0", file=file)


def provision(world: World, *indexes: LocalIndex, **options) -> Provision:
    specs = [spec(index, f"index-{number}") for number, index in enumerate(indexes)]
    return world.supply(*specs, **options).provision


def leftovers(world: World) -> list[str]:
    folder = world.folder / "cache" / "tmp-1"
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_many_wheels_come_in_parallel_and_in_the_order_asked(world: World, index: LocalIndex):
    wanted = [wheel_of(index, f"spam{number}") for number in range(12)]
    wheels = provision(world, index).wheels(wanted, world.told)
    assert [wheel.manifest.name for wheel in wheels] == [item.name for item in wanted]
    assert index.count(".whl") == 12
    assert 1 < index.connections <= 8
    assert leftovers(world) == []


class CrowdedWheels:
    """Stands for a cache of wheels: nothing is unpacked until *crowd* are being unpacked at a time."""

    def __init__(self, crowd: int) -> None:
        self.most = 0
        self._now = 0
        self._crowd = crowd
        self._crowded = threading.Event()
        self._counting = threading.Lock()

    def add(self, *_: str) -> None:
        with self._counting:
            self._now += 1
            self.most = max(self.most, self._now)
            if self._now == self._crowd:
                self._crowded.set()
        assert self._crowded.wait(60)
        with self._counting:
            self._now -= 1


def test_no_more_wheels_are_unpacked_at_a_time_than_processors_can():
    many = (os.cpu_count() or 1) + 1
    wheels = CrowdedWheels(many)
    made = Fetcher(wheels, lambda: (None, None), None)
    threads = [
        threading.Thread(target=made._unpacked, args=("spam", "", "spam", None)) for _ in range(4 * many)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wheels.most == many


def test_of_several_that_fail_the_first_is_told_and_all_is_cleaned_up(world: World, index: LocalIndex):
    wanted = [wheel_of(index, f"spam{number}") for number in range(6)]
    for item in wanted[1:]:
        index.replace(item.file.filename, b"another content")
    with pytest.raises(HashMismatch):
        provision(world, index).wheels(wanted, world.told)
    assert leftovers(world) == []


def test_a_bad_wheel_is_refused_though_its_hash_agrees(world: World, index: LocalIndex):
    wanted = wheel_of(index, edit_recorded=lambda members: members.update({"../evil.py": b""}))
    with pytest.raises(BadWheel, match=r"spam-1\.0-py3-none-any\.whl"):
        provision(world, index).wheels([wanted], world.told)
    assert leftovers(world) == []
    assert not (world.folder / "evil.py").exists()


def test_what_is_no_digest_leads_to_no_place_outside_of_the_cache(world: World, index: LocalIndex):
    (whole,) = provision(world, index).wheels([wheel_of(index)], world.told)
    # A tree that looks like one of the cache, as a project could bring it.
    shutil.copytree(os.path.dirname(whole.path), world.folder / "planted")
    for digest in ("../../planted", str(world.folder / "planted"), ".."):
        wanted = wheel_of(index)
        wanted.hashes = {"sha256": digest}
        with pytest.raises(HashMismatch):
            provision(world, index).wheels([wanted], world.told)
    assert not list(world.folder.glob("*.lock"))


def test_offline_says_which_file_is_missing(world: World, index: LocalIndex):
    wanted = wheel_of(index)
    with pytest.raises(Offline, match=r"spam-1\.0-py3-none-any\.whl is not in the cache"):
        provision(world, index, offline=True).wheels([wanted], world.told)
    provision(world, index).wheels([wanted], world.told)
    assert provision(world, index, offline=True).wheels([wanted], world.told)


def test_a_damaged_manifest_is_fetched_again(world: World, index: LocalIndex):
    wanted = wheel_of(index)
    (wheel,) = provision(world, index).wheels([wanted], world.told)
    manifest = os.path.join(os.path.dirname(wheel.path), "manifest")
    with open(manifest, "r+b") as file:
        file.write(b"\0\0\0\0")
    (again,) = provision(world, index).wheels([wanted], world.told)
    assert again.manifest == wheel.manifest or again.manifest.name == "spam"
    assert index.count(".whl") == 2


def test_a_cache_that_cannot_be_written_is_replaced_by_a_scratch_folder(world: World, index: LocalIndex):
    wanted = wheel_of(index)
    (world.folder / "cache").write_text("in the way")
    files = provision(world, index)
    (wheel,) = files.wheels([wanted], world.told)
    assert os.path.exists(os.path.join(wheel.path, "spam.py"))
    assert len(world.told.warnings) == 1


def test_a_cache_that_becomes_full_is_replaced_by_a_scratch_folder(world: World, index: LocalIndex):
    files = provision(world, index)
    files.wheels([wheel_of(index)], world.told)
    folder = world.folder / "cache" / "tmp-1"
    folder.rmdir()
    folder.write_text("in the way")
    (wheel,) = files.wheels([wheel_of(index, "eggs")], world.told)
    assert not wheel.path.startswith(str(world.folder / "cache"))
    assert len(world.told.warnings) == 1


def test_a_file_without_a_hash_in_the_index_gets_one(world: World, index: LocalIndex):
    wanted = wheel_of(index)
    bare = File(wanted.file.filename, wanted.file.url, index="main")
    sha256 = wanted.file.hashes["sha256"]
    assert provision(world, index).fetcher.hashes(bare) == {"sha256": sha256}
    assert provision(world, index).fetcher.hashes(bare) == {"sha256": sha256}
    assert provision(world, index).wheels([wanted], world.told)
    assert index.count(".whl") == 1


def test_a_wheel_of_a_folder_is_taken_from_there(world: World):
    path = make_wheel(world.folder / "dist", "spam", "1.0")
    file = File(path.name, path.as_uri(), path=str(path))
    (wheel,) = provision(world).wheels([Wanted("spam", "1.0", file=file)], world.told)
    assert wheel.manifest.name == "spam"
    with pytest.raises(HashMismatch):
        provision(world).wheels([Wanted("spam", "1.0", file=file, hashes={"sha256": "0" * 64})], world.told)


def test_a_locked_wheel_of_a_folder_that_is_another_is_named_by_its_path(world: World):
    path = make_wheel(world.folder / "dist", "spam", "1.0")
    file = File(path.name, "", path=str(path), hashes={"sha256": "0" * 64})
    with pytest.raises(HashMismatch, match=r"from .*dist.*spam-1\.0"):
        provision(world).wheels([Wanted("spam", "1.0", file=file)], world.told)


def test_an_sdist_that_says_all_is_not_built_for_its_metadata(world: World, index: LocalIndex):
    world.builder = FakeBuilder(static=Metadata("spam", "1.0", ("ham",)))
    index.add_sdist("spam", "1.0")
    found = world.supply(spec(index)).metadata("spam", "1.0")
    assert isinstance(found, Metadata)
    assert found.requires == ("ham",)
    assert world.builder.asked == ["static spam-1.0.tar.gz"]


def test_an_sdist_is_built_when_it_is_asked_for_and_not_ahead_of_that(world: World, index: LocalIndex):
    world.builder = FakeBuilder()
    index.add_sdist("spam", "1.0")
    index.add_wheel("eggs", "1.0", requires=["spam"])
    supply = world.supply(spec(index))
    supply.hint(["eggs", "spam"], [("spam", "1.0")])
    supply.listing("eggs")
    supply.metadata("eggs", "1.0")
    supply.listing("spam")
    assert world.builder.asked == []
    found = supply.metadata("spam", "1.0")
    assert isinstance(found, Metadata)
    assert found.requires == ("eggs",)
    assert world.builder.asked == ["static spam-1.0.tar.gz", "metadata spam-1.0.tar.gz"]
    world.builder.asked.clear()
    assert world.supply(spec(index)).metadata("spam", "1.0") == found
    assert world.builder.asked == []


def test_an_sdist_that_becomes_another_release_is_refused(world: World, index: LocalIndex):
    world.builder = FakeBuilder(version="2.0")
    index.add_sdist("spam", "1.0")
    found = world.supply(spec(index)).metadata("spam", "1.0")
    assert isinstance(found, Unavailable)
    assert "that it is version 2.0" in found.reason


def test_without_a_builder_an_sdist_tells_why_it_is_not_built(world: World, index: LocalIndex):
    index.add_sdist("spam", "1.0")
    found = world.supply(spec(index)).metadata("spam", "1.0")
    assert isinstance(found, Unavailable)
    assert found.kind == "no-build"


def test_a_wheel_is_built_once_from_one_sdist(world: World, index: LocalIndex):
    world.builder = FakeBuilder()
    listed = index.add_sdist("spam", "1.0")
    file = File(listed.filename, index.file_url(listed.filename), hashes={"sha256": listed.sha256})
    wanted = Wanted("spam", "1.0", file=file)
    first = provision(world, index).wheels([wanted], world.told)
    second = provision(world, index).wheels([wanted], world.told)
    assert [wheel.path for wheel in first] == [wheel.path for wheel in second]
    assert world.builder.asked == ["wheel spam-1.0.tar.gz"]
    assert index.count(".tar.gz") == 1
    assert leftovers(world) == []


@pytest.mark.parametrize(("name", "version"), [("eggs", "1.0"), ("spam", "1.1")])
def test_a_build_that_gives_another_package_is_refused(
    world: World, index: LocalIndex, name: str, version: str
):
    world.builder = FakeBuilder(name, version)
    listed = index.add_sdist("spam", "1.0")
    file = File(listed.filename, index.file_url(listed.filename), hashes={"sha256": listed.sha256})
    for _ in range(2):
        with pytest.raises(NoWheel, match=f"building spam 1.0 gave .*{version}"):
            provision(world, index).wheels([Wanted("spam", "1.0", file=file)], world.told)


def test_a_damaged_archive_of_the_cache_is_fetched_again(world: World, index: LocalIndex):
    listed = index.add_sdist("spam", "1.0")
    file = File(listed.filename, index.file_url(listed.filename), hashes={"sha256": listed.sha256})
    path = provision(world, index).fetcher.fetch_archive(file)
    with open(path, "ab") as kept:
        kept.write(b"x")
    again = provision(world, index).fetcher.fetch_archive(file)
    with open(again, "rb") as kept:
        assert hashlib.sha256(kept.read()).hexdigest() == listed.sha256
    assert index.count(".tar.gz") == 2


def test_a_url_is_locked_with_its_digest_and_checked_against_it(world: World, index: LocalIndex):
    listed = index.add_wheel("spam", "1.0", requires=["eggs"])
    source = Source("archive", index.file_url(listed.filename))
    found = world.supply().direct("spam", source)
    assert isinstance(found, tuple)
    assert found[0].hashes == {"sha256": listed.sha256}
    assert found[1].requires == ("eggs",)
    wrong = Source("archive", index.file_url(listed.filename), hashes={"sha256": "0" * 64})
    with pytest.raises(HashMismatch):
        world.supply().direct("spam", wrong)


def test_a_url_of_another_project_is_refused(world: World, index: LocalIndex):
    listed = index.add_wheel("spam", "1.0")
    found = world.supply().direct("eggs", Source("archive", index.file_url(listed.filename)))
    assert isinstance(found, Unavailable)
    assert "is spam, not eggs" in found.reason


def test_a_local_archive_is_a_source(world: World):
    world.builder = FakeBuilder(static=Metadata("spam", "1.0"))
    path = make_sdist(world.folder / "dist", "spam", "1.0")
    found = world.supply().direct("", Source("archive", str(path)))
    assert isinstance(found, tuple)
    assert found[1] == Metadata("spam", "1.0")


def test_a_folder_is_a_source_and_is_asked_once(world: World):
    world.builder = FakeBuilder()
    source = Source("directory", str(world.folder))
    supply = world.supply()
    assert supply.direct("spam", source) == supply.direct("spam", source)
    assert [asked.split()[0] for asked in world.builder.asked] == ["static", "metadata"]


def test_two_runs_at_once_fetch_a_file_once(world: World, index: LocalIndex):
    wanted = wheel_of(index)
    gate = index.hold(".whl")
    runs = [provision(world, index) for _ in range(2)]
    threads = [threading.Thread(target=run.wheels, args=([wanted], world.told)) for run in runs]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert index.count(".whl") == 1


FETCH = """
import sys
from pathlib import Path
from pkm_env.model.distribution import File
from pkm_env.wanted import Wanted
from tests.support.supplies import World
world = World(Path(sys.argv[1]))
files = [item.split("|") for item in sys.argv[2:]]
wanted = [Wanted(n, "1.0", file=File(f, u, hashes={"sha256": s})) for n, f, u, s in files]
assert len(world.supply().provision.wheels(wanted, world.told)) == len(wanted)
assert not world.told.warnings, world.told.warnings
"""


def test_four_processes_share_one_cold_cache(world: World, index: LocalIndex):
    wanted = [wheel_of(index, f"spam{number}") for number in range(5)]
    told = [
        "|".join([item.name, item.file.filename, item.file.url, item.file.hashes["sha256"]])
        for item in wanted
    ]
    command = [sys.executable, "-c", FETCH, str(world.folder), *told]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 4
    assert index.count(".whl") == 5
    assert leftovers(world) == []


def test_an_sdist_is_told_as_fetched_before_it_is_built(world: World, index: LocalIndex):
    listed = index.add_sdist("spam", "1.0")
    file = File(
        listed.filename, index.file_url(listed.filename), hashes={"sha256": listed.sha256}, size=listed.size
    )
    told: list[str] = []

    class Told:
        def phase(self, text: str) -> None:
            told.append(text)

        def start(self, kind: str, name: str, total: int | None = None) -> int:
            told.append(f"{kind} {name} {total}")
            return len(told)

        def advance(self, number: int, amount: int) -> None:
            assert amount, number

        def finish(self, number: int) -> None:
            assert number

    world.builder = FakeBuilder()
    provided = world.supply(spec(index)).provision
    (wheel,) = provided.wheels([Wanted("spam", "1.0", file=file)], Told(), phase="Fetching")
    assert wheel.manifest.name == "spam"
    assert told == [f"fetch spam {listed.size}", "build spam None"]
