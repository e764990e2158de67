import json
from pathlib import Path

import pytest

from tests.producer.manifests.manifests import URL, ids_of, jobs_of, planned, told

GOOD = json.dumps({"image": URL, "prompt": "turn"})


def test_values_keep_their_types(tmp_path: Path) -> None:
    cells = {"image": URL, "prompt": "turn", "duration": 10, "id": 7, "stock": 3}
    made = jobs_of(planned(tmp_path / "a.jsonl", json.dumps(cells)))[0]
    assert (made.id, made.line) == ("7", 1)
    assert made.inputs["duration"] == 10
    assert made.data == {"stock": "3"}


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("nope", 1),
        ('{"a": 1,}', None),
        ('{"a": 1} {"a": 2}', 10),
        ('{"a": 1, "a": 2}', "a"),
        ('{"a": NaN}', None),
        ("[1]", None),
        ("null", None),
        ("[" * 100_000, None),
    ],
)
def test_a_broken_line_is_told_and_the_others_are_read(
    tmp_path: Path, line: str, column: object
) -> None:
    found = planned(tmp_path / "a.jsonl", f"{GOOD}\n\n{line}\n{GOOD}\n")
    problems = told(found)
    assert [(at, kind) for at, _, kind in problems] == [(3, "json")]
    assert column in (None, problems[0][1])
    assert ids_of(found) == [
        "row-0001",
        "row-0003",
    ]


def test_numbers_no_machine_can_hold_are_told(tmp_path: Path) -> None:
    endless = GOOD.replace("}", ', "duration": ' + "9" * 5000 + "}")
    infinite = GOOD.replace("}", ', "duration": 1e999}')
    found = planned(tmp_path / "a.jsonl", f"{endless}\n{infinite}\n")
    assert told(found) == [
        (1, "duration", "not-an-integer"),
        (2, "duration", "not-an-integer"),
    ]


@pytest.mark.parametrize("content", [f"\n [\n{GOOD}\n]\n", f"[{GOOD}]"])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_one_list_in_a_file_has_its_rows(
    tmp_path: Path, name: str, content: str
) -> None:
    (job,) = jobs_of(planned(tmp_path / name, content))
    assert job.inputs["prompt"] == "turn"


def test_the_only_list_of_an_object_has_the_rows(tmp_path: Path) -> None:
    for content in (
        f'{{"products": [{GOOD}]}}',
        f'{{"n": 1,\n"products": [\n{GOOD}]}}',
    ):
        assert len(jobs_of(planned(tmp_path / "a.json", content))) == 1
