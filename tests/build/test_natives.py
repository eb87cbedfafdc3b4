"""Tags from the content of a wheel."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkm_build import builder, natives, tags
from pkm_build.archives import NATIVE_MAGIC
from pkm_build.compiling import for_all
from pkm_build.errors import BuildError


def elf(machine, bits=2, order="little"):
    ident = b"\x7fELF" + bytes([bits, 1 if order == "little" else 2, 1]) + bytes(9)
    return ident + (3).to_bytes(2, order) + machine.to_bytes(2, order) + bytes(44)


def pe(machine):
    return (
        b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + machine.to_bytes(2, "little") + bytes(20)
    )


def macho(cpu, version=None, old=False):
    command = b""
    if version:
        number = version[0] << 16 | version[1] << 8
        command = (
            struct.pack("<4I", 0x24, 16, number, 0) if old else struct.pack("<6I", 0x32, 24, 1, number, 0, 0)
        )
    return struct.pack("<8I", 0xFEEDFACF, cpu, 0, 6, 1 if command else 0, len(command), 0, 0) + command


def fat(*slices):
    head, body, start = b"", b"", 8 + 20 * len(slices)
    for data in slices:
        head += struct.pack(">5I", int.from_bytes(data[4:8], "little"), 0, start + len(body), len(data), 0)
        body += data
    return b"\xca\xfe\xba\xbe" + struct.pack(">I", len(slices)) + head + body


X86, ARM = 0x0100_0007, 0x0100_000C
PLATFORMS = {
    "x86_64": (elf(62), "linux_x86_64"),
    "aarch64": (elf(183), "linux_aarch64"),
    "i686": (elf(3, bits=1), "linux_i686"),
    "ppc64le": (elf(21), "linux_ppc64le"),
    "ppc64": (elf(21, order="big"), "linux_ppc64"),
    "s390x": (elf(22, order="big"), "linux_s390x"),
    "win64": (pe(0x8664), "win_amd64"),
    "win32": (pe(0x14C), "win32"),
    "win arm": (pe(0xAA64), "win_arm64"),
    "mac arm": (macho(ARM, (14, 2)), "macosx_14_0_arm64"),
    "mac old": (macho(X86, (10, 13), old=True), "macosx_10_13_x86_64"),
    "mac unsaid": (macho(ARM), "macosx_11_0_arm64"),
    "universal2": (fat(macho(X86, (10, 15)), macho(ARM, (11, 0))), "macosx_10_15_universal2"),
    "fat of old": (fat(macho(7, (10, 6)), macho(X86, (10, 6))), "macosx_10_6_intel"),
    "fat of one": (fat(macho(ARM, (12, 0))), "macosx_12_0_arm64"),
}


@pytest.mark.parametrize(("data", "expected"), PLATFORMS.values(), ids=PLATFORMS)
def test_the_platform_is_read_from_the_file(data, expected):
    assert natives.platform_of(data) == expected


ODD = {
    "a text": b"hello",
    "a text that begins like a program": b"MZ is how this text begins" + bytes(60),
    "a Java class": b"\xca\xfe\xba\xbe\0\0\0\x34",
    "no images": b"\xca\xfe\xba\xbe\0\0\0\0",
    "images that are cut off": b"\xca\xfe\xba\xbe\0\0\0\2",
    "four bytes": b"\x7fELF",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_what_only_begins_like_a_native_file_is_none(data):
    assert natives.platform_of(data) == ""


@given(st.sampled_from(NATIVE_MAGIC), st.binary(max_size=80))
def test_a_file_of_noise_is_read_without_trouble(magic, noise):
    assert isinstance(natives.platform_of(magic + noise), str)


def test_a_count_of_commands_that_the_file_does_not_hold_ends_with_the_file():
    data = bytearray(macho(X86, (10, 13)))
    data[16:20] = b"\xff" * 4
    assert natives.platform_of(bytes(data)) == "macosx_10_13_x86_64"


PY = {"spam/__init__.py": ""}
WHEELS = {
    "library": ("spam/libx.so", "py3-none-linux_x86_64"),
    "versioned library": ("spam/libx.so.1.2", "py3-none-linux_x86_64"),
    "program": ("spam/bin/tool", "py3-none-linux_x86_64"),
    "module": ("spam/_x.cpython-312-x86_64-linux-gnu.so", "cp312-cp312-linux_x86_64"),
    "free-threaded": ("spam/_x.cpython-313t-x86_64-linux-gnu.so", "cp313-cp313t-linux_x86_64"),
    "pypy": ("spam/_x.pypy310-pp73-x86_64-linux-gnu.so", "pp310-pypy310_pp73-linux_x86_64"),
    "plain suffix": ("spam/x.pypy3.so", "py3-none-linux_x86_64"),
    "debug": ("spam/_x.cpython-313td-x86_64-linux-gnu.so", "cp313-cp313td-linux_x86_64"),
    "abi3": ("spam/_x.abi3.so", "cp310-abi3-linux_x86_64"),
    "abi3 of one system": ("spam/_x.abi3-x86_64-linux-gnu.so", "cp310-abi3-linux_x86_64"),
    "abi3t": ("spam/_x.abi3t.so", "cp310-abi3t-linux_x86_64"),
}


@pytest.mark.parametrize(("path", "tag"), WHEELS.values(), ids=WHEELS)
def test_a_native_file_decides_the_tag(sample, path, tag, capsys):
    made = sample(
        {**PY, path: elf(62)},
        head=(
            '[build-system]\nrequires=[]\n[project]\nname="spam"\nversion="1.0"\nrequires-python=">=3.10"\n'
        ),
    )
    wheel = made.wheel()
    assert wheel.name == f"spam-1.0-{tag}.whl"
    assert f"Tag: {tag}\n" in wheel.info("WHEEL")
    assert "Root-Is-Purelib: false" in wheel.info("WHEEL")
    assert "is native, so the tag is" in capsys.readouterr().err


def test_windows_modules_have_their_tag_in_their_name(sample):
    wheel = sample({**PY, "spam/_x.cp311-win_amd64.pyd": pe(0x8664)}).wheel()
    assert wheel.name == "spam-1.0-cp311-cp311-win_amd64.whl"


@pytest.mark.parametrize(
    ("asked", "python"),
    [(">=3.9", "cp39"), ("~=3.11", "cp311"), ("== 3.12.*", "cp312"), ("<4,>=3.10", "cp310")],
)
def test_a_limited_module_is_for_the_oldest_python_that_is_asked_for(sample, asked, python):
    head = f'[build-system]\nrequires=[]\n[project]\nname="spam"\nversion="1.0"\nrequires-python="{asked}"\n'
    wheel = sample({**PY, "spam/_x.abi3.so": elf(62)}, head=head).wheel()
    assert wheel.name == f"spam-1.0-{python}-abi3-linux_x86_64.whl"


def test_a_windows_module_without_a_tag_is_limited_where_its_extension_is(sample):
    table = "[[tool.pkm.build.extension]]\nname = 'spam.{0}'\nsources = ['x.c']\n"
    made = sample({**PY, "x.c": ""}, table.format("_a") + "limited-api = '3.9'\n" + table.format("_b"))
    build = builder.start(str(made.root), None, {}, "wheel")
    here = natives.current()
    names = ("spam/_a.pyd", "spam/_b.pyd", "spam/_c.pyd", "spam/c.dll")
    assert [natives.python_of(name, build) for name in names] == [("cp39", "abi3"), here, here, None]


def test_a_limited_module_may_not_need_a_newer_python_than_the_full_one_beside_it(sample):
    head = '[build-system]\nrequires=[]\n[project]\nname="spam"\nversion="1.0"\nrequires-python=">=3.13"\n'
    files = {**PY, "spam/_a.abi3.so": elf(62), "spam/_b.cpython-312-x86_64-linux-gnu.so": elf(62)}
    with pytest.raises(BuildError, match="several Pythons: cp312-cp312, cp313-abi3"):
        sample(files, head=head).wheel()


def test_files_for_several_machines_of_macos_are_refused(sample):
    files = {"spam/a.dylib": macho(ARM, (12, 0)), "spam/b.dylib": macho(X86, (12, 0))}
    with pytest.raises(BuildError, match="different platforms"):
        sample({**PY, **files}).wheel()


def test_a_static_library_is_for_the_machine_that_builds(sample):
    wheel = sample({**PY, "spam/x.a": b"!<arch>\n" + bytes(60)}).wheel()
    assert wheel.name == f"spam-1.0-py3-none-{natives.host_platform()}.whl"


def test_a_machine_that_is_not_known_is_that_which_builds():
    assert natives.platform_of(elf(9999)) == natives.host_platform()
    assert natives.platform_of(elf(62, bits=1)) == natives.host_platform()  # x32


def test_a_full_module_beside_a_limited_one_decides(sample):
    files = {**PY, "spam/_a.abi3.so": elf(62), "spam/_b.cpython-312-x86_64-linux-gnu.so": elf(62)}
    head = '[build-system]\nrequires=[]\n[project]\nname="spam"\nversion="1.0"\nrequires-python=">=3.10"\n'
    assert sample(files, head=head).wheel().name == "spam-1.0-cp312-cp312-linux_x86_64.whl"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"spam/a.so": elf(62), "spam/b.so": elf(183)}, "different platforms"),
        ({"spam/a.so": elf(62), "spam/b.dll": pe(0x8664)}, "different platforms"),
        ({f"spam/a.cpython-{n}-x86_64-linux-gnu.so": elf(62) for n in (311, 312)}, "several Pythons"),
        ({"spam/a.cpython-311-x86_64-linux-gnu.so": b"text"}, "no ELF, Mach-O or PE"),
    ],
)
def test_native_files_that_do_not_go_together_are_refused(sample, files, words):
    made = sample({**PY, **files})
    with pytest.raises(BuildError, match=words):
        made.wheel()
    assert list(made.out.iterdir()) == []


def test_launchers_for_several_systems_are_data(sample, capsys):
    files = {"spam/t32.exe": pe(0x14C), "spam/t64.exe": pe(0x8664), "spam/t64-arm.exe": pe(0xAA64)}
    assert sample({**PY, **files}).wheel().name == "spam-1.0-py3-none-any.whl"
    assert "taken as data" in capsys.readouterr().err


def test_the_highest_macos_of_all_files_counts(sample):
    files = {"spam/a.dylib": macho(ARM, (12, 0)), "spam/b.dylib": macho(ARM, (14, 0))}
    assert sample({**PY, **files}).wheel().name == "spam-1.0-py3-none-macosx_14_0_arm64.whl"


@pytest.mark.parametrize("path", ["spam/x.so", "spam/tool"])
def test_a_native_file_in_a_wheel_that_is_said_to_be_pure_is_an_error(sample, path):
    made = sample({**PY, path: elf(62)}, "[tool.pkm.build]\npure = true\n")
    with pytest.raises(BuildError, match="native code"):
        made.wheel()
    assert list(made.out.glob("*")) == []


def test_tags_can_be_said(sample):
    made = sample(
        {**PY, "spam/x.so": elf(62)}, '[tool.pkm.build]\ntags = ["py3-none-manylinux_2_28_x86_64"]\n'
    )
    assert made.wheel().name == "spam-1.0-py3-none-manylinux_2_28_x86_64.whl"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"build-number": "7"}, "spam-1.0-7-py3-none-any.whl"),
        ({"--build-number": ["7", "8_x"]}, "spam-1.0-8_x-py3-none-any.whl"),
        ({"tag": "py2.py3-none-any"}, "spam-1.0-py2.py3-none-any.whl"),
    ],
)
def test_config_settings_say_number_and_tag(sample, settings, name):
    wheel = sample(PY).wheel(settings)
    assert wheel.name == name
    assert ("Build: " in wheel.info("WHEEL")) is ("build" in str(settings))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"profle": "x"}, 'did you mean "profile"'),
        ({"zzz": "x"}, "known are"),
        ({"build-number": "x7"}, "digit"),
        ({"tag": "x"}, "no tag"),
        ({"tag": "py3..py2-none-any"}, "no tag"),
        ({"build-number": ""}, "digit"),
        ({"editable": "frm"}, "auto, pth and farm"),
    ],
)
def test_wrong_config_settings_are_refused(sample, settings, words):
    with pytest.raises(BuildError) as caught:
        sample(PY).wheel(settings)
    assert words in f"{caught.value} {caught.value.hint}"


def test_compressed_tags_expand_and_join():
    assert tags.expand("py2.py3-none-any") == ["py2-none-any", "py3-none-any"]
    assert tags.compress(["py3-none-any", "py2-none-any"]) == "py2.py3-none-any"
    with pytest.raises(BuildError, match="one file name"):
        tags.compress(["cp311-cp311-any", "cp312-cp312-any"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("spam/_x.abi3-x86_64-linux-gnu.so", "spam/_x.abi3.so"),
        ("spam/_x.abi3.so", "spam/_x.abi3.so"),
        ("spam/_x.cpython-315-x86_64-linux-gnu.so", "spam/_x.cpython-315-x86_64-linux-gnu.so"),
        ("spam.abi3-x/_x.pyd", "spam.abi3-x/_x.pyd"),
    ],
)
def test_a_module_with_the_limited_api_has_the_name_that_every_python_knows(name: str, expected: str):
    assert for_all(name) == expected
