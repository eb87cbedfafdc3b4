"""From words to an exit code: parse, dispatch, tell what went wrong."""

from __future__ import annotations

import errno
import gc
import os
import sys

from pkm_build import __version__
from pkm_build.errors import PkmError
from pkm_env.cli.output import Output, print_json, veiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkm_env.cli.parser import Line
    from pkm_env.stamp import Stamp

INTERRUPTED = 130
# What a disk answers to a write, which names no file: it is full, or fails.
FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
OF_THE_SYSTEM = (*FULL, errno.EIO, errno.EROFS, errno.EFBIG, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
DEFECT = 70


def main(words: Sequence[str], stamp: Stamp | None = None) -> int:
    """Run a command line; return the exit code. Nothing that a user can cause ends in a traceback.

    *stamp* is what the last sync by the same words left, None where there is none, and for other words.
    """
    # A run is short, and makes few cycles: collecting them costs more than they weigh.
    gc.disable()
    output = Output(sys.stdout, sys.stderr, colour=wants_colour(sys.stderr.isatty()))
    # Where the line cannot be read, the word alone tells what was wanted.
    verbose, json = False, "--json" in words
    try:
        if stamp is not None and (code := sync_quickly(stamp, output)) is not None:
            return code
        from pkm_env.cli.parser import parse

        line = parse(words)
        verbose = line.verbose
        # What is printed by a program that is run is its own.
        json = line.json and line.command != "run"
        output.level = 1 if line.verbose else -1 if line.quiet else 0
        if line.no_colour:
            output.colour = False
        return dispatch(line, output)
    except KeyboardInterrupt:
        output.error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the results has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except PkmError as error:
        return tell(error, str(error), error.hint, error.exit_code, output, verbose=verbose, json=json)
    except Exception as error:  # noqa: BLE001 - the one place: whatever else comes up is a defect of pkm
        message, hint, code = defect(error, verbose=verbose)
        return tell(error, message, hint, code, output, verbose=verbose, json=json)
    finally:
        output.stop_progress()


def sync_quickly(stamp: Stamp, output: Output) -> int | None:
    """Do what a bare ``pkm sync`` does by the stamp of the last one; None where that does not suffice.

    What has changed first tells nearly always that all of it lies in site-packages, or that it does not.
    """
    from pkm_env.stamp import changed, is_in

    first = next(changed(stamp.seen, stamp.digests), "") if stamp.more else ""
    if not is_in(first, stamp.answer.get("folders", ())):
        return None
    from pkm_env.cli.syncing import sync_again

    return sync_again(stamp, output)


def dispatch(line: Line, output: Output) -> int:
    """Run the command of a parsed line."""
    if line.help:
        output.result(line.help)
        return 0
    if line.command == "version":
        output.result(f"pkm {__version__}")
        return 0
    from pkm_env.cli.commands import run_command

    code = run_command(line, output)
    output.flush_notes()
    return code


def wants_colour(terminal: bool) -> bool:
    """Whether colours may be used: on a terminal, unless NO_COLOR says no."""
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def tell(
    error: Exception, message: str, hint: str, code: int, output: Output, *, verbose: bool, json: bool
) -> int:
    """Print a failure, as JSON too where that is wanted; return its exit code."""
    output.error(message)
    if hint:
        output.hint(hint)
    if verbose:
        print_traceback(error, output)
    if json:
        print_json(
            output, {"error": {"message": veiled(message), "hint": veiled(hint) or None, "exit-code": code}}
        )
    return code


def defect(error: Exception, *, verbose: bool) -> tuple[str, str, int]:
    """Return message, hint and exit code of what nobody refused: a missing library, the disk, a fault of ours."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("pkm_"):
        missing = f'the library {error.name} is missing: the command needs pkm\'s extra "cli"'
        return missing, 'pip install "pkm[cli]"', 1
    if isinstance(error, OSError) and (error.filename is not None or error.errno in OF_THE_SYSTEM):
        message = f"{error.strerror or error}: {error.filename}" if error.filename else f"{error.strerror}"
        full = "nothing is half done: make room on the disk, and repeat the command"
        return message, full if error.errno in FULL else "", 1
    hint = "" if verbose else "the same command with --verbose shows where; please report it"
    return f"a defect of pkm: {type(error).__name__}: {error}", hint, DEFECT


def print_traceback(error: BaseException, output: Output) -> None:
    """Print where an error came from."""
    import traceback

    output.say("".join(traceback.format_exception(error)).rstrip())
