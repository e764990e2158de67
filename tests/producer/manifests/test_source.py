"""What a user names is opened, and its form and encoding are told."""

import io
import os
from pathlib import Path

import pytest

from producer.manifests import records
from producer.manifests.source import form_of
from tests.producer.manifests.books import book
from tests.producer.manifests.manifests import COLUMNS, recorded, rows_of, told


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("sep=;\nid;image\n", "csv"),
        ('"Handle","Title"\n', "csv"),
        ('\n\n  {"id": 1}\n', "jsonl"),
        ('[{"id": 1}]\n', "json"),
        ("# a comment\nitems:\n", "yaml"),
        ("- image: x\n", "yaml"),
        ("items: a.csv\n", "yaml"),
        ("---\n- a: b\n", "yaml"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_form_of_what_is_piped_in_is_seen(
    content: str, form: str, encoding: str
) -> None:
    assert form_of("-", content.encode(encoding), None) == form


@pytest.mark.parametrize(
    "content",
    [b"id,image\na,b\n", book(("id", "image"), ("a", "b"))],
    ids=["text", "workbook"],
)
def test_standard_input_is_read_without_a_name(content: bytes) -> None:
    found = list(records("-", COLUMNS, stdin=io.BytesIO(content)))
    rows = rows_of(found)
    assert [(row.file, row.line, row.cells["id"]) for row in rows] == [("-", 2, "a")]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "-"])
def test_the_form_that_is_asked_for_is_taken(name: str) -> None:
    assert form_of(name, b'{"id": 1}\n', "jsonl") == "jsonl"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a.xls", ".xlsx"),
    ],
)
def test_an_ending_that_says_nothing_is_told(
    tmp_path: Path, name: str, hint: str
) -> None:
    (tmp_path / name).write_text("x")
    found = recorded(tmp_path / name)
    assert told(found) == [(None, None, "ending")]
    assert hint in str(found[0])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\xef\xbb\xbf\n<HTML lang=en>", "a web page"),
        (b'<?xml version="1.0"?><feed/>', "no element article, entry, item"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text"),
        (b"id,image\na,b\0c\n", "not text"),
    ],
)
def test_what_plainly_is_something_else_is_named(
    tmp_path: Path, content: bytes, word: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    found = recorded(tmp_path / "a.csv")
    assert told(found) == [(None, None, "not-a-manifest")]
    assert word in str(found[0])


@pytest.mark.parametrize("written", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("asked", ["utf-8", "cp1252"])
def test_a_byte_order_mark_tells_the_encoding(
    tmp_path: Path, written: str, asked: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,image\ngrün,b\n".encode(written))
    assert rows_of(recorded(path, asked))[0].cells == {"id": "grün", "image": "b"}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_without_a_mark_is_seen(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,image\ngrün,b\n".encode(encoding))
    assert rows_of(recorded(path))[0].cells["id"] == "grün"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
def test_without_a_mark_text_has_the_encoding_that_is_asked_for(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,image\ngrün,b\n".encode(encoding))
    assert rows_of(recorded(path, encoding))[0].cells["id"] == "grün"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml"])
def test_wrong_bytes_are_told_with_their_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    line = b"id,image,prompt\n" if name == "a.csv" else b"# fine\n"
    path.write_bytes(line * 20_000 + "# gr\u00fcn\n".encode("cp1252"))
    found = recorded(path)
    assert told(found)[-1] == (20_001, None, "encoding")
    assert "--encoding cp1252" in str(found[-1])


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "undefined"])
def test_an_encoding_that_is_none_is_told(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,image\n")
    assert told(recorded(path, encoding)) == [(None, "encoding", "encoding")]


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        ("gone.csv", "not-found", "reelmill init"),
        ("empty.csv", "empty", "it is empty"),
        ("round.csv", "unreadable", "symbolic links"),
        ("empty.csv/b.csv", "unreadable", "not a directory"),
        ("device.csv", "not-a-file", "not a regular file"),
        ("pipe.csv", "not-a-file", "pipe it in and name -"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, name: str, kind: str, word: str
) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "round.csv").symlink_to("round.csv")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.csv")
    found = recorded(f"{tmp_path}/{name}")
    assert told(found) == [(None, None, kind)]
    assert word in str(found[0])


def test_a_manifest_on_the_web_is_to_be_downloaded() -> None:
    found = recorded("https://example.com/shop.csv")
    assert told(found) == [(None, None, "not-a-file")]
    assert "download it" in str(found[0])
