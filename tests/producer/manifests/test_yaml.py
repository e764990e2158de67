from pathlib import Path

import pytest

from jobs.manifest.rows import Defaults, Feeds
from producer.manifests.yaml import KeyTemplate
from tests.producer.manifests.manifests import (
    URL,
    ids_of,
    jobs_of,
    planned,
    recorded,
    rows_of,
    told,
)

ROW = f"- image: {URL}\n  prompt: turn\n"


def test_what_yaml_reads_in_its_own_way_stays_as_it_is_written(tmp_path: Path) -> None:
    content = f"""
- model: kling-v1.6-multi
  images: [{URL}]
  aspect_ratio: 9:16
  prompt: no
  negative_prompt: 'null'
  id: 007
  note: >-
    slow
    orbit
  sku: 1_000
  released: 2026-11-20
"""
    made = jobs_of(planned(tmp_path / "a.yaml", content))[0]
    assert made.inputs["aspect_ratio"] == "9:16"
    assert made.inputs["prompt"] == "no"
    assert made.id == "007"
    assert made.inputs["negative_prompt"] == "null"
    data = {"sku": "1_000", "released": "2026-11-20", "note": "slow orbit"}
    assert made.data == data


def test_defaults_fill_the_rows_behind_them(tmp_path: Path) -> None:
    rows = f"rows:\n{ROW}- image: {URL}\n  prompt: ~\n  duration: 5\n"
    content = f"defaults:\n  duration: 10\n  prompt: glide\n{rows}"
    made = jobs_of(planned(tmp_path / "a.yml", content))
    assert [dict(one.inputs) for one in made] == [
        {"image": URL, "prompt": "turn", "duration": 10},
        {"image": URL, "prompt": "glide", "duration": 5},
    ]
    assert [one.line for one in made] == [5, 7]


@pytest.mark.parametrize(
    ("row", "line", "column"),
    [
        ("- a: &x b\n", 3, 6),
        ("- *x\n", 3, 3),
        ("- a: !!int 5\n", 3, 6),
        ("- a: b\n  a: c\n", 4, "a"),
        ("- {[a]: b}\n", 3, 4),
        ("- just text\n", 3, 3),
        ("-\n", 3, 2),
    ],
)
def test_a_row_that_is_none_is_told_and_the_others_are_read(
    tmp_path: Path, row: str, line: int, column: object
) -> None:
    found = planned(tmp_path / "a.yaml", ROW + row + ROW)
    assert told(found) == [(line, column, "yaml")]
    assert ids_of(found) == [
        "row-0001",
        "row-0003",
    ]


@pytest.mark.parametrize(
    ("rest", "line", "column", "word"),
    [
        ("\t- a: b\n", 3, 1, "spaces"),
        ("- a: 'open\n", 3, 6, "quote"),
        ("- prompt: look: here\n", 3, 15, "quote texts with :"),
        ("- [a\n", None, None, "spaces"),
        ("- a: " + "[" * 5000 + "\n", 3, None, "flatter"),
        ("- a: b\x07\n", None, None, "#x0007"),
    ],
)
def test_what_is_not_yaml_is_told_in_plain_words(
    tmp_path: Path, rest: str, line: int | None, column: int | None, word: str
) -> None:
    found = planned(tmp_path / "a.yaml", ROW + rest)
    assert word in str(found[-1])
    assert [kind for _, _, kind in told(found)] == ["yaml"]
    assert line in (None, told(found)[0][0])
    assert column in (None, told(found)[0][1])


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("just text\n", 1, 1),
        (f"duration: 5\nitems:\n{ROW}", 1, "duration"),
        (f"items:\n{ROW}rows:\n{ROW}", 4, "rows"),
        (f"rows:\n{ROW}defaults:\n  duration: 5\n", 4, "defaults"),
        (f"defaults: 5\nrows:\n{ROW}", 1, 11),
        ("items: {a: b}\n", 1, "items"),
        (f"columns: Picture\nitems:\n{ROW}", 1, 10),
        (f"columns:\n  image: [[a]]\nitems:\n{ROW}", 2, "image"),
        (f"columns:\n  image: a\n  image: b\nitems:\n{ROW}", 3, "image"),
        (f"encoding: utf-9\nitems:\n{ROW}", 1, "encoding"),
        (f"form: pdf\nitems:\n{ROW}", 1, "form"),
        ("defaults:\n  duration: 5\n", 3, "items"),
        (f"{ROW}---\n{ROW}", 3, 1),
    ],
)
def test_a_file_of_another_form_is_told(
    tmp_path: Path, content: str, line: int, column: object
) -> None:
    (tmp_path / "a.yaml").write_text(content)
    assert told(recorded(tmp_path / "a.yaml")) == [(line, column, "yaml")]


def test_what_is_said_before_the_items_comes_before_them(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "defaults:\n  duration: 10\ncolumns:\n  image: Image Src\n  images:\n"
        f"  - Front \n  - Back\nkey: '{{sku}}'\nitems:\n{ROW}"
    )
    found = recorded(path)
    assert found[:3] == [
        Defaults(str(path), {"duration": "10"}, {"duration": 2}),
        Feeds(
            str(path),
            {"image": ("Image Src",), "images": ("Front", "Back")},
            {"image": 4, "images": 5},
        ),
        KeyTemplate(str(path), 8, "{sku}"),
    ]
    assert [row.line for row in rows_of(found)] == [10]
