"""Which rows of a manifest a person wants: by their columns, their ids, their number.

What is not wanted is skipped, with a reason that is the same for all of its kind. A
selection that fits nothing, or names what is not there, is a problem.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from jobs.catalogue.validation import is_given
from jobs.manifest.columns import PICTURES
from jobs.manifest.rows import Problem
from jobs.text import choice as listed
from jobs.text import counted, guesses, plain, shown

#: What each sign asks of a cell; both texts are without case and outer white space.
SIGNS: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda cell, value: cell == value,
    "!=": lambda cell, value: cell != value,
    "~": lambda cell, value: value in cell,
    "!~": lambda cell, value: value not in cell,
}
_CONDITION = re.compile(r"(.+?)(!=|!~|=|~)(.*)", re.DOTALL)

#: Columns and ids that are remembered for what a message suggests.
MAX_REMEMBERED = 1_000
#: Names that a message lists.
MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class Condition:
    """What one column of a row must be like."""

    #: As the person wrote it.
    text: str
    column: str
    sign: str
    value: str

    @classmethod
    def of(cls, text: str) -> "Condition":
        """The condition that `COLUMN=VALUE`, `!=`, `~` or `!~` means.

        Raises:
            ValueError: it is none.
        """
        found = _CONDITION.fullmatch(text)
        if not found or not found[1].strip():
            raise ValueError(
                f"{text}: write COLUMN=VALUE, or with != (is not), ~ (contains) or !~"
            )
        return cls(text, *(part.strip().casefold() for part in found.groups()))

    def fits(self, cell: object) -> bool:
        """Whether a cell is as the condition asks; an absent one is empty."""
        text = plain(cell).strip().casefold() if is_given(cell) else ""
        return SIGNS[self.sign](text, self.value)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are wanted; nothing set is all."""

    #: All of them must hold.
    where: tuple[Condition, ...] = ()
    #: Ids that must be there.
    ids: frozenset[str] | None = None
    #: Ids of rows that failed before; they may have been taken out on purpose.
    failed: frozenset[str] | None = None
    #: The first videos of what the others leave.
    limit: int | None = None
    #: Rows without a picture are skipped.
    has_picture: bool = False


@dataclass(slots=True)
class Selection:
    """Follows the rows of one manifest, and chooses among them."""

    choice: Choice = field(default_factory=Choice)
    _jobs: int = 0
    _skipped: int = 0
    #: Columns and ids that were met, as many as a message needs.
    _columns: set[str] = field(default_factory=set)
    _ids: list[str] = field(default_factory=list)
    #: By the column of a condition that no row had so far: the condition.
    _unmet: dict[str, Condition] = field(default_factory=dict)
    _missing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._unmet = {each.column: each for each in self.choice.where}
        self._missing = {*(self.choice.ids or ()), *(self.choice.failed or ())}

    @property
    def is_full(self) -> bool:
        """Whether there are as many videos as are wanted."""
        return self.choice.limit is not None and self._jobs >= self.choice.limit

    def skips_cells(
        self, cells: Mapping[str, object], *, has_picture: bool
    ) -> str | None:
        """Why a row is not wanted, by its columns; None if it is."""
        reason = self._unfit(cells) if self.choice.where else None
        if reason is None and self.choice.has_picture and not has_picture:
            pictures = (cells.get(name) for name in PICTURES)
            reason = None if any(map(is_given, pictures)) else "rows without a picture"
        if reason is None and self.is_full and not self._missing:
            reason = self._beyond
        self._skipped += reason is not None
        return reason

    @property
    def _beyond(self) -> str:
        return f"rows after --limit {self.choice.limit}"

    def _unfit(self, cells: Mapping[str, object]) -> str | None:
        names = {name.strip().casefold(): name for name in cells}
        if self._unmet:
            for column in self._unmet.keys() & names:
                del self._unmet[column]
            if len(self._columns) < MAX_REMEMBERED:
                self._columns.update(cells)
        for each in self.choice.where:
            if not each.fits(cells.get(names.get(each.column, ""))):
                return f"rows outside --where {each.text}"
        return None

    def skips_id(self, job_id: str | None) -> str | None:
        """Why a row is not wanted, by its id and by those before it; None if it is."""
        reason = None
        if job_id is not None and len(self._ids) < MAX_REMEMBERED:
            self._ids.append(job_id)
        if self.choice.ids is not None and job_id not in self.choice.ids:
            reason = "rows that --ids does not name"
        elif self.choice.failed is not None and job_id not in self.choice.failed:
            reason = "rows that did not fail"
        elif job_id is not None:
            self._missing.discard(job_id)
        if reason is None and self.is_full:
            reason = self._beyond
        self._skipped += reason is not None
        return reason

    def count(self) -> None:
        """Note that the row is a video."""
        self._jobs += 1

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the selection, once all rows were met."""
        for each in self._unmet.values() if self._columns else ():
            near = guesses(each.column, self._columns, most=1)
            few = sorted(self._columns)[: 2 * MAX_NAMED]
            suggestion = f"did you mean {shown(near[0])}?" if near else _listed(few)
            name = _CONDITION.sub(r"\1", each.text).strip()
            message = f"there is no column {shown(name)}"
            yield _problem("where", each.text, message, suggestion)
        unknown = sorted(self._missing & (self.choice.ids or frozenset()))
        if unknown and self._ids:
            named = ", ".join(map(shown, unknown[:MAX_NAMED]))
            more = len(unknown) - MAX_NAMED
            message = f"no row has the id {named}" + (f" and {more} more" * (more > 0))
            near = guesses(unknown[0], self._ids)
            suggestion = _listed(near or self._ids[:MAX_NAMED])
            yield _problem("ids", ",".join(unknown), message, suggestion)

    def nothing(self) -> Problem | None:
        """The problem that no row is wanted; None if that is not for the selection."""
        if not self._skipped:
            return None
        message = f"none is left of {counted(self._skipped, 'row')}"
        suggestion = "see why they are skipped, and leave an option out"
        if self.choice.failed is not None:
            suggestion = "compare its ids with those of the batch: reelmill show BATCH"
        return Problem("command line", None, None, None, message, suggestion, "ids")

    @property
    def gone(self) -> int:
        """Rows that failed before and are not in the manifest any more."""
        return len(self._missing & (self.choice.failed or frozenset()))


def _listed(names: Iterable[str]) -> str:
    return f"there are {listed(names, word='and')}"


def _problem(option: str, value: str, message: str, suggestion: str) -> Problem:
    return Problem("command line", None, option, value, message, suggestion, option)
