"""The terminal and the pipe that commands write to; nothing printed can act on them.

What rows, providers and stores say is text of strangers: `visible` makes it harmless on
its way out, whatever it stands in.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from os import environ
from textwrap import indent
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.prompt import Confirm
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from jobs.money import dollars
from jobs.text import json_text, visible
from producer.exits import CommandError, Exit

#: Columns of what is no terminal: a line is as long as it is, for `grep` and files.
BOUNDLESS = 10_000

#: Names up to this width are never broken, for people copy them.
UNBROKEN_CELLS = 36

#: On a screen narrower than this they are, and headings down to so many cells.
NARROW_CELLS = 60
BROKEN_HEADING = 5

#: Blanks between two columns.
GAP_CELLS = 2

#: The narrowest that a column of sentences becomes: a date.
LEAST_SENTENCE_CELLS = 10


class Screen(Console):
    """A console that shows strangers' text as text, and cuts no line."""

    #: Whether talk is folded between words to the width that COLUMNS says.
    folds_talk = False

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

    def print(self, *objects: Any, crop: bool = False, **options: Any) -> None:
        """As rich prints, but what is too wide is left to the terminal to wrap."""
        # Of a text rich itself would drop some of what must be seen.
        shown = [
            visible(it, keep="\n\t") if isinstance(it, str) else it for it in objects
        ]
        super().print(*shown, crop=crop, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich renders, with all that would act on the terminal as escapes."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(visible(segment.text, keep="\n\t"), segment.style)


#: Results.
out = Screen()
#: Talk about the work.
err = Screen(stderr=True)


def say(text: str) -> None:
    """One sentence about the work, to standard error; the terminal wraps it.

    Where talk is folded, and COLUMNS is set, it is broken here, between words if it
    can be.
    """
    folds = err.folds_talk and "COLUMNS" in environ
    err.print(text, markup=False, soft_wrap=not folds)


def tell(text: str) -> None:
    """One sentence of a result, to standard output; the terminal wraps it."""
    out.print(text, markup=False, soft_wrap=True)


def print_json(value: object, **lists: Iterable[object]) -> None:
    """A result for a program, on standard output; long lists item by item, behind."""
    text = json_text(value, indent=2)
    for name, items in lists.items():
        sys.stdout.write(f'{text.removesuffix("}").rstrip()},\n  "{name}": [')
        comma = ""
        for item in items:
            sys.stdout.write(f"{comma}\n    {json_text(item)}")
            comma = ","
        text = "\n  ]\n}"
    sys.stdout.write(f"{text}\n")


def print_json_list(values: Iterable[object]) -> None:
    """Results for a program as one list, each written as soon as it is known."""
    opened = "["
    for value in values:
        sys.stdout.write(f"{opened}\n{indent(json_text(value, indent=2), '  ')}")
        opened = ","
    sys.stdout.write("[]\n" if opened == "[" else "\n]\n")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A line that counts things and their bytes while they are worked on."""
    if not err.is_interactive:
        yield lambda _count, _size_bytes: None
        return
    with err.status(f"{what} …") as status:

        def show(count: int, size_bytes: int) -> None:
            status.update(f"{what}: {count:,}, {size_bytes / 1e6:,.0f} MB")

        yield show


class Table(RichTable):
    """A table of plain texts in which no number and no name that one copies is cut."""

    def __init__(
        self,
        *columns: str,
        numbers: Collection[str] = (),
        sentences: Collection[str] = (),
        headed: bool = True,
    ) -> None:
        """An empty table.

        Args:
            columns: their headings.
            numbers: headings of those that hold numbers.
            sentences: headings of those that are broken between words.
            headed: whether the headings are shown.
        """
        super().__init__(
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
            show_header=headed,
        )
        for name in columns:
            self.add_column(
                name,
                justify="right" if name in numbers else "left",
                overflow="fold",
                no_wrap=name not in sentences,
                min_width=cell_len(name),
            )
        self._least = dict.fromkeys(columns, UNBROKEN_CELLS)
        self._least |= dict.fromkeys(numbers, BOUNDLESS)
        self._least |= dict.fromkeys(sentences, LEAST_SENTENCE_CELLS)

    def add(self, *cells: str | Text, style: str | None = None) -> None:
        """One more row; a string is shown as it is written."""
        texts = [Text(visible(it)) if isinstance(it, str) else it for it in cells]
        self.add_row(*texts, style=style)
        for column, text in zip(self.columns, texts, strict=True):
            least = self._least[str(column.header)]
            if text.cell_len > least:
                column.no_wrap = False
            width = min(text.cell_len, least)
            column.min_width = max(column.min_width or 0, width)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[Segment]:
        """As rich draws it, without blanks at the end of lines.

        Rich would leave columns out that have no room; here the terminal wraps lines.
        """
        if options.max_width < NARROW_CELLS:
            self._make_narrow(options.max_width)
        least = sum(column.width or column.min_width or 0 for column in self.columns)
        least += GAP_CELLS * (len(self.columns) - 1)
        options = options.update_width(max(least, options.max_width))
        drawn = super().__rich_console__(console, options)
        segments = (one for one in drawn if isinstance(one, Segment))
        for line in Segment.split_lines(segments):
            text = "".join(segment.text for segment in line).rstrip()
            yield from Segment.adjust_line_length(line, cell_len(text), pad=False)
            yield Segment.line()

    def _make_narrow(self, width: int) -> None:
        """Let headings and names be broken to fit, and no number."""
        self.padding = (0, 0, 0, 0)
        left, names = width - len(self.columns) + 1, []
        for column in self.columns:
            cells = [cell for cell in column.cells if isinstance(cell, Text)]
            widest = max((cell.cell_len for cell in cells), default=0)
            widest = max(widest, min(cell_len(str(column.header)), BROKEN_HEADING))
            column.no_wrap, column.min_width, column.width = False, None, widest
            if self._least[str(column.header)] == BOUNDLESS:
                left -= widest
            else:
                names.append(column)
        for done, column in enumerate(sorted(names, key=lambda each: each.width or 0)):
            share = max(left // (len(names) - done), BROKEN_HEADING)
            column.width = min(column.width or 0, share)
            left -= column.width


def consent(
    question: str, *, yes: bool, otherwise: str = "nothing was changed"
) -> None:
    """Return if the person agrees, or has agreed already; `otherwise` says what not.

    Raises:
        CommandError: the person does not, or nobody is here to be asked.
    """
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty()):
        raise CommandError(
            f"{question} Nobody is here to answer; --yes answers for you"
        )
    if not Confirm.ask(question, console=err, default=False):
        raise CommandError(otherwise, Exit.INCOMPLETE)


def cost_of(prices: Iterable[int | None]) -> str:
    """The sum of prices in words, so that an unknown one is never taken for nothing.

    >>> cost_of([210_000, None])
    '$0.21 and 1 of unknown price'
    """
    every = list(prices)
    unknown = every.count(None)
    known = dollars(sum(filter(None, every)))
    return f"{known} and {unknown} of unknown price" if unknown else known
