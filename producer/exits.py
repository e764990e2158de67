"""Exit codes of the command line, by name, and the errors that lead to them."""

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    STORED = 0  #: all that was asked for is done
    FAILED = 1  #: some jobs failed
    USAGE = 2  #: the command, a setting or the manifest is wrong
    INCOMPLETE = 3  #: stopped by budget, by a person, or waiting for one
    UNREACHABLE = 4  #: the ledger or the provider is out of reach or refuses


class CommandError(Exception):
    """A command cannot go on: a sentence for the person, and an exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code
