"""The command line: names, options and help of every command, and nothing else.

What a command does stands in the module it calls; these are imported when they are
needed, so that help and completion answer at once.
"""

import errno
import os
import sys
from io import TextIOWrapper
from pathlib import Path

from cyclopts import CycloptsError

from producer.cli import batches, manifests, mistakes, schedules, service
from producer.cli.app import app, version
from producer.exits import Exit, Stop

__all__ = ["app", "batches", "main", "manifests", "schedules", "service"]

#: Why a result could not be written, where it is nobody's mistake in the code.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    _make_streams_bear_all()
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except CycloptsError as error:
        _say(mistakes.sentence(error))
        code = Exit.USAGE
    except Stop as stop:
        if str(stop):
            _say(str(stop))
        code = stop.code
    except KeyboardInterrupt:
        _say("interrupted; what was sent is kept, run the same command to go on")
        code = Exit.INCOMPLETE
    except BrokenPipeError:
        _forget_output()
        code = Exit.STORED
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _forget_output()
        _say(f"there is no room to write ({error.strerror}); make some and run again")
        code = Exit.UNREACHABLE
    sys.exit(int(code or 0))


def _run(words: list[str]) -> int:
    if words in ([], ["--help"], ["-h"]):
        return _tell_all()
    if words == ["--version"]:
        sys.stdout.write(f"{version()}\n")
        return Exit.STORED
    code = app(words, exit_on_error=False, print_error=False)
    return int(code or 0)


def _tell_all() -> int:
    from shutil import get_terminal_size

    from producer.cli.overview import overview

    sys.stdout.write(overview(os.environ, Path(), get_terminal_size().columns))
    return Exit.STORED


def _say(text: str) -> None:
    from producer.tables import say

    say(text)


def _make_streams_bear_all() -> None:
    """Let no closed stream, and no character that it lacks, end a command."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, nowhere)
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Let what cannot be written any more be lost, or the end would try once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
