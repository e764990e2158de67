"""From rows to jobs: the columns, defaults, model, inputs, id and key of each row.

It decides whether a row can become a job and says everything that keeps it from it; it
reads no file, that is the producer's. Which column feeds what is decided in `feeding`,
what defaults add in `filling`. One `Manifest` serves one manifest, because ids and keys
are unique in it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from jobs.catalogue import Catalogue, InputProblem, Model, UnknownModelError
from jobs.catalogue.addresses import beside
from jobs.catalogue.inputs import is_given
from jobs.job import Job
from jobs.manifest.column_mapping import (
    PICTURES,
    Columns,
    Feeding,
    Shaped,
    Sorting,
    nothing_known,
)
from jobs.manifest.defaults import Filled, Filling, meant
from jobs.manifest.row_names import RowNames
from jobs.manifest.rows import Defaults, Feeds, Header, Problem, Row, Skipped
from jobs.manifest.scope import RowScope, Scopes
from jobs.manifest.template import BadTemplateError
from jobs.text import masked, plain, shown

__all__ = ["Defaults", "Manifest", "Problem", "Row", "Skipped"]

_COMMAND_LINE = "command line"


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
        only_first_pictures: bool = False,
    ) -> None:
        self._catalogue = catalogue
        self._columns = Columns(catalogue)
        self._feeding = Feeding(self._columns, only_first_pictures=only_first_pictures)
        self._filling = Filling(catalogue, self._columns)
        self._names = RowNames(self._feeding, self._filling)
        self._scopes = Scopes()
        self._models: dict[str, Model] = {}
        self._pictures: dict[str, tuple[str, ...]] = {}
        self._told: set[tuple[str, str, str]] = set()
        self._is_table = False
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
        return self._feeding.layout.name if self._feeding.layout else None

    def fill(self, defaults: Defaults) -> list[Problem]:
        """Takes defaults for all rows to come; those taken earlier win.

        Returns what is wrong with them; those values are left out.
        """
        return self._filling.take(defaults)

    def feed(self, feeds: Feeds) -> list[Problem]:
        """Takes a mapping of columns for all rows to come; those taken earlier win.

        Returns what is wrong with it; those names are left out.
        """
        return self._feeding.accept(feeds)

    def accept_key(self, text: str, file: str, line: int | None) -> list[Problem]:
        """Takes the template of store keys; one that was taken earlier wins.

        Returns what is wrong with it.
        """
        return self._names.accept_key(text, file, line)

    def header(self, header: Header) -> list[Problem]:
        """Takes the names of a table; returns why its rows could not be used."""
        self._is_table = True
        problems = self._feeding.head(header)
        useful = self._filling.gives(*PICTURES) or self._feeding.means_something(header)
        return problems if useful or problems else [nothing_known(header)]

    def plan(self, row: Row) -> Job | Skipped | list[Problem]:
        """The job that a row asks for, or everything that is wrong with it.

        The list is empty where the fault was told before: it lies in a default, or in
        the name of a column.
        """
        if not self._feeding.active:
            return self._planned(row, row.cells, None)
        shaped = self._feeding.shape(row)
        if isinstance(shaped, Skipped):
            return shaped
        named = Row(row.file, row.line, row.number, shaped.cells, row.lines)
        return self._planned(named, shaped.scope, shaped)

    def _planned(
        self, row: Row, cells: Mapping[str, object], shaped: Shaped | None
    ) -> Job | list[Problem]:
        """The job of a row under our names; `cells` is what templates see."""
        problems: list[Problem] = []
        job_id = self._names.id(row, partial(self._scope, cells, row.line), problems)
        model = self._model(row, problems)
        if model is None:
            return problems
        if shaped is not None and shaped.picture is not None:
            name = next((one for one in PICTURES if one in model.inputs), PICTURES[0])
            shaped.cells[name] = shaped.picture
        scope = partial(self._scope, cells, row.line, job_id, model.name)
        sorting = self._columns.sort(model, row.cells)
        slips = self._misplaced(row, sorting, problems) if sorting.misplaced else set()
        given = {
            name: value for name in sorting.inputs if is_given(value := row.cells[name])
        }
        filled = self._filling.fill(model, given, scope)
        inputs, wrong = model.check(given)
        if wrong or filled.troubles:
            problems += self._of_inputs(row, model, filled, wrong, slips)
        data = self._data(row, sorting.own, scope, problems)
        key = self._names.key(row, cells, job_id, model, scope, problems)
        if problems or wrong or slips or job_id is None or key is None:
            return problems
        if "/" in row.file or filled.by:
            self._place(row, model, filled, inputs)
        price_usd_micros = model.price_usd_micros(inputs)
        duration_s = model.duration_s(inputs)
        return Job(
            job_id, row.line, model.id, inputs, price_usd_micros, key, data, duration_s
        )

    def _scope(
        self,
        cells: Mapping[str, object],
        line: int,
        job_id: str | None = None,
        model: str | None = None,
    ) -> RowScope:
        """What templates see of a row: its cells, plain defaults, and what it is."""
        place = {"id": job_id, "model": model, "line": str(line)}
        more = {**place, **self._filling.plain}
        return self._scopes.of(cells, more, closed=self._is_table)

    def _model(self, row: Row, problems: list[Problem]) -> Model | None:
        name = row.cells.get("model")
        if not is_given(name):
            name = self._filling.plain.get("model")
        if name is None:
            if "model" not in self._filling.broken:
                message = "no model is given"
                suggestion = "fill in the column model, or pass --model"
                problems.append(self._at(row, "model", message, suggestion, "missing"))
            return None
        text = plain(name)
        model = self._models.get(text)
        if model is not None:
            return model
        try:
            model = self._catalogue.find(text)
        except UnknownModelError as unknown:
            message = f"there is no model {shown(name)}"
            suggestion = meant(unknown, self._catalogue)
            problems.append(
                self._at(row, "model", message, suggestion, "unknown-model")
            )
            return None
        self._models[text] = model
        return model

    def _misplaced(
        self, row: Row, sorting: Sorting, problems: list[Problem]
    ) -> set[str]:
        """The inputs that the row gives under a misspelt name.

        A misspelt column is told once and not for each of its rows.
        """
        slips: set[str] = set()
        for one in sorting.misplaced:
            meant_too = is_given(row.cells.get(one.meant))
            if meant_too or not is_given(row.cells[one.column]):
                continue
            if one.meant:
                slips.add(one.meant)
                told = (one.meant, row.file, one.column)
                if told in self._told:
                    continue
                self._told.add(told)
            problems.append(
                self._at(row, one.column, one.message, one.suggestion, one.kind)
            )
        return slips

    def _of_inputs(
        self,
        row: Row,
        model: Model,
        filled: Filled,
        wrong: list[InputProblem],
        slips: set[str],
    ) -> Iterator[Problem]:
        """The problems with inputs; one that lies in a default is told only once.

        What is missing for a slip of the pen, or for a template or a default that was
        told to be wrong, is told by that.
        """
        yield from self._of_templates(row, filled.troubles)
        excused = slips | filled.troubles.keys() | self._filling.broken
        for one in wrong:
            layer = filled.by.get(one.input)
            if one.kind == "missing" and excused & {
                one.input,
                *model.conflicts_with(one.input),
            }:
                continue
            said = (one.message, one.suggestion, one.kind)
            if layer is None:
                yield self._at(row, one.input, *said)
            elif one.input in filled.made:
                value = masked(plain(one.value))
                yield Problem(row.file, row.line, one.input, value, *said)
            elif (
                told := (model.id, layer.file, f"{one.input} {one.kind}")
            ) not in self._told:
                self._told.add(told)
                yield layer.problem(one.input, one.value, said)

    def _of_templates(
        self, row: Row, troubles: Mapping[str, BadTemplateError]
    ) -> Iterator[Problem]:
        for name, bad in troubles.items():
            text = masked(self._filling.text_of(name))
            said = (bad.message, bad.suggestion, "template")
            yield Problem(row.file, row.line, name, text, *said)

    def _data(
        self,
        row: Row,
        own: tuple[str, ...],
        scope: Callable[[], RowScope],
        problems: list[Problem],
    ) -> dict[str, str]:
        """The columns that no model knows, with what defaults add to them."""
        data = {
            name: plain(row.cells[name]) for name in own if is_given(row.cells[name])
        }
        troubles = self._filling.complete(data, scope)
        if troubles:
            problems += self._of_templates(row, troubles)
        for name, text in data.items():
            if not (text.isprintable() and name.isprintable()) and not _keepable(
                name + text
            ):
                message = f"{shown(text)} holds half a character or NUL"
                suggestion = "write the text anew"
                problems.append(
                    self._at(row, name, message, suggestion, "control-character")
                )
        return data

    def _place(
        self, row: Row, model: Model, filled: Filled, inputs: dict[str, Any]
    ) -> None:
        """Takes relative paths of pictures from the folder they were written in."""
        names = self._pictures.get(model.id)
        if names is None:
            specs = model.inputs.items()
            names = tuple(name for name, spec in specs if spec.is_picture)
            self._pictures[model.id] = names
        for name in names:
            value = inputs.get(name)
            if value is None:
                continue
            file = filled.by[name].file if name in filled.by else row.file
            if isinstance(value, str):
                inputs[name] = beside(value, file)
            else:
                inputs[name] = [beside(one, file) for one in value]

    def _at(
        self, row: Row, name: str | None, message: str, suggestion: str, kind: str
    ) -> Problem:
        return self._feeding.problem(row, name, message, suggestion, kind)


def _keepable(text: str) -> bool:
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)
