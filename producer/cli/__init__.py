"""The command line: names, options and help of every command, and nothing else.

What a command does stands in the module it calls; these are imported when they are
needed, so that help and completion answer at once.
"""

import sys

from producer.cli import batches, manifests, schedules, service
from producer.cli.app import app
from producer.exits import Exit, Stop

__all__ = ["app", "batches", "main", "manifests", "schedules", "service"]


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        code = app()
    except Stop as stop:
        if str(stop):
            _say(str(stop))
        code = stop.code
    except KeyboardInterrupt:
        _say("interrupted; what was sent is kept, run the same command to go on")
        code = Exit.INCOMPLETE
    except BrokenPipeError:
        sys.stderr.close()
        code = Exit.STORED
    sys.exit(int(code or 0))


def _say(text: str) -> None:
    from producer.tables import say

    say(text)
