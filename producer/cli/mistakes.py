"""Slips on the command line as one sentence each: what is wrong, and where help is.

What is a slip is decided by cyclopts; problems of settings and manifests are told by
the commands themselves.
"""

import re

from cyclopts import CycloptsError
from cyclopts.exceptions import (
    MissingArgumentError,
    UnknownCommandError,
    UnusedCliTokensError,
)


def sentence(error: CycloptsError) -> str:
    """What is wrong with the words of a command line, and which help tells more."""
    command = " ".join(("reelmill", *(error.command_chain or ())))
    what = _what(error, command)
    return f"{what}{' ' if what.endswith('?') else '; '}see {command} --help"


def _what(error: CycloptsError, command: str) -> str:
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{command} takes no more: {' '.join(error.unused_tokens)}"
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        return _no_command(error, error.unused_tokens[0])
    if isinstance(error, MissingArgumentError) and error.argument:
        if error.keyword:
            return f"{error.keyword} needs a value"
        return f"{command} needs {error.argument.field_info.name.upper()}"
    return _in_our_voice(str(error))


def _in_our_voice(text: str) -> str:
    """Sentences of cyclopts as one of ours."""
    sentences = re.split(r"\.\s+", text.strip().rstrip("."))
    return "; ".join(each[:1].lower() + each[1:] for each in sentences)


def _no_command(error: CycloptsError, name: str) -> str:
    from jobs.text import guesses, shown

    known = [each for each in error.app or () if not each.startswith("-")]
    near = guesses(name, known)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no command {shown(name)}{hint}"
