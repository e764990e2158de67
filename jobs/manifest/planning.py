"""From rows to jobs: the columns, defaults, model, inputs, id and key of each row.

Everything that keeps a row from becoming a job is told at once. One `Manifest` serves
one manifest, because ids and keys are unique in it.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from jobs.catalogue import Catalogue, Model, UnknownModelError
from jobs.catalogue.addresses import resolved
from jobs.catalogue.validation import (
    InputValue,
    InvalidValueError,
    ValidationIssue,
    check_mark,
    given_twice,
    invalid,
    is_given,
)
from jobs.job import Job
from jobs.manifest.column_mapping import ColumnMapper
from jobs.manifest.columns import (
    PICTURES,
    Columns,
    MisnamedColumn,
    Sorting,
    map_hint,
    nothing_known,
)
from jobs.manifest.defaults import DefaultValues, Filled, unknown_model
from jobs.manifest.drafts import Draft, PlannedRow
from jobs.manifest.guessing import PictureGuess
from jobs.manifest.naming import DEFAULT_KEY, KeyTemplate, UsedNames, fitting_id
from jobs.manifest.products import MappedRow, Outcome, Wanted
from jobs.manifest.prompts import doubts
from jobs.manifest.rows import Defaults, Feeds, Header, Notice, Problem, Row, Skipped
from jobs.manifest.selection import Selection
from jobs.manifest.templates import RowScope, folded
from jobs.money import dollars
from jobs.text import plain, shown

_COMMAND_LINE = "command line"

#: Issues of cells that may be the table's own under a name of ours.
_UNFIT = {"not-an-integer", "not-a-number", "not-a-boolean", "not-allowed"}


class Manifest:
    """Turns the rows of one manifest into jobs, and remembers which names are used.

    A value is looked for in the row, then in the options of the command line, then in
    the defaults of the file; what none of them gives is left to the model. A mapping
    and a key of the command line win over those of the file, too.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        options: Mapping[str, object] | None = None,
        key: str | None = None,
        feeds: Feeds | None = None,
        *,
        wanted: Wanted | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._selection = selection or Selection()
        #: Of the present table.
        self._names: tuple[str, ...] = ()
        self._columns = Columns(catalogue)
        self._mapper = ColumnMapper(self._columns, wanted or Wanted())
        self._defaults = DefaultValues(catalogue, self._columns)
        self._key = KeyTemplate(DEFAULT_KEY)
        self._is_key_chosen = False
        self._used = UsedNames()
        #: Problems of the whole manifest that were told: each is told once.
        self._told: set[tuple[str, ...]] = set()
        #: Lines of the first rows that ask for a video, by what they ask for.
        self._asked: dict[int, int] = {}
        self._is_table = False
        #: Whether a row named a model, and what is wrong if the first row did that has
        #: something else there.
        self._has_models = False
        self._own_model: Problem | None = None
        #: The header of a table none of whose columns is of use.
        self.unknown_header: Header | None = None
        self.guess = PictureGuess()
        #: Of the rows that were planned last.
        self._notices: list[Notice] = []
        #: What is wrong with the options; with any, no row can be planned.
        self.problems: list[Problem] = []
        if key is not None:
            self.problems += self.accept_key(key, _COMMAND_LINE, None)
        if feeds is not None:
            self.problems += self.feed(feeds)
        self.problems += self.fill(Defaults(_COMMAND_LINE, options or {}))

    @property
    def layout(self) -> str | None:
        """Whose export the present table is; None if it is nobody's."""
        return self._mapper.layout

    def fill(self, defaults: Defaults) -> list[Problem]:
        """Takes defaults for all rows to come; returns what is wrong with them.

        Those taken earlier win, here and below; what is wrong is left out.
        """
        return self._defaults.take(defaults)

    def feed(self, feeds: Feeds) -> list[Problem]:
        """Takes a mapping of columns for all rows to come; returns what is wrong."""
        return self._mapper.accept(feeds)

    def accept_key(self, text: str, file: str, line: int | None) -> list[Problem]:
        """Takes the template of store keys; returns what is wrong with it."""
        try:
            template = KeyTemplate(text)
        except InvalidValueError as bad:
            return [Problem.of(bad.issue, file, line, "key", text)]
        if not self._is_key_chosen:
            self._key, self._is_key_chosen = template, True
        return []

    def header(self, header: Header) -> list[Problem]:
        """Takes the names of a table; returns why its rows could not be used."""
        self._is_table, self._names = True, header.names
        problems = self._mapper.accept_header(header)
        useful = self._defaults.gives(*PICTURES) or self._mapper.means_something(header)
        self.unknown_header = None if useful or problems else header
        return problems

    def see(self, row: Row) -> None:
        """Look at a row only to guess which column has the pictures."""
        self.guess.see(row.cells)

    def nothing_known(self, header: Header) -> Problem:
        """What is said of a table none of whose columns is of use."""
        return nothing_known(header, self.guess.column)

    def plan(self, row: Row) -> list[PlannedRow | Skipped]:
        """The videos that a row asks for, or everything that is wrong with it.

        What comes may be about a row above, that waited for this one.
        """
        if self._is_table:
            self.guess.see(row.cells)
        return [*self._planned(self._mapper.map(row))]

    def finish(self) -> list[PlannedRow | Skipped | Problem]:
        """What rows above still ask for, once no row follows them."""
        mixed = [self._own_model] if self._own_model and self._has_models else []
        return [*self._planned(self._mapper.finish()), *mixed]

    def _planned(self, outcomes: Iterable[Outcome]) -> Iterator[PlannedRow | Skipped]:
        for one in outcomes:
            if isinstance(one, Notice):
                self._notices.append(one)
                continue
            if isinstance(one, Skipped):
                yield one
                continue
            came = self._job(one)
            if isinstance(came, Skipped):
                yield came
            elif isinstance(came, Job):
                yield PlannedRow(one, self._names, came)
            else:
                yield PlannedRow(one, self._names, None, came)

    def _job(self, mapped: MappedRow) -> Job | Skipped | list[Problem]:
        """The job of a row under our names, or what is wrong with it."""
        row, has_picture = mapped.row, bool(mapped.pictures)
        reason = self._selection.skips_cells(
            mapped.scope,
            has_picture=has_picture or self._defaults.gives(*PICTURES),
        )
        if reason:
            return Skipped(row.file, row.line, reason)
        draft = Draft(mapped, self._is_table, self._defaults.plain)
        draft.job_id = self._id(draft)
        if reason := self._selection.skips_id(draft.job_id):
            return Skipped(row.file, row.line, reason)
        model = self._model(draft)
        if model is None:
            return draft.problems
        draft.model = model.name
        self._rename(draft, model)
        if mapped.pictures:
            self._give_pictures(draft, model)
        sorting = self._columns.sort(model, tuple(draft.row.cells))
        inputs = self._inputs(draft, model, sorting)
        data = self._data(draft, model, sorting.own)
        key = self._store_key(draft)
        if draft.problems or draft.is_known_fault or draft.job_id is None:
            return draft.problems
        job = Job(
            draft.job_id,
            draft.row.line,
            model.id,
            model.complete(inputs),
            model.price_usd_micros(inputs),
            key,
            data,
            model.duration_s(inputs) or None,
            form=model.form,
        )
        self._compare(job, draft.row.file)
        self._selection.count()
        self._doubt(draft, job)
        return job

    def _rename(self, draft: Draft, model: Model) -> None:
        """Brings cells under other names of the model's inputs under ours."""
        if model.other_names.keys().isdisjoint(draft.row.cells):
            return
        cells: dict[str, object] = {}
        for other, value in draft.row.cells.items():
            name = model.input_name(other)
            if is_given(value) and is_given(cells.get(name)) and value != cells[name]:
                issue = given_twice(name, other)
                draft.problems.append(self._mapper.problem(draft.row, other, issue))
            elif is_given(value) or name not in cells:
                cells[name] = value
        draft.row = replace(draft.row, cells=cells)

    def _give_pictures(self, draft: Draft, model: Model) -> None:
        """Gives the pictures of a row to the input that the model has for them."""
        pictures, row = draft.mapped.pictures, draft.row
        name = next((one for one in PICTURES if one in model.inputs), PICTURES[0])
        most = 1
        if self._columns.is_list(name):
            most = model.inputs[name].max_items or len(pictures)
        value: object = list(pictures[:most])
        if not self._columns.is_list(name):
            value = pictures[0]
        cells = {key: row.cells[key] for key in row.cells if key not in PICTURES}
        cells[name] = value
        draft.row = Row(row.file, row.line, row.number, cells, row.lines)
        draft.columns = {**draft.columns, name: value}
        if len(pictures) > most:
            first = "the first is" if most == 1 else f"the first {most} are"
            notice = Notice(
                "further-pictures",
                f"rows have more pictures than {model.name} takes",
                f"{first} used; --every-picture makes a video of each",
                *(row.file, row.line),
                self._mapper.source(name),
                draft.job_id,
            )
            self._notices.append(notice)

    def _compare(self, job: Job, file: str) -> None:
        """Notes a job that asks for the same video as one above it."""
        asked = hash((job.model, repr(sorted(job.inputs.items()))))
        line = self._asked.setdefault(asked, job.line)
        if line == job.line:
            return
        cost = job.price_usd_micros
        more = "each is paid" if cost is None else f"each costs {dollars(cost)} more"
        self._notices.append(
            Notice(
                "same-video",
                "rows ask for the same video as another one",
                f"{more}; take them out if one is enough",
                *(file, job.line),
                value=f"{job.id}, as in line {line}",
            )
        )

    def _doubt(self, draft: Draft, job: Job) -> None:
        """Notes what was probably not meant to be sent."""
        cells, place = draft.mapped.scope, (draft.row.file, job.line)
        for name in ("prompt", "negative_prompt"):
            text = job.inputs.get(name, "")
            for kind, message, suggestion, found in doubts(text):
                having = [n for n in cells if found in plain(cells[n])]
                # A column whose text is in the prompt, for others may have a tag too.
                sent = (n for n in having if plain(cells[n]).strip() in text)
                column = next(sent, having[0] if having else "description")
                cure = suggestion.format(column=folded(column))
                said = (kind, f"prompts have {message}", cure)
                self._notices.append(Notice(*said, *place, name, found))
        if "&amp;" in job.image:
            message = "addresses of pictures have &amp; in them, as in HTML"
            cure = "a plain & is probably meant; correct the addresses"
            notice = Notice("address-entities", message, cure, *place, "image")
            self._notices.append(notice)

    def take_notices(self) -> list[Notice]:
        """What a person should know of the rows planned since the last call."""
        taken, self._notices = self._notices, []
        return taken

    def _id(self, draft: Draft) -> str | None:
        """The id of a row: its own, a template's, or one by its place."""
        row, mapped = draft.row, draft.mapped
        given = row.cells.get("id")
        default = None if is_given(given) else self._defaults.nearest("id")
        try:
            if default is not None and default.fill is not None:
                given = default.fill(draft.scope())
            if not is_given(given):
                name = mapped.name or f"row-{row.number:04d}"
                return self._used.add_made_id(name, mapped.number, row.line)
            job_id = _cleaned_id(given)
            if mapped.number_in_row > 1:
                number = mapped.number_in_row
                return self._used.add_made_id(job_id, number, row.line)
            self._used.add_id(job_id, row.line)
        except InvalidValueError as bad:
            if bad.issue.kind == "template" and default is not None:
                draft.template_problem(bad.issue, "id", default.value)
            else:
                draft.problems.append(self._mapper.problem(row, "id", bad.issue))
            return None
        return job_id

    def _model(self, draft: Draft) -> Model | None:
        name = draft.row.cells.get("model")
        if not is_given(name):
            return self._default_model(draft)
        try:
            model = self._catalogue.find(plain(name))
        except UnknownModelError as unknown:
            issue = unknown_model(name, unknown, self._catalogue)
            if self._defaults.nearest("model"):
                if self._is_table and not (unknown.guesses or unknown.reason):
                    self._take_as_own(draft, issue)
                    return self._default_model(draft)
                own = "(pass --map model= if it is your own column)"
                issue = replace(issue, suggestion=f"{issue.suggestion} {own}")
            draft.problems.append(self._mapper.problem(draft.row, "model", issue))
            return None
        self._has_models = True
        return model

    def _take_as_own(self, draft: Draft, issue: ValidationIssue) -> None:
        """Takes a cell that is nothing like a model for one of the table's own.

        Should any row name a model, the column is not the table's own, and `finish`
        says what is wrong.
        """
        row, column = draft.row, self._mapper.source("model")
        self._own_model = self._own_model or self._mapper.problem(row, "model", issue)
        message = f"column {column} names no model, so it is taken as the table's own"
        said = ("own-model", message, "--map model= says so")
        self._notices.append(Notice(*said, row.file, row.line, column))
        cells = {name: value for name, value in row.cells.items() if name != "model"}
        cells[f"{column} (own)"] = row.cells["model"]
        draft.row = replace(row, cells=cells)

    def _default_model(self, draft: Draft) -> Model | None:
        default = self._defaults.nearest("model")
        name: object = None
        if default is not None:
            try:
                name = default.fill(draft.scope()) if default.fill else default.value
                if is_given(name):
                    return self._catalogue.find(plain(name))
            except InvalidValueError as bad:
                draft.template_problem(bad.issue, "model", default.value)
                return None
            except UnknownModelError as unknown:
                issue = unknown_model(name, unknown, self._catalogue)
                draft.problems.append(self._mapper.problem(draft.row, "model", issue))
                return None
        if "model" not in self._defaults.bad:
            suggestion = "fill in the column model, or pass --model"
            issue = ValidationIssue("missing", "no model is given", suggestion)
            draft.problems.append(self._mapper.problem(draft.row, "model", issue))
        return None

    def _inputs(self, draft: Draft, model: Model, sorting: Sorting) -> dict[str, Any]:
        """The inputs of a row; incomplete where something is wrong."""
        row, cells = draft.row, draft.row.cells
        typos = self._misnamed(draft, model, sorting)
        given = {
            name: value for name in sorting.inputs if is_given(value := cells[name])
        }
        filled = self._defaults.fill(model, given, draft.scope)
        inputs, issues = model.check(given)
        for default, issue in filled.template_errors:
            draft.template_problem(issue, default.name, default.value)
        draft.problems += self._of_inputs(row, model, filled, issues, typos)
        draft.is_known_fault = bool(issues or typos)
        for name, spec in model.inputs.items():
            if spec.is_picture and name in inputs:
                file = filled.by[name].file if name in filled.by else row.file
                inputs[name] = _resolved(inputs[name], file)
        return inputs

    def _misnamed(self, draft: Draft, model: Model, sorting: Sorting) -> set[str]:
        """The inputs that the row needs and gives under a misspelt name.

        A misspelt column is told once and not for each of its rows. An input of another
        model that would not take the cell either is the table's own.
        """
        row = draft.row
        typos: set[str] = set()
        for one in sorting.misnamed:
            value = row.cells[one.column]
            if is_given(row.cells.get(one.meant)) or not is_given(value):
                continue
            has_other = one.column in PICTURES and any(
                is_given(row.cells.get(name))
                for name in PICTURES
                if name in model.inputs
            )
            if has_other or one.is_own(value):
                self._note_own(row, one)
                continue
            if one.meant:
                typos.add(one.meant)
            if not one.meant or self._is_news(one.meant, row.file, one.column):
                draft.problems.append(self._mapper.problem(row, one.column, one.issue))
        return typos

    def _note_own(self, row: Row, one: MisnamedColumn) -> None:
        notice = Notice(
            "own-column",
            f"{one.issue.message}; it is taken for the table's own",
            "",
            *(row.file, row.line, one.column),
            value=plain(row.cells[one.column]),
        )
        self._notices.append(notice)

    def _is_news(self, *fact: str) -> bool:
        """True the first time."""
        before = len(self._told)
        self._told.add(fact)
        return len(self._told) > before

    def _of_inputs(
        self,
        row: Row,
        model: Model,
        filled: Filled,
        issues: list[ValidationIssue],
        typos: set[str],
    ) -> Iterator[Problem]:
        """The problems with inputs; one that lies in a default is told only once.

        What is missing for a misspelt column, or for a template or a default that was
        told to be wrong, is told by that.
        """
        excused = {default.name for default, _ in filled.template_errors}
        excused |= typos | self._defaults.bad
        for issue in issues:
            name, source = issue.input, filled.by.get(issue.input)
            instead = {name, *model.conflicts_with(name)}
            if issue.kind == "missing" and excused & instead:
                continue
            if source is None:
                yield self._mapper.problem(row, name, self._hinted(issue))
            elif source.fill is not None:
                yield Problem.of(issue, row.file, row.line, name, issue.value)
            elif self._is_news(model.id, source.file, f"{name} {issue.kind}"):
                yield source.problem(issue)

    def _hinted(self, issue: ValidationIssue) -> ValidationIssue:
        """An issue of a table's cell, with the mapping that would end it."""
        if not self._is_table:
            return issue
        if issue.kind in _UNFIT and issue.input not in PICTURES:
            column = self._mapper.source(issue.input)
            cure = f"{issue.suggestion}, or pass --map {shlex.quote(column)}= if it is"
            return replace(issue, suggestion=f"{cure} the table's own")
        if issue.kind != "missing" or issue.input not in PICTURES:
            return issue
        mapped = self._mapper.source(issue.input)
        if mapped != issue.input and self.guess.column in {None, mapped}:
            return issue
        column = self.guess.column or issue.input
        if column.strip().casefold() in PICTURES:
            return issue
        pair = f"{issue.input}={column}"
        return replace(issue, suggestion=map_hint(column, issue.input), map=pair)

    def _data(self, draft: Draft, model: Model, own: tuple[str, ...]) -> dict[str, str]:
        """The columns that no model knows, with what defaults add to them."""
        cells = draft.row.cells
        data = {n: plain(cell) for n in own if is_given(cell := cells[n])}
        written = draft.row.cells.get("id")
        text = plain(written).strip() if is_given(written) else ""
        if text and text not in {draft.job_id, *data.values()}:
            data["id (own)"] = text
        filled = self._defaults.fill_own(data, model, draft.scope)
        for default, issue in filled.template_errors:
            draft.template_problem(issue, default.name, default.value)
        if _can_be_kept("".join([*data, *data.values()])):
            return data
        for name, text in data.items():
            if not _can_be_kept(name + text):
                message = f"{shown(text)} holds half a character or NUL"
                said = (message, "write the text anew")
                issue = ValidationIssue("control-character", *said)
                draft.problems.append(self._mapper.problem(draft.row, name, issue))
        return data

    def _store_key(self, draft: Draft) -> str:
        """The store key of a row's video; empty with a problem, or without an id."""
        if draft.job_id is None:
            return ""
        line = draft.row.line
        own = {"id": draft.job_id, "model": draft.model, "line": str(line)}
        # The default needs no column, and is quicker without them.
        others = {} if self._key.text == DEFAULT_KEY else draft.columns
        columns = {**others, **own}
        try:
            scope = RowScope(columns, draft.defaults, closed=draft.is_table)
            key = self._key.key(scope)
            if not self._key.unique_by_id:
                self._used.add_key(key, line)
        except InvalidValueError as bad:
            if bad.issue.kind == "template":
                draft.template_problem(bad.issue, "key", self._key.text)
            else:
                draft.problems.append(self._mapper.problem(draft.row, None, bad.issue))
            return ""
        return key


def _cleaned_id(given: object) -> str:
    """An id as a table writes it, made to fit where it does not."""
    check_mark(given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, str):
        return fitting_id(given.strip())
    if type(given) is int:
        return fitting_id(str(given))
    raise invalid("id", f"{shown(given)} is no id", "write it as text")


def _resolved(value: InputValue, file: str) -> InputValue:
    if isinstance(value, str):
        return resolved(value, file)
    return [resolved(one, file) for one in value]


def _can_be_kept(text: str) -> bool:
    return text.isprintable() or not any(
        char == "\0" or "\ud800" <= char <= "\udfff" for char in text
    )
