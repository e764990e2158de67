from pathlib import Path

import pytest

from jobs.catalogue import builtin
from jobs.manifest.rows import Skipped
from jobs.manifest.selection import Choice
from producer.manifests import Options, plan
from tests.jobs.manifest.asked import flat
from tests.producer.manifests.books import book
from tests.producer.manifests.manifests import (
    HEADER,
    OPTIONS,
    URL,
    ids_of,
    jobs_of,
    planned,
    told,
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", HEADER),
        ("a.csv", "sep=;\n"),
        ("a.csv", HEADER + ",,\n\n"),
        ("a.jsonl", "\n\n"),
        ("a.xlsx", book(("id", "image"))),
        ("a.yaml", "# nothing\n"),
        ("a.yaml", "items:\n"),
    ],
)
def test_a_file_without_rows_is_one_problem(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    assert told(planned(tmp_path / name, content)) == [(None, None, "no-rows")]


def test_a_folder_without_pictures_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    found = flat(plan(tmp_path, OPTIONS, builtin()))
    assert told(found) == [(None, None, "no-rows")]
    assert "there are no pictures in it" in str(found[-1])


def test_problems_of_the_options_end_the_reading(tmp_path: Path) -> None:
    options = Options(model="kling-9", set={"promt": "x"}, key="../{id}")
    found = planned(tmp_path / "a.csv", HEADER, options)
    assert told(found) == [
        (None, "key", "key"),
        (None, "promt", "unknown-input"),
        (None, "model", "unknown-model"),
    ]
    assert str(found[2]).startswith("command line, model: there is no model")


KEYED = f"key: 'shop/{{id}}'\nitems:\n- id: a\n  image: {URL}\n  prompt: turn\n"


def test_a_manifest_may_say_where_its_videos_go(tmp_path: Path) -> None:
    assert jobs_of(planned(tmp_path / "a.yaml", KEYED))[0].key == "shop/a.mp4"


def test_columns_of_a_table_are_mapped_by_options_and_by_the_manifest(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text(f"Name,Pic,Words\na,{URL},turn\n")
    options = Options(
        model="kling-v2.6-std", map={"image": ("Pic",), "prompt": ("Words",)}
    )
    made = jobs_of(flat(plan(tmp_path / "a.csv", options, builtin())))
    assert made[0].inputs["image"] == URL
    columns = "columns:\n  image: Pic\n  prompt: [Words]\n"
    found = planned(tmp_path / "a.yaml", f"{columns}items: a.csv\n")
    assert jobs_of(found)[0].inputs == made[0].inputs


def test_only_the_ids_that_are_asked_for_become_jobs(tmp_path: Path) -> None:
    content = HEADER + "".join(f"{name},{URL},turn\n" for name in "abc")
    choice = Choice(failed=frozenset({"a", "c"}))
    options = Options(model="kling-v2.6-std", choice=choice)
    assert ids_of(planned(tmp_path / "a.csv", content, options)) == ["a", "c"]


def test_wanted_rows_may_have_been_taken_out_but_not_all(tmp_path: Path) -> None:
    choice = Choice(failed=frozenset({"a", "x"}))
    options = Options(model="kling-v2.6-std", choice=choice)
    found = planned(tmp_path / "a.csv", f"{HEADER}a,{URL},turn\n", options)
    assert ids_of(found) == ["a"]
    assert told(found) == []
    none = planned(tmp_path / "b.csv", f"{HEADER}b,{URL},turn\n", options)
    assert told(none) == [(None, None, "ids")]


SHOP = f"""Handle,Title,Body (HTML),Vendor,Image Src,Image Position,Variant SKU
mug,Blue mug,"<p>Two
lines</p>",Shop,{URL},1,M1
mug,,,,{URL}?2,2,M2
mug,,,,,,M3
lamp,Small lamp,,Shop,{URL}?3,1,L1
"""


def test_whose_export_a_table_is_can_be_heard(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(SHOP, "utf-8")
    heard: list[str] = []
    options = Options(model="kling-v2.6-std", set={"prompt": "turn"})
    found = flat(plan(path, options, builtin(), recognised=heard.append))
    assert heard == ["Shopify product export"]
    assert len(jobs_of(found)) == 3
    assert [one.line for one in found if isinstance(one, Skipped)] == [5]


def test_an_export_may_be_read_for_one_picture_of_each_product(tmp_path: Path) -> None:
    options = Options(
        model="kling-v2.6-std", set={"prompt": "turn"}, only_first_pictures=True
    )
    found = planned(tmp_path / "export.csv", SHOP, options)
    assert ids_of(found) == ["mug", "lamp"]
