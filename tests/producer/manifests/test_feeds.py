"""Tables as shops and spreadsheets write them: feeds, late headers, hidden rows."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.manifest.rows import Notice, Problem, Skipped
from tests.producer.manifests.books import book, workbook
from tests.producer.manifests.manifests import (
    OPTIONS,
    URL,
    ids_of,
    jobs_of,
    planned,
    recorded,
    rows_of,
    told,
)

TURN = replace(OPTIONS, set={"prompt": "{{ title }} turning"})
ITEM = (
    "<item><g:id>{0}</g:id><title>Mug {0}</title>"
    "<g:image_link>https://a.example/{0}.jpg</g:image_link>"
    "<g:additional_image_link>https://a.example/{0}b.jpg</g:additional_image_link>"
    "<g:additional_image_link>https://a.example/{0}c.jpg</g:additional_image_link></item>"
)
FEED = (
    '<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel>'
    "<title>Shop</title>" + ITEM.format("a") + ITEM.format("b") + "</channel></rss>"
)


@pytest.mark.parametrize("name", ["feed.xml", "feed.txt", "feed.csv"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_feed_is_read_whatever_its_name(
    tmp_path: Path, name: str, packed: bool
) -> None:
    content = gzip.compress(FEED.encode()) if packed else FEED.encode()
    first, second = jobs_of(planned(tmp_path / name, content, TURN))
    assert (first.id, first.inputs["prompt"]) == ("a", "Mug a turning")
    assert second.inputs["image"] == "https://a.example/b.jpg"
    every = planned(tmp_path / name, content, replace(TURN, every_picture=True))
    assert ids_of(every) == ["a", "a.2", "a.3", "b", "b.2", "b.3"]


def test_a_document_that_defines_entities_or_is_broken_is_one_problem(
    tmp_path: Path,
) -> None:
    entity = FEED.replace("<rss", '<!DOCTYPE rss [<!ENTITY a "b">]><rss', 1)
    for content in (entity, FEED[:300]):
        assert told(planned(tmp_path / "feed.xml", content, TURN))[-1][2] == "xml"


@pytest.mark.parametrize(
    "above", ["Spring catalogue\n\n", "# id is required\n# title too\n", "", "A;B\n"]
)
def test_the_header_is_found_below_titles_and_comments(
    tmp_path: Path, above: str
) -> None:
    content = f"{above}id;image;title\na;{URL};Mug\n"
    (job,) = jobs_of(planned(tmp_path / "a.csv", content, TURN))
    assert (job.id, job.line) == ("a", content.count("\n"))


def test_a_header_line_may_be_named(tmp_path: Path) -> None:
    content = f"image,id\nimage,id\n{URL},a\n"
    options = replace(OPTIONS, set={"prompt": "turn"}, header_line=2)
    assert ids_of(planned(tmp_path / "a.csv", content, options)) == ["a"]
    options = replace(options, header_line=9)
    (problem,) = planned(tmp_path / "a.csv", content, options)
    assert isinstance(problem, Problem)
    assert "line 9 is empty or not there" in str(problem)


def test_hidden_rows_count_unless_they_are_left_out(tmp_path: Path) -> None:
    markup = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c></row>'
        '<row r="2" hidden="1"><c r="A2" t="inlineStr"><is><t>a</t></is></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><t>b</t></is></c></row>'
    )
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"A": markup}))
    found = recorded(path)
    assert [row.cells["id"] for row in rows_of(found)] == ["a", "b"]
    assert [one.kind for one in found if isinstance(one, Notice)] == ["hidden-row"]
    options = replace(OPTIONS, visible_only=True)
    left = planned(path, path.read_bytes(), options)
    assert [one.line for one in left if isinstance(one, Skipped)] == [2]


def test_zeros_of_a_number_format_are_kept(tmp_path: Path) -> None:
    content = book(("id", "image", "prompt"), ('<c s="5"><v>125</v></c>', URL, "turn"))
    assert ids_of(planned(tmp_path / "a.xlsx", content)) == ["00125"]


def test_cells_that_may_be_left_out_and_blanks_after_quotes_are_read(
    tmp_path: Path,
) -> None:
    content = f'id,image,prompt,note\n"a" ,"{URL}" ,"it ""turns"" ,"\nb,{URL},turn\n'
    first, second = jobs_of(planned(tmp_path / "a.csv", content))
    assert (first.id, first.inputs["prompt"]) == ("a", 'it "turns" ,')
    assert second.id == "b"
