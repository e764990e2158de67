"""The names of rows: which id a row gets, and which store key its video.

It decides by the row, the defaults and the template of keys, and sees to it that no
name is used twice in a manifest. What a name may look like stands in `naming`.
"""

from collections.abc import Callable, Mapping

from jobs.batch.seen import Seen
from jobs.catalogue.inputs import is_given
from jobs.catalogue.model import Model
from jobs.manifest.column_mapping import Feeding
from jobs.manifest.defaults import Filling
from jobs.manifest.naming import DEFAULT_KEY, KeyNameError, KeyTemplate, clean_id
from jobs.manifest.rows import Problem, Row
from jobs.manifest.template import BadTemplateError, Scope
from jobs.text import masked, plain, shown


class RowNames:
    """The names that one manifest has used."""

    def __init__(self, feeding: Feeding, filling: Filling) -> None:
        self._feeding = feeding
        self._filling = filling
        self._ids = Seen()
        self._keys = Seen()
        self._template = KeyTemplate.of(DEFAULT_KEY)
        self._chosen = ""

    def accept_key(self, text: str, file: str, line: int | None) -> list[Problem]:
        """Takes the template of store keys; one that was taken earlier wins.

        Returns what is wrong with it.
        """
        try:
            template = KeyTemplate.of(text)
        except KeyNameError as bad:
            said = (bad.message, bad.suggestion, "key")
            return [Problem(file, line, "key", masked(text), *said)]
        if not self._chosen:
            self._template, self._chosen = template, text
        return []

    def id(
        self, row: Row, scope: Callable[[], Scope], problems: list[Problem]
    ) -> str | None:
        """The id of a row: its own, a template's, or one by its place."""
        given = row.cells.get("id")
        try:
            if not is_given(given):
                given = self._filling.id_of(scope)
            job_id = f"row-{row.number:04d}" if given is None else _cleaned(given)
        except KeyNameError as bad:
            said = (bad.message, bad.suggestion, "id")
            problems.append(self._feeding.problem(row, "id", *said))
            return None
        except BadTemplateError as bad:
            said = (bad.message, bad.suggestion, "template")
            text = masked(self._filling.text_of("id"))
            problems.append(Problem(row.file, row.line, "id", text, *said))
            return None
        first = self._ids.add(job_id, row.line)
        if first is None:
            return job_id
        message = f"{shown(job_id)} is already the id of line {first}"
        suggestion = "give each row its own id; upper and lower case count as the same"
        said = (message, suggestion, "duplicate-id")
        problems.append(self._feeding.problem(row, "id", *said))
        return None

    def key(
        self,
        row: Row,
        cells: Mapping[str, object],
        job_id: str | None,
        model: Model,
        scope: Callable[[], Scope],
        problems: list[Problem],
    ) -> str | None:
        """The store key of a row's video; None with a problem, or without an id.

        `cells` are all columns of the table, used for the model or not.
        """
        if job_id is None:
            return None
        fields = {"id": job_id, "model": model.name, "line": str(row.line)}
        template = self._template
        try:
            if template.filled is not None:
                template = template.for_row(scope())
            for name in template.columns:
                value = cells.get(name)
                if not is_given(value):
                    value = self._filling.plain.get(name)
                if value is not None:
                    fields[name] = plain(value)
            key = template.key(fields)
        except KeyNameError as bad:
            said = (bad.message, bad.suggestion, "key")
            problems.append(self._feeding.problem(row, None, *said))
            return None
        except BadTemplateError as bad:
            said = (bad.message, bad.suggestion, "template")
            text = masked(self._chosen)
            problems.append(Problem(row.file, row.line, "key", text, *said))
            return None
        if template.unique_by_id:
            return key
        first = self._keys.add(key, row.line)
        if first is None:
            return key
        message = f"the video of line {first} is already stored as {shown(key)}"
        said = (message, "put {id} into the key", "duplicate-key")
        problems.append(self._feeding.problem(row, None, *said))
        return None


def _cleaned(given: object) -> str:
    if isinstance(given, str):
        return clean_id(given)
    if type(given) is int:
        return clean_id(plain(given))
    raise KeyNameError(f"{shown(given)} is no id", "write it as text")
