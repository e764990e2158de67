"""What a manifest is read as: rows, defaults, headers, problems, with their places."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.catalogue.validation import ValidationIssue
from jobs.text import masked, plain

#: Columns that are ours and not a model's.
RESERVED_COLUMNS = ("id", "model")


class LinkedText(str):
    """A cell of a spreadsheet that links to an address."""

    __slots__ = ("link",)
    link: str

    @classmethod
    def of(cls, text: str, link: str) -> "LinkedText":
        """A text with its link."""
        made = cls(text)
        made.link = link
        return made


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a manifest, as it was written."""

    #: The manifest, as the person named it.
    file: str
    #: Where it begins, from 1.
    line: int
    #: Its place among the rows, from 1; blank ones are not counted.
    number: int
    #: What stands in it, by column: text, or typed where the format has types.
    cells: Mapping[str, object]
    #: Lines of cells that stand on a line of their own.
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What rows leave empty, and where that is written."""

    #: The manifest, or the option of the command line.
    file: str
    cells: Mapping[str, object]
    #: Lines of the cells; empty where there are no lines.
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a table's columns, as its first line gives them."""

    file: str
    line: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Feeds:
    """Which columns of a table feed which name, and where that is written."""

    #: The manifest, or the option of the command line.
    file: str
    #: Columns by the name that they feed: an input, `id` or `model`.
    columns: Mapping[str, tuple[str, ...]]
    #: Lines of the names; empty where there are no lines.
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is passed over on purpose: no video was asked for there."""

    file: str
    line: int | None
    #: Why, in words that are the same for all of its kind: they are counted by them.
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person should know before paying; it stops nothing.

    Notices with the same kind, message and suggestion are counted and shown as one, so
    what differs from row to row stands in `value`, never in the message.
    """

    #: A stable word for programs, such as `hidden-row`.
    kind: str
    #: What was found, as a sentence that holds for every row with it.
    message: str
    #: What can be done about it; empty where nothing can.
    suggestion: str
    file: str
    #: From 1; None where no line is meant.
    line: int | None = None
    column: str | None = None
    #: What stands there, or the name of the product.
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a row, or the whole manifest, from being used."""

    #: The manifest as the person named it, or an option of the command line.
    file: str
    #: From 1; None where no line is meant.
    line: int | None
    #: Name of the column, or the place in the line from 1 where the form is broken.
    column: str | int | None
    #: What stands there, as text; None where nothing does.
    value: str | None
    #: What is wrong.
    message: str
    #: What to do next.
    suggestion: str
    #: A stable word for programs.
    kind: str
    #: A mapping of columns that would end it, as `image=Photo`; empty if none would.
    map: str = ""
    #: How many more rows say the very same.
    more: int = 0

    @classmethod
    def of(
        cls,
        issue: ValidationIssue,
        file: str,
        line: int | None,
        column: str | None,
        value: object,
    ) -> "Problem":
        """The problem that an issue is at its place; passwords are masked."""
        text = None if value is None else masked(plain(value))
        said = (issue.message, issue.suggestion, issue.kind)
        return cls(file, line, column, text, *said, issue.map)

    def __str__(self) -> str:
        """One line for a person: where, what, and what to do next."""
        place = self.file
        if self.line is not None:
            place += f", line {self.line}"
            if self.column is not None:
                place += f", column {self.column}"
        elif self.column is not None:
            place += f", {self.column}"
        return f"{place}: {self.message}; {self.suggestion}"
