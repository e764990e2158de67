"""From rows to jobs: defaults, model, inputs, id and store key of each row.

It decides whether a row can become a job and says everything that keeps it from it; it
reads no file, that is the producer's. One `Manifest` serves one manifest, because ids
and keys are unique in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jobs.catalogue import Catalogue, InputProblem, Model, UnknownModel
from jobs.columns import Columns, Sorting
from jobs.inputs import is_given
from jobs.job import Job
from jobs.naming import DEFAULT_KEY, BadName, KeyTemplate, clean_id
from jobs.rows import Defaults, Problem, Row
from jobs.seen import Seen
from jobs.wording import choice, masked, plain, shown

__all__ = ["Defaults", "Manifest", "Problem", "Row"]


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a row with what defaults add to them."""

    given: Mapping[str, object]
    #: Where the values come from that the row does not give itself.
    filled_by: Mapping[str, Defaults]


class Manifest:
    """Turns the rows of one manifest into jobs, and remembers which names are used.

    A value is looked for in the row, then in the options of the command line, then in
    the defaults of the file; what none of them gives is left to the model. Defaults
    fill where they fit: one for an input that a row's model lacks, or that excludes a
    value the row gives itself, is passed over.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        options: Mapping[str, object] | None = None,
        key: str | None = None,
    ) -> None:
        #: What is wrong with the options; with any, no row can be planned.
        self.problems: list[Problem] = []
        self._catalogue = catalogue
        self._columns = Columns(catalogue)
        self._layers: list[Defaults] = []
        self._models: dict[str, Model] = {}
        self._told: set[tuple[str, str, str]] = set()
        self._ids = Seen()
        self._keys = Seen()
        self._template = KeyTemplate.of(DEFAULT_KEY)
        self._accept_key(key)
        self.problems += self.fill(Defaults("command line", options or {}))

    def fill(self, defaults: Defaults) -> list[Problem]:
        """Takes defaults for all rows to come; those taken earlier win.

        Returns what is wrong with them; those values are left out.
        """
        problems: list[Problem] = []
        kept: dict[str, object] = {}
        for name, value in defaults.cells.items():
            if not is_given(value):
                continue
            problem = self._problem_of_default(defaults, name, value)
            if problem is None:
                kept[name] = value
            else:
                problems.append(problem)
        self._layers.append(Defaults(defaults.file, kept, defaults.lines))
        return problems

    def plan(self, row: Row) -> Job | list[Problem]:
        """The job that a row asks for, or everything that is wrong with it.

        The list is empty where the fault was told before: it lies in a default, or in
        the name of a column.
        """
        problems: list[Problem] = []
        job_id = self._id(row, problems)
        model = self._model(row, problems)
        if model is None:
            return problems
        sorting = self._columns.sort(model, row.cells)
        slips = self._misplaced(row, sorting, problems) if sorting.misplaced else set()
        values = self._filled(
            model,
            {
                name: value
                for name in sorting.inputs
                if is_given(value := row.cells[name])
            },
        )
        inputs, wrong = model.check(values.given)
        # What is missing for a slip of the pen is told by the slip.
        told = [one for one in wrong if one.kind != "missing" or one.input not in slips]
        problems += self._of_inputs(row, model, values, told)
        data = self._data(row, sorting.own, problems)
        key = self._key(row, job_id, model, problems)
        if problems or wrong or slips or job_id is None or key is None:
            return problems
        price_usd_micros = model.price_usd_micros(inputs)
        duration_s = model.duration_s(inputs)
        return Job(
            job_id, row.line, model.id, inputs, price_usd_micros, key, data, duration_s
        )

    def _accept_key(self, key: str | None) -> None:
        if key is None:
            return
        try:
            self._template = KeyTemplate.of(key)
        except BadName as bad:
            self.problems.append(
                Problem(
                    "command line",
                    None,
                    "key",
                    key,
                    bad.message,
                    bad.suggestion,
                    "key",
                )
            )

    def _problem_of_default(
        self, defaults: Defaults, name: str, value: object
    ) -> Problem | None:
        kind, message, suggestion = "", "", ""
        if name == "id":
            kind, message = "default-id", "an id cannot serve for several rows"
            suggestion = "write ids into the rows"
        elif name == "model":
            try:
                self._catalogue.find(plain(value))
            except UnknownModel as unknown:
                kind, message = "unknown-model", f"there is no model {shown(value)}"
                suggestion = _meant(unknown.guesses, self._catalogue)
        elif near := self._columns.misspelt(name):
            kind, message = "unknown-input", f"no model has an input {shown(name)}"
            suggestion = f"did you mean {near}?"
        if not kind:
            return None
        line = defaults.lines.get(name)
        text = masked(plain(value))
        return Problem(defaults.file, line, name, text, message, suggestion, kind)

    def _default(self, name: str) -> object:
        """What the defaults say, nearest first; None if they do not."""
        for layer in self._layers:
            if name in layer.cells:
                return layer.cells[name]
        return None

    def _id(self, row: Row, problems: list[Problem]) -> str | None:
        given = row.cells.get("id")
        if not is_given(given):
            job_id = f"row-{row.number:04d}"
        elif isinstance(given, str) or type(given) is int:
            try:
                job_id = clean_id(plain(given))
            except BadName as bad:
                problems.append(_problem(row, "id", bad.message, bad.suggestion, "id"))
                return None
        else:
            message = f"{shown(given)} is no id"
            problems.append(_problem(row, "id", message, "write it as text", "id"))
            return None
        first = self._ids.add(job_id, row.line)
        if first is None:
            return job_id
        message = f"{shown(job_id)} is already the id of line {first}"
        suggestion = "give each row its own id; upper and lower case count as the same"
        problems.append(_problem(row, "id", message, suggestion, "duplicate-id"))
        return None

    def _model(self, row: Row, problems: list[Problem]) -> Model | None:
        name = row.cells.get("model")
        if not is_given(name):
            name = self._default("model")
        if name is None:
            message = "no model is given"
            suggestion = "fill in the column model, or pass --model"
            problems.append(_problem(row, "model", message, suggestion, "missing"))
            return None
        text = plain(name)
        model = self._models.get(text)
        if model is not None:
            return model
        try:
            model = self._catalogue.find(text)
        except UnknownModel as unknown:
            message = f"there is no model {shown(name)}"
            suggestion = _meant(unknown.guesses, self._catalogue)
            problems.append(
                _problem(row, "model", message, suggestion, "unknown-model")
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
                _problem(row, one.column, one.message, one.suggestion, one.kind)
            )
        return slips

    def _filled(self, model: Model, own: Mapping[str, object]) -> _Values:
        given = dict(own)
        filled_by: dict[str, Defaults] = {}
        for layer in self._layers:
            nearer = set(given)
            for name, value in layer.cells.items():
                fits = name in model.inputs and name not in nearer
                if fits and nearer.isdisjoint(model.rivals(name)):
                    given[name] = value
                    filled_by[name] = layer
        return _Values(given, filled_by)

    def _of_inputs(
        self, row: Row, model: Model, values: _Values, wrong: list[InputProblem]
    ) -> Iterator[Problem]:
        """The problems with inputs; one that lies in a default is told only once."""
        for one in wrong:
            layer = values.filled_by.get(one.input)
            if layer is None:
                yield _problem(row, one.input, one.message, one.suggestion, one.kind)
                continue
            told = (model.id, layer.file, f"{one.input} {one.kind}")
            if told not in self._told:
                self._told.add(told)
                yield Problem(
                    layer.file,
                    layer.lines.get(one.input),
                    one.input,
                    masked(plain(one.value)),
                    one.message,
                    one.suggestion,
                    one.kind,
                )

    def _data(
        self, row: Row, own: tuple[str, ...], problems: list[Problem]
    ) -> dict[str, str]:
        """The columns that no model knows, with what defaults add to them."""
        data = {
            name: plain(row.cells[name]) for name in own if is_given(row.cells[name])
        }
        for layer in self._layers:
            for name, value in layer.cells.items():
                if name not in data and not self._columns.is_known(name):
                    data[name] = plain(value)
        for name, text in data.items():
            if not (text.isprintable() and name.isprintable()) and not _keepable(
                name + text
            ):
                message = f"{shown(text)} holds half a character or NUL"
                suggestion = "write the text anew"
                problems.append(
                    _problem(row, name, message, suggestion, "control-character")
                )
        return data

    def _key(
        self, row: Row, job_id: str | None, model: Model, problems: list[Problem]
    ) -> str | None:
        if job_id is None:
            return None
        fields = {"id": job_id, "model": model.name, "line": str(row.line)}
        for name in self._template.columns:
            value = row.cells.get(name)
            value = value if is_given(value) else self._default(name)
            if value is not None:
                fields[name] = plain(value)
        try:
            key = self._template.key(fields)
        except BadName as bad:
            problems.append(_problem(row, None, bad.message, bad.suggestion, "key"))
            return None
        if self._template.unique_by_id:
            return key
        first = self._keys.add(key, row.line)
        if first is None:
            return key
        message = f"the video of line {first} is already stored as {shown(key)}"
        suggestion = "put {id} into the key"
        problems.append(_problem(row, None, message, suggestion, "duplicate-key"))
        return None


def _keepable(text: str) -> bool:
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def _meant(guesses: tuple[str, ...], catalogue: Catalogue) -> str:
    if guesses:
        return f"did you mean {choice(guesses)}?"
    names = [model.name for model in catalogue.models.values()]
    return f"there are {choice(names, word='and')}"


def _problem(
    row: Row, column: str | None, message: str, suggestion: str, kind: str
) -> Problem:
    """A problem of a row, at the cell of that column."""
    line = row.lines.get(column, row.line) if column else row.line
    value = row.cells.get(column) if column else None
    text = None if value is None else masked(plain(value))
    return Problem(row.file, line, column, text, message, suggestion, kind)
