"""The terminal as reelmill writes to it: nothing printed can act on it.

What rows, providers and stores say is text of strangers, so characters that move a
cursor, turn a line round or are not seen at all are written as escapes. How wide lines
are is decided here as well; what stands in them is decided in `tables`.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from os import environ
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

#: Columns of what is no terminal: a line is as long as it is, for `grep` and files.
BOUNDLESS = 10_000

# Control characters but for tab and line feed; what has no width, or turns text round;
# halves of surrogate pairs, which no terminal can be given.
_UNSEEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff"
    "\\U000e0000-\\U000e007f]"
)


_WORD = re.compile(r"\S+")

# Words of a command that a sentence does not have: options, ids, files, `MANIFEST`. The
# sentence goes on after a comma and the like, or with a word of small letters.
_ARGUMENT = r" (?=[^\s,;]*[-/=.*\d<\"'A-Z])[^\s,;]+"
_PIECE = re.compile(
    rf"(?P<command>\(?reelmill(?: [a-z][a-z-]*)?(?:{_ARGUMENT})*\S*)|\S+"
)


def visible(text: str) -> str:
    r"""The text with all that would act on a terminal, or not be seen, as escapes.

    >>> visible("mug\x1b[2J\u202egpj"), visible("two\nlines")
    ('mug\\x1b[2J\\u202egpj', 'two\nlines')
    """
    return _UNSEEN.sub(_escape, text)


def visible_json(text: str) -> str:
    r"""The same for JSON, of which it stays the same value.

    >>> visible_json('"\u202e"')
    '"\\u202e"'
    """
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def folded(text: Text, width: int) -> Iterator[Text]:
    """The lines of a text, broken between words so as to be no wider than `width`.

    A word is never broken, however long: it may be an id, a number or an address. Nor
    is a command, which people copy, if a line can hold it. What follows is indented as
    its line is.
    """
    for line in text.split("\n", allow_blank=True) or [text]:
        indent = len(line.plain) - len(line.plain.lstrip(" "))
        offsets, begun, room = [], 0, width
        for start, end in _unbroken(line.plain, width - indent):
            upto = cell_len(line.plain[begun:end])
            if upto > room and line.plain[begun:start].strip():
                begun, room = start, width - indent
                offsets.append(begun)
        for number, part in enumerate(line.divide(offsets)):
            part.rstrip()
            yield Text(" " * indent).append_text(part) if number else part


def _unbroken(line: str, room: int) -> Iterator[tuple[int, int]]:
    """Where the words of a line begin and end, and its commands if there is room."""
    at = 0
    while found := _PIECE.search(line, at):
        if found["command"] and cell_len(found[0]) > room:
            found = _WORD.search(line, at) or found
        at = found.end()
        yield found.span()


class Screen(Console):
    """A console that shows strangers' text as text, and cuts no line."""

    def __init__(self, *, stderr: bool = False) -> None:
        """Write to standard output, or to standard error.

        An id such as `:id:` is no picture, and a number is not coloured.
        """
        stream = sys.stderr if stderr else sys.stdout
        # Colours can be asked for in a pipe; lines that are drawn anew cannot.
        drawn = None if stream and stream.isatty() else False
        super().__init__(
            stderr=stderr, highlight=False, emoji=False, force_interactive=drawn
        )
        # COLUMNS is asked for whenever something is printed.
        self._width = None

    @property
    def size(self) -> ConsoleDimensions:
        """What COLUMNS says, else what the terminal has, else no bound."""
        columns = environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns):
            return ConsoleDimensions(int(columns), super().size.height)
        if self._width is not None or self.file.isatty():
            return super().size
        return ConsoleDimensions(BOUNDLESS, super().size.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def print(self, *objects: Any, crop: bool = False, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """As rich prints, but what is too wide is left to the terminal to wrap."""
        # Of a text rich itself would drop some of what must be seen.
        shown = [visible(it) if isinstance(it, str) else it for it in objects]
        super().print(*shown, crop=crop, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich renders, with all that would act on the terminal as escapes."""
        for segment in super().render(renderable, options):
            if segment.control or not _UNSEEN.search(segment.text):
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)
