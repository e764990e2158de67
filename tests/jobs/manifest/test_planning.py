from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.planning import Manifest
from jobs.manifest.rows import Defaults, Problem, Row, Skipped

URL = "https://example.com/mug.jpg"
LEAST = {"model": "kling-v2.6-std", "image": URL, "prompt": "turn"}
V30 = {"model": "kling-v3.0-std", "image": URL}


def manifest(
    options: Mapping[str, object] | None = None, key: str | None = None
) -> Manifest:
    return Manifest(builtin(), options, key)


def row(cells: Mapping[str, object], number: int = 1) -> Row:
    return Row("products.csv", number + 1, number, cells)


Made = Job | Skipped | list[Problem]


def job(made: Made) -> Job:
    assert isinstance(made, Job), made
    return made


def problems(made: Made) -> list[tuple[str | int | None, str]]:
    assert isinstance(made, list)
    return [(problem.column, problem.kind) for problem in made]


def test_a_row_becomes_a_job_with_price_and_key() -> None:
    made = job(manifest().plan(row({**LEAST, "id": "mug", "sku": "A-1", "title": ""})))
    assert made == Job(
        id="mug",
        line=2,
        model="kwaivgi/kling-v2.6-std/image-to-video",
        inputs={"image": URL, "prompt": "turn"},
        price_usd_micros=210_000,
        key="{batch}/mug.mp4",
        data={"sku": "A-1"},
        duration_s=5,
    )
    assert Job.from_json(made.to_json()) == made


def test_a_problem_reads_as_where_what_and_what_to_do() -> None:
    made = manifest().plan(row({**LEAST, "duration": "12"}, number=6))
    assert isinstance(made, list)
    assert [str(problem) for problem in made] == [
        'products.csv, line 7, column duration: "12" is not one of 5, 10; write 5 or 10'
    ]
    assert made[0].value == "12"


def test_rows_without_an_id_are_called_by_their_number() -> None:
    assert job(manifest().plan(row(LEAST, number=7))).id == "row-0007"


@pytest.mark.parametrize("given_id", [7, " 7 "])
def test_an_id_may_be_a_number(given_id: object) -> None:
    assert job(manifest().plan(row({**LEAST, "id": given_id}))).id == "7"


@pytest.mark.parametrize("given_id", [True, "a/b"])
def test_an_id_that_is_none_is_told(given_id: object) -> None:
    assert problems(manifest().plan(row({**LEAST, "id": given_id}))) == [("id", "id")]


def test_an_id_is_used_once_whatever_its_case_and_whatever_else_is_wrong() -> None:
    planned = manifest()
    planned.plan(row({"id": "Row-0003"}, number=1))
    assert problems(planned.plan(row({**LEAST, "id": "ROW-0003"}, number=2))) == [
        ("id", "duplicate-id")
    ]
    made = planned.plan(row(LEAST, number=3))
    assert isinstance(made, list)
    assert "line 2" in made[0].message


def test_a_value_is_taken_from_row_then_options_then_defaults() -> None:
    planned = manifest({"duration": "10", "model": "kling-v1.6-std"})
    planned.fill(Defaults("a.yaml", {"duration": "5", "negative_prompt": "blur"}))
    first = job(planned.plan(row(LEAST, number=1)))
    assert first.model == "kwaivgi/kling-v2.6-std/image-to-video"
    assert first.inputs["duration"] == 10
    assert first.inputs["negative_prompt"] == "blur"
    second = job(planned.plan(row({**LEAST, "duration": 5, "model": ""}, number=2)))
    assert second.model == "kwaivgi/kling-v1.6-i2v-standard"
    assert second.inputs["duration"] == 5


def test_a_default_is_passed_over_where_it_does_not_fit() -> None:
    planned = manifest({"sound": "true", "prompt": "turn", "campaign": "spring"})
    assert planned.problems == []
    silent = job(planned.plan(row({"model": "kling-v2.6-std", "image": URL}, 1)))
    assert silent.inputs == {"image": URL, "prompt": "turn"}
    assert silent.data == {"campaign": "spring"}
    shots = job(planned.plan(row({**V30, "multi_prompt": "a @ 5s"}, 2)))
    assert "prompt" not in shots.inputs
    assert shots.inputs["sound"] is True


def test_defaults_that_exclude_each_other_are_told_once() -> None:
    planned = manifest({"prompt": "a", "multi_prompt": "b"})
    assert problems(planned.plan(row(V30, 1))) == [("multi_prompt", "together")]
    assert problems(planned.plan(row(V30, 2))) == []


def test_a_wrong_default_is_told_once_and_where_it_stands() -> None:
    planned = manifest()
    planned.fill(Defaults("a.yaml", {"duration": "7"}, {"duration": 3}))
    made = planned.plan(row(LEAST, 1))
    assert isinstance(made, list)
    assert str(made[0]).startswith("a.yaml, line 3, column duration:")
    assert planned.plan(row(LEAST, 2)) == []


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("id", "x", "default-id"),
        ("model", "kling-9", "unknown-model"),
        ("promt", "x", "unknown-input"),
        ("Negative-Prompt", "x", "unknown-input"),
    ],
)
def test_a_default_that_means_nothing_is_told(name: str, value: str, kind: str) -> None:
    assert [problem.kind for problem in manifest({name: value}).problems] == [kind]


def test_a_key_that_cannot_be_is_told_before_any_row() -> None:
    found = manifest(key="../{id}").problems
    assert [(problem.column, problem.kind) for problem in found] == [("key", "key")]


def test_a_row_without_a_model_is_told() -> None:
    cells = {"image": URL, "prompt": "turn"}
    assert problems(manifest().plan(row(cells))) == [("model", "missing")]


@pytest.mark.parametrize("name", ["kling-9", 5])
def test_a_model_that_is_none_is_told(name: object) -> None:
    made = manifest().plan(row({**LEAST, "model": name}))
    assert [column for column, _ in problems(made)] == ["model"]


def test_an_input_of_another_model_is_told_only_where_it_is_filled() -> None:
    planned = manifest()
    job(planned.plan(row({**LEAST, "sound": ""}, 1)))
    made = planned.plan(row({**LEAST, "sound": "true"}, 2))
    assert isinstance(made, list)
    assert made[0].message == (
        "sound is an input of kling-v3.0-std; kling-v2.6-std has no such input"
    )


@pytest.mark.parametrize("column", ["promt", "Prompt", "prompts"])
def test_a_misspelt_column_is_told_once_and_nothing_else_of_it(column: str) -> None:
    planned = manifest()
    cells = {"model": "kling-v2.6-std", "image": URL, column: "turn"}
    made = planned.plan(row(cells, 1))
    assert problems(made) == [(column, "misspelt")]
    assert isinstance(made, list)
    assert "did you mean prompt?" in made[0].suggestion
    assert planned.plan(row(cells, 2)) == []


@pytest.mark.parametrize(
    "column",
    ["title", "round", "ids"],
)
def test_an_honest_column_is_the_rows_own(column: str) -> None:
    assert job(manifest().plan(row({**LEAST, column: "x"}))).data == {column: "x"}


def test_a_column_like_an_input_is_honest_where_the_input_is_given_too() -> None:
    cells = {**LEAST, "image1": "side view", "prompts": "3"}
    made = job(manifest().plan(row(cells)))
    assert made.data == {"image1": "side view", "prompts": "3"}


def test_own_columns_are_kept_as_text() -> None:
    made = job(manifest().plan(row({**LEAST, "a": 1, "b": {"c": None}, "d": None})))
    assert made.data == {"a": "1", "b": '{"c": null}'}


def test_a_key_may_use_columns_and_must_be_unique() -> None:
    planned = manifest(key="{batch}/{sku}")
    assert job(planned.plan(row({**LEAST, "sku": "a"}, 1))).key == "{batch}/a.mp4"
    made = planned.plan(row({**LEAST, "sku": "A"}, 2))
    assert problems(made) == [(None, "duplicate-key")]
    assert problems(planned.plan(row(LEAST, 3))) == [(None, "key")]


def test_a_password_never_stands_in_a_problem() -> None:
    made = manifest().plan(row({**LEAST, "image": "https://anna:pw9@example.com/a"}))
    assert isinstance(made, list)
    assert "pw9" not in repr(made)


def test_a_cell_on_its_own_line_is_told_with_that_line() -> None:
    cells = {**LEAST, "duration": "7"}
    made = manifest().plan(Row("a.yaml", 4, 1, cells, {"duration": 6}))
    assert isinstance(made, list)
    assert made[0].line == 6


NAMES = st.sampled_from(["id", "model", "image", "prompt", "sound", "promt", "sku"])
CELL = st.none() | st.text() | st.integers() | st.lists(st.text()) | st.just(URL)


@given(st.lists(st.dictionaries(NAMES, CELL)))
def test_any_rows_make_jobs_with_unique_ids_or_problems(
    rows: list[dict[str, object]],
) -> None:
    planned = manifest({"model": "kling-v2.6-std"})
    made = [planned.plan(row(cells, number)) for number, cells in enumerate(rows, 1)]
    ids = [one.id.casefold() for one in made if isinstance(one, Job)]
    assert len(ids) == len(set(ids))
    for one in made:
        if isinstance(one, Job):
            one.to_json().encode()
        else:
            assert isinstance(one, list)
            assert all(str(problem) for problem in one)
