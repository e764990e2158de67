import codecs
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.reading import records
from producer.reading.sniffing import FORMS, form_of
from producer.reading.unreadable import UnreadableError
from tests.producer.reading.books import book
from tests.producer.reading.manifests import COLUMNS, recorded, rows_of, told


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("id,image\n", "csv"),
        ("id;image\n", "csv"),
        ("sep=;\nid;image\n", "csv"),
        ('"Handle","Title"\n', "csv"),
        ("key,image\n", "csv"),
        ('{"id": 1}\n', "jsonl"),
        ('\n\n  {"id": 1}\n', "jsonl"),
        ('[{"id": 1}]\n', "jsonl"),
        ("# a comment\nitems:\n", "yaml"),
        ("- image: x\n", "yaml"),
        ("defaults:\n  a: b\n", "yaml"),
        ("items: a.csv\n", "yaml"),
        ("rows:\n", "yaml"),
        ("---\n- a: b\n", "yaml"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_is_piped_in_has_the_form_that_it_looks_like(
    content: str, form: str, encoding: str
) -> None:
    assert form_of("-", content.encode(encoding), None) == form


def test_a_workbook_can_be_piped_in() -> None:
    pipe = io.BytesIO(book(("id", "image"), ("a", "b")))
    found = list(records("-", columns=COLUMNS, stdin=pipe))
    assert [row.cells["id"] for row in rows_of(found)] == ["a"]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a", "-"])
def test_the_form_that_is_asked_for_is_taken(name: str) -> None:
    assert form_of(name, b'{"id": 1}\n', "jsonl") == "jsonl"


@pytest.mark.parametrize("form", ["xml", "CSV", ""])
def test_a_form_that_is_none_is_told_with_those_that_are(form: str) -> None:
    with pytest.raises(UnreadableError, match="csv, jsonl, yaml or xlsx"):
        form_of("a.csv", b"id", form)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a.txt", "--form"),
        ("a", "--form"),
        ("a.json", "one object a line"),
        ("a.xls", ".xlsx"),
        ("a.ods", ".xlsx"),
        ("a.numbers", ".xlsx"),
    ],
)
def test_an_ending_that_says_nothing_is_told(
    tmp_path: Path, name: str, hint: str
) -> None:
    (tmp_path / name).write_text("x")
    found = recorded(tmp_path / name)
    assert told(found) == [(None, None, "ending")]
    assert hint in str(found[0])


JUNK = bytes(range(256)) * 8
OTHERS = [
    (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
    (b"\x1f\x8b\x08\0", "unpack it first"),
    (b"PK\x03\x04\x14\0\x06\0", "name a workbook .xlsx"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or locked workbook"),
    (b"<!DOCTYPE html>\n<html><body>Log in", "a web page"),
    (b"\xef\xbb\xbf\n<HTML lang=en>", "a web page"),
    (b"<!-- made by x -->\n<html>", "a web page"),
    (b'<?xml version="1.0"?><feed/>', "an XML document"),
    (JUNK, "no text"),
]


@pytest.mark.parametrize(("content", "word"), OTHERS)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml"])
def test_what_plainly_is_something_else_is_named(
    tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content + b"," * 100)
    found = recorded(path)
    assert told(found) == [(None, None, "not-a-manifest")]
    assert word in str(found[0])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_wide_text_is_answered_with_the_option(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,image,prompt\n".encode(encoding))
    found = recorded(path)
    assert told(found) == [(None, None, "encoding")]
    assert f"--encoding {encoding}" in str(found[0])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "UTF_16_BE", "utf-32"])
def test_wide_text_is_read_when_it_is_asked_for(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffid,image\ngrün,b\n".encode(encoding))
    assert rows_of(recorded(path, encoding))[0].cells["id"] == "grün"


def test_a_mark_of_another_encoding_than_is_asked_for_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(codecs.BOM_UTF8 + b"id,image\na,b\n")
    found = recorded(path, "cp1252")
    assert told(found) == [(None, None, "encoding")]
    assert "leave out --encoding" in str(found[0])


@given(st.lists(st.text("id,imägeжзю图片 '\t")), st.sampled_from([",", ";"]))
def test_text_in_any_language_is_taken_for_text(
    cells: list[str], separator: str
) -> None:
    start = ("id" + separator + separator.join(cells)).encode()[:4096]
    assert form_of("a.csv", start, None) == "csv"


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_have_a_form_or_are_something_else(start: bytes) -> None:
    assert _form_or_kind(start) in {*FORMS, "not-a-manifest"}


def _form_or_kind(start: bytes) -> str:
    try:
        return form_of("-", start, None)
    except UnreadableError as unreadable:
        return unreadable.problem.kind
