"""Rows that people could ask for, of every model of the catalogue, at random."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.catalogue.inputs import Input
from jobs.job import Job
from jobs.manifest.drafts import PlannedRow
from jobs.manifest.rows import Notice, Problem, Row, Skipped

CATALOGUE = builtin()
MUG = "https://example.com/mug.jpg"

HOSTILE = [
    *("- slow pan", "+ more light", "@home, evening", "= equals", "\uff1d wide"),
    *('a "quote" in it', '"', "'", "two\nlines", "a | b", "a|b", "wide @ 4s", "[1]"),
    *('{"prompt": "x"}', "a;b\tc", "a, b", "5", "-5", "true", "null", "\u00a0x", "é"),
    *("#comment", "x\u2028y", "end\\", "日本"),
]
texts = st.sampled_from(HOSTILE) | st.text(max_size=15)
names = st.sampled_from(["sku", "my title", "=x", "a;b", "été", "reason", "note"])
places = st.sampled_from(
    [MUG, f"{MUG}?a=1|2", "https://example.com/[1].jpg", "https://example.com/%7C.png"]
)


def values(spec: Input) -> st.SearchStrategy[Any]:
    """What a row may give to an input, typed."""
    if spec.choices:
        return st.sampled_from(spec.choices)
    if spec.item:
        return st.lists(
            values(spec.item), min_size=spec.min_items, max_size=spec.max_items
        )
    if spec.fields:
        parts = {name: values(part) for name, part in spec.fields.items()}
        needed = {n: parts.pop(n) for n, p in spec.fields.items() if p.required}
        return st.fixed_dictionaries(needed, optional=parts)
    return {
        "text": texts,
        "picture": places,
        "boolean": st.booleans(),
        "number": st.floats(0, 1).map(lambda number: round(number, 15)),
        "integer": st.integers(3, 15),
    }[spec.type]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A row as JSON has it, its values typed; nearly all of them are in order."""
    model = draw(st.sampled_from(list(CATALOGUE.models.values())))
    either = {
        name for group in (*model.one_of, *model.mutually_exclusive) for name in group
    }
    chosen = draw(st.sampled_from(model.one_of[0])) if model.one_of else None
    cells = {
        name: draw(values(spec))
        for name, spec in model.inputs.items()
        if spec.required
        or name == chosen
        or (name not in either and draw(st.booleans()))
    }
    own = draw(st.dictionaries(names, texts, max_size=3))
    name = draw(st.sampled_from([model.id, model.name, *model.aliases]))
    return Row("m.jsonl", 2, 1, {**own, **cells, "id": "a", "model": name})


#: What a manifest comes to, the jobs and problems of its rows for themselves.
Found = Job | Problem | Skipped | Notice


def flat(outcomes: Iterable[PlannedRow | Problem | Skipped | Notice]) -> list[Found]:
    found: list[Found] = []
    for one in outcomes:
        if isinstance(one, PlannedRow):
            found += one.problems if one.job is None else [one.job]
        else:
            found.append(one)
    return found
