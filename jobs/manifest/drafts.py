"""A row on its way to a job, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.catalogue.validation import ValidationIssue, is_given
from jobs.job import Job
from jobs.manifest.products import MappedRow
from jobs.manifest.rows import Problem, Row
from jobs.manifest.templates import RowScope
from jobs.text import plain


@dataclass(slots=True)
class Draft:
    """A row on its way to a job."""

    mapped: MappedRow
    #: Whether the columns are those of a table, and plain defaults: for templates.
    is_table: bool
    defaults: Mapping[str, object]
    #: The row under our names.
    row: Row = field(init=False)
    #: Every column, under its own name too: what templates and keys see.
    columns: Mapping[str, object] = field(init=False)
    job_id: str | None = None
    #: The model's short name.
    model: str | None = None
    problems: list[Problem] = field(default_factory=list)
    #: Something is wrong that was told before.
    is_known_fault: bool = False

    def __post_init__(self) -> None:
        self.row, self.columns = self.mapped.row, self.mapped.scope

    def scope(self) -> RowScope:
        """What templates see of the row: its cells, plain defaults, and what it is."""
        place = {"id": self.job_id, "model": self.model, "line": str(self.row.line)}
        more = {**place, **self.defaults}
        return RowScope(self.columns, more, closed=self.is_table)

    def template_problem(
        self, issue: ValidationIssue, column: str, value: object
    ) -> None:
        """Add a problem of what a template makes of this row."""
        place = (self.row.file, self.row.line)
        self.problems.append(Problem.of(issue, *place, column, value))


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row that asks for a video: the job, or all that is wrong with it."""

    mapped: MappedRow
    #: Of the columns of its table; none where it is in no table.
    names: tuple[str, ...]
    job: Job | None
    #: Empty too where the fault was told before: in a default, or a column's name.
    problems: Sequence[Problem] = ()

    @property
    def cells(self) -> dict[str, str]:
        """Its columns as its file has them, with what it shares with rows above it."""
        scope = self.mapped.scope
        return {n: plain(scope[n]) for n in self.names or scope if is_given(scope[n])}
