"""The compiled modules of a wheel: made once for each Python, kept beside its tree, linked like its files.

What is kept, and whether it is whole, is ``cache.bytecode``'s.

A hard link or copy keeps the size and time of its source, which is what an interpreter asks of
bytecode; so what was compiled for the tree in the cache is current in every environment. Compiling the
122 packages of a data project takes half a minute; linking the result a fraction of a second.

Source: PEP 3147, PEP 552 (timestamp-based files); the interpreter that will load them does the work.
"""

from __future__ import annotations

import errno
import os

from pkm_build.errors import PkmError
from pkm_env.cache.bytecode import (
    INDEX,
    UNFINISHED,
    bytecode_from,
    whole_bytecode,
)
from pkm_env.cache.manifest import record_row
from pkm_env.files import remove_tree, replace, write_new
from pkm_env.hands import hands_for, share
from pkm_env.install.installed import list_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

    from pkm_env.cache.bytecode import Bytecode
    from pkm_env.cache.manifest import UnpackedWheel
    from pkm_env.install.wheel import Placement
    from pkm_env.model.interpreter import Interpreter
    from pkm_env.model.ports import Reporter
    from pkm_env.python.venv import Venv

CACHE = "__pycache__"
# Work that takes longer than this is taken for work that never ends.
TIMEOUT_S = 600
# What a module costs beside its size, counted as size.
MODULE_BYTES = 500
# What is told of each compiled module: its path, size and checksum.
TOLD = 3
# How the script ends when the disk takes no more.
NO_PLACE = 75
# Reads "source, target, name in tracebacks" lines, separated by NUL; prints the cache tag, then path, size and
# checksum of each target that was made. It gets the time of its source: an edit of it, and a torn one, are seen by a
# look. What does not compile (templates, Python 2) is left out, as pip does. ``py_compile`` is not used: on a full
# disk that of most Pythons writes a part of a file and says nothing.
SCRIPT = """
import binascii, errno, importlib.machinery, importlib.util, marshal, os, sys, warnings
warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)
out = [sys.implementation.cache_tag or ""]
no_place = {getattr(errno, name, errno.ENOSPC) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")}
def compiled(source, name):
    loader = importlib.machinery.SourceFileLoader("", source)
    status = os.stat(source)
    numbers = 0, int(status.st_mtime), status.st_size
    head = b"".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in numbers)
    code = loader.source_to_code(loader.get_data(source), name)
    return importlib.util.MAGIC_NUMBER + head + marshal.dumps(code), status.st_mtime_ns
def write(target, content, time_ns):
    part = target + ".part"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        with open(part, "wb") as stream:
            stream.write(content)
        os.utime(part, ns=(time_ns, time_ns))
        os.replace(part, target)
    except OSError:
        if os.path.exists(part):
            os.unlink(part)
        raise
for line in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\\0\\0"):
    if not line:
        continue
    source, target, name = line.split("\\0")
    target += "." + out[0] + ".pyc"
    try:
        content, time_ns = compiled(source, name)
        write(target, content, time_ns)
    except OSError as error:
        if error.errno in no_place:
            sys.exit(NO_PLACE)
        continue
    except Exception:  # whatever a compiler of any Python raises for a module, as py_compile has it
        continue
    out += target, str(len(content)), str(binascii.crc32(content))
sys.stdout.buffer.write("\\0".join(out).encode("utf-8", "surrogateescape"))
""".replace("NO_PLACE", str(NO_PLACE))


class CompilationFailed(PkmError):
    """The interpreter that should compile does not do its work."""


def bytecode_key(interpreter: Interpreter) -> str:
    """Return what tells the bytecode of one Python from another's: releases of a minor version share theirs."""
    final = interpreter.version.replace(".", "").isdigit()
    return f"{interpreter.implementation}-{interpreter.minor if final else interpreter.version}"


def bytecode_path(wheel: UnpackedWheel, interpreter: Interpreter) -> str:
    """Return where the compiled modules of *wheel* lie."""
    return f"{wheel.path}.{bytecode_key(interpreter)}"


def kept_bytecode(
    wheels: Mapping[str, UnpackedWheel], interpreter: Interpreter, reporter: Reporter | None
) -> dict[str, Bytecode]:
    """Return what the cache holds whole of the compiled modules of *wheels*, by name; *reporter* is told of damage.

    Their content is not read.
    """
    found: dict[str, Bytecode] = {}
    damaged: dict[str, str] = {}

    def look(name: str) -> None:
        kept, path = whole_bytecode(bytecode_path(wheels[name], interpreter), wheels[name])
        if kept is not None:
            found[name] = kept
        elif path:
            damaged[name] = path

    files = sum(len(sizes) for wheel in wheels.values() for sizes in wheel.manifest.sizes)
    share(sorted(wheels), look, hands_for(files))
    for name, path in sorted(damaged.items()):
        if reporter:
            reporter.warn(f"the cache held damaged bytecode of {name} ({path}); it is compiled anew")
    return found


def bytecode_of(
    wheels: Mapping[str, UnpackedWheel],
    interpreter: Interpreter,
    scratch: str,
    reporter: Reporter | None = None,
    refuse: Callable[[OSError], None] = lambda _: None,
) -> dict[str, Bytecode]:
    """Return the compiled modules of each of *wheels* by its name, compiling what is not there yet.

    That is done for all wheels together; *reporter* is told which they are.

    Where the cache cannot be written, which *refuse* is told, they are put into the folder *scratch*, which is made
    for it.

    :raises CompilationFailed: when the interpreter does not do its work.
    :raises OSError: when *scratch* cannot be written either.
    """
    found = kept_bytecode(wheels, interpreter, reporter)
    missing = {name: wheel for name, wheel in sorted(wheels.items()) if name not in found}
    try:
        beside = {name: bytecode_path(wheel, interpreter) for name, wheel in missing.items()}
        compile_wheels(missing, beside, interpreter, found, reporter)
    except OSError as error:
        refuse(error)
        missing = {name: wheel for name, wheel in missing.items() if name not in found}
        os.makedirs(scratch, exist_ok=True)
        places = {name: os.path.join(scratch, name) for name in missing}
        compile_wheels(missing, places, interpreter, found, reporter)
    return found


def compile_wheels(
    wheels: Mapping[str, UnpackedWheel],
    places: Mapping[str, str],
    interpreter: Interpreter,
    found: dict[str, Bytecode],
    reporter: Reporter | None,
) -> None:
    """Compile *wheels* into their *places*, and add to *found* what stands there then, one by one.

    :raises OSError: when a place cannot be written; nothing that is half done stays.
    """
    fresh = {name: f"{place}.{os.urandom(4).hex()}{UNFINISHED}" for name, place in places.items()}
    told = [reporter.start("compile", name, source_bytes(wheels[name])) for name in wheels if reporter]
    try:
        for folder in fresh.values():
            os.mkdir(folder)
        made = compile_all([(wheel, fresh[name]) for name, wheel in wheels.items()], interpreter)
        for name, wheel in wheels.items():
            found[name] = keep(fresh[name], places[name], made.get(fresh[name], []), wheel)
    finally:
        for number in told:
            if reporter:
                reporter.finish(number)
        for folder in fresh.values():
            remove_tree(folder)


def source_bytes(wheel: UnpackedWheel) -> int:
    """Return how many bytes the modules of *wheel* are."""
    manifest = wheel.manifest
    return sum(
        size
        for (_, names), sizes in zip(manifest.files, manifest.sizes, strict=True)
        for name, size in zip(names, sizes, strict=True)
        if name.endswith(".py")
    )


def keep(fresh: str, final: str, made: Sequence[tuple[str, int, int]], wheel: UnpackedWheel) -> Bytecode:
    """Let the compiled modules of *wheel* in *fresh* stand at *final*, unless another process was quicker."""
    compiled = bytecode_from(final, made)
    write_new(os.path.join(fresh, INDEX), compiled.index())
    try:
        replace(fresh, final)
    except OSError:
        there, _ = whole_bytecode(final, wheel)
        if there is not None:
            return there
        # Something damaged is in the way: its name goes first, so that nobody takes it for whole.
        replace(final, f"{fresh}.old")
        remove_tree(f"{fresh}.old")
        replace(fresh, final)
    return compiled


def compile_all(
    work: Sequence[tuple[UnpackedWheel, str]], interpreter: Interpreter
) -> dict[str, list[tuple[str, int, int]]]:
    """Compile the modules of each wheel into its folder; return by it the path in it, size and checksum of each."""
    jobs = [job for wheel, folder in work for job in jobs_of(wheel, folder)]
    if not jobs:
        return {}
    count = max(1, min(os.cpu_count() or 1, 8))
    made = run_all(dealt(jobs, count), interpreter)
    found: dict[str, list[tuple[str, int, int]]] = {}
    folders = {folder for _, folder in work}
    for path, size, checksum in made:
        folder = os.path.dirname(path)
        while folder not in folders:
            folder = os.path.dirname(folder)
        found.setdefault(folder, []).append((path[len(folder) + 1 :], size, checksum))
    return found


def jobs_of(wheel: UnpackedWheel, folder: str) -> list[tuple[int, str]]:
    """Return size and job of each module of *wheel*."""
    jobs = []
    for (directory, names), sizes in zip(wheel.manifest.files, wheel.manifest.sizes, strict=True):
        modules = [(name, size) for name, size in zip(names, sizes, strict=True) if name.endswith(".py")]
        if not modules:
            continue
        place = f"{directory}/" if directory else ""
        target = os.path.join(folder, *place.split("/")[:-1], CACHE)
        for name, size in modules:
            job = f"{wheel.path}/{place}{name}\0{target}{os.sep}{name[:-3]}\0{place}{name}"
            jobs.append((size, job))
    return jobs


def dealt(jobs: Sequence[tuple[int, str]], count: int) -> list[list[str]]:
    """Return *jobs* in up to *count* shares of about the same size; the largest are dealt first."""
    shares: list[list[str]] = [[] for _ in range(min(count, len(jobs)))]
    loads = [0] * len(shares)
    for size, job in sorted(jobs, reverse=True):
        least = loads.index(min(loads))
        loads[least] += size + MODULE_BYTES
        shares[least].append(job)
    return shares


def run_all(shares: Sequence[Sequence[str]], interpreter: Interpreter) -> list[tuple[str, int, int]]:
    """Let an interpreter work on each share, all at once; return path, size and checksum of what they made.

    :raises CompilationFailed: when one of them fails or does not end.
    :raises OSError: when the disk takes no more.
    """
    running: list[subprocess.Popen[bytes]] = []
    try:
        begin_all(shares, interpreter, running)
        return [row for process in running for row in finish(process, interpreter)]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()


def begin_all(
    shares: Sequence[Sequence[str]], interpreter: Interpreter, running: list[subprocess.Popen[bytes]]
) -> None:
    """Start an interpreter for each share, and add it to *running*.

    :raises CompilationFailed: when one does not start.
    """
    import subprocess

    try:
        for lines in shares:
            process = subprocess.Popen(
                [interpreter.base_executable, "-I", "-S", "-c", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            running.append(process)
            assert process.stdin is not None
            # It reads all before it works, so this does not wait for the work.
            process.stdin.write("\0\0".join(lines).encode("utf-8", "surrogateescape"))
            process.stdin.close()
            process.stdin = None
    except OSError as error:
        raise CompilationFailed(f"{interpreter.base_executable} does not compile: {error}") from error


def compile_venv(venv: Venv, interpreter: Interpreter) -> int:
    """Compile the modules in *venv* that have no current bytecode, and return how many were.

    For what was installed before anybody asked for bytecode, and by other tools. Nothing is noted in
    RECORD: bytecode goes with its module anyway. The interpreter is the base of the environment, so
    nothing of the environment runs.

    :raises CompilationFailed: when the interpreter does not do its work.
    """
    tag = run_tag(interpreter)
    jobs = []
    for folder in dict.fromkeys((venv.purelib, venv.platlib)):
        for top, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if name != CACHE)
            compiled = compiled_in(os.path.join(top, CACHE), tag)
            for name in sorted(names):
                if not name.endswith(".py"):
                    continue
                path = os.path.join(top, name)
                status = os.stat(path)
                if compiled.get(name[:-3]) != (
                    int(status.st_mtime) & 0xFFFFFFFF,
                    status.st_size & 0xFFFFFFFF,
                ):
                    jobs.append((status.st_size, f"{path}\0{os.path.join(top, CACHE, name[:-3])}\0{path}"))
    if not jobs:
        return 0
    return len(run_all(dealt(jobs, max(1, min(os.cpu_count() or 1, 8))), interpreter))


def compiled_in(cache: str, tag: str) -> dict[str, tuple[int, int]]:
    """Return time and size of the source that each compiled module in *cache* was made of, by its stem."""
    found: dict[str, tuple[int, int]] = {}
    ending = f".{tag}.pyc"
    for name in list_folder(cache):
        if name.endswith(ending):
            with open(os.path.join(cache, name), "rb") as stream:
                head = stream.read(16)
            # Magic number, flags (0: by time), time, size.
            if head[4:8] == bytes(4):
                time_s, size = int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:16], "little")
                found[name.removesuffix(ending)] = (time_s, size)
    return found


def run_tag(interpreter: Interpreter) -> str:
    """Return the tag that the interpreter puts into the names of its bytecode.

    :raises CompilationFailed: when it cannot be run.
    """
    import subprocess

    command = [
        interpreter.base_executable,
        "-I",
        "-S",
        "-c",
        "import sys; print(sys.implementation.cache_tag)",
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise CompilationFailed(f"{interpreter.base_executable} does not run: {error}") from error
    return done.stdout.decode("ascii").strip()


def finish(process: subprocess.Popen[bytes], interpreter: Interpreter) -> list[tuple[str, int, int]]:
    """Return path, size and checksum of what one interpreter made, when it has ended.

    :raises CompilationFailed: when it ended with an error, or does not end.
    :raises OSError: when the disk takes no more.
    """
    import subprocess

    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise CompilationFailed(f"{interpreter.base_executable} does not compile: {error}") from error
    if process.returncode == NO_PLACE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if process.returncode:
        raise CompilationFailed(
            f"{interpreter.base_executable} does not compile: it ended with {process.returncode}"
        )
    _, *told = output.decode("utf-8", "surrogateescape").split("\0")
    rows = zip(told[::TOLD], told[1::TOLD], told[2::TOLD], strict=True)
    return [(path, int(size), int(checksum)) for path, size, checksum in rows]


def place_bytecode(placement: Placement, bytecode: Bytecode, root: str) -> None:
    """Plan the links of compiled modules into site-packages (*root*, with a separator at its end).

    Their rows in RECORD have no hash: an interpreter may write them anew.
    """
    for folder, names in bytecode.files:
        native = folder.replace("/", os.sep)
        placement.directories.append(root + native)
        source = os.path.join(bytecode.path, native) + os.sep
        placement.links.append((source, root + native + os.sep, names))
        placement.rows.extend(record_row(f"{folder}/{name}") for name in names)
