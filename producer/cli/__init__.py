"""The command line: names, options and help of every command, and nothing else.

What a command does stands in the module it calls; these are imported when they are
needed, so that help and completion answer at once.
"""

import errno
import sys

from cyclopts import CycloptsError

from producer import streams
from producer.cli import batches, manifests, mistakes, schedules, service
from producer.cli.app import app, version
from producer.exits import CommandError, Exit

__all__ = ["app", "batches", "main", "manifests", "schedules", "service"]

#: Why a result could not be written, where it is nobody's mistake in the code.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    streams.make_lasting()
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except CycloptsError as error:
        _say(mistakes.sentence(error))
        code = Exit.USAGE
    except CommandError as stop:
        if str(stop):
            _say(str(stop))
        code = stop.code
    except KeyboardInterrupt:
        _say("interrupted; what was sent is kept, run the same command to go on")
        code = Exit.INCOMPLETE
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        # Or the end would try once more.
        streams.forget(1)
        _say(f"there is no room to write ({error.strerror}); make some and run again")
        code = Exit.UNREACHABLE
    sys.exit(int(code or 0))


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        sys.stdout.write(f"{version()}\n")
        return Exit.STORED
    code = app(words, exit_on_error=False, print_error=False)
    return int(code or 0)


def _say(text: str) -> None:
    from producer.console import say

    say(text)
