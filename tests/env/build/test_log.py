from __future__ import annotations

import pytest

from pkm_env.build.log import LINE_CHARS, telling_lines

GCC = """running build_ext
gcc -c src/fast.c -o build/fast.o
In file included from src/fast.c:1:
src/fast.c:3:10: fatal error: zlib.h: No such file or directory
    3 | #include <zlib.h>
      |          ^~~~~~~~
compilation terminated.
error: command '/usr/bin/gcc' failed with exit code 1
"""
MSVC = """fast.c
src\\fast.c(3): fatal error C1083: Cannot open include file: 'zlib.h': No such file or directory
error: command 'cl.exe' failed with exit code 2
"""
RUST = """   Compiling spam v0.1.0
error[E0425]: cannot find value `x` in this scope
 --> src/lib.rs:4:5
error: could not compile `spam` (lib) due to 1 previous error
"""
CMAKE = """-- The C compiler identification is GNU 12.2.0
CMake Error at CMakeLists.txt:4 (find_package):
  Could not find a package configuration file provided by "Foo"
-- Configuring incomplete, errors occurred!
"""
MESON = """The Meson build system
../meson.build:5:7: ERROR: Dependency "blas" not found, tried pkgconfig
"""
LINKER = """cc -shared -o fast.so fast.o -lfoo
/usr/bin/ld: cannot find -lfoo: No such file or directory
collect2: error: ld returned 1 exit status
"""
TRACEBACK = """Some output
Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/pyproject_hooks/_in_process/_in_process.py", line 389, in <module>
    main()
  File "/src/tree/setup.py", line 12, in <module>
    import numpy
  File "<frozen importlib._bootstrap>", line 1, in x
ModuleNotFoundError: No module named 'numpy'
"""
CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in <module>
ValueError: first line
second line
"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (GCC, "src/fast.c:3:10: fatal error: zlib.h: No such file or directory"),
        (MSVC, MSVC.splitlines()[1]),
        (RUST, "error[E0425]: cannot find value `x` in this scope"),
        (CMAKE, "CMake Error at CMakeLists.txt:4 (find_package):"),
        (MESON, '../meson.build:5:7: ERROR: Dependency "blas" not found, tried pkgconfig'),
        (LINKER, "/usr/bin/ld: cannot find -lfoo: No such file or directory"),
        (TRACEBACK, "setup.py:12: ModuleNotFoundError: No module named 'numpy'"),
        (CHAINED, "b.py:2: ValueError: first line"),
        (
            "pkm_build: pyproject.toml:7:1: project.x: unknown key\n" + TRACEBACK,
            "pyproject.toml:7:1: project.x: unknown key",
        ),
        ("one\n\ntwo\n", "one"),
    ],
    ids=["gcc", "msvc", "rust", "cmake", "meson", "linker", "traceback", "chained", "pkm_build", "plain"],
)
def test_first_line_is_the_one_that_tells_most(output: str, expected: str) -> None:
    assert telling_lines(output, folders=["/src/tree"])[0] == expected


def test_further_lines_of_an_exception_follow_it() -> None:
    assert telling_lines(CHAINED)[1:] == ["second line"]


def test_what_cmake_says_of_its_error_follows_it() -> None:
    assert telling_lines(CMAKE)[1] == 'Could not find a package configuration file provided by "Foo"'


def test_only_the_last_lines_stand_for_output_without_an_error() -> None:
    assert telling_lines("\n".join(map(str, range(20)))) == ["15", "16", "17", "18", "19"]


def test_nothing_is_said_of_no_output() -> None:
    assert telling_lines("") == []


def test_colours_and_other_terminal_codes_are_gone() -> None:
    assert telling_lines("\x1b[1;31merror: \x1b[0mbad\x1b]0;title\x07 \x9b\r\n") == ["error: bad \\x9b"]


def test_long_lines_are_shortened() -> None:
    (line,) = telling_lines("error: " + "x" * 1000)
    assert len(line) == LINE_CHARS
