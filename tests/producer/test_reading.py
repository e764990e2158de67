import codecs
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.rows import Problem
from producer.reading import Options, plan

URL = "https://example.com/mug.jpg"
OPTIONS = Options(model="kling-v2.6-std")
HEADER = "id,image,prompt\n"


def read(
    path: Path, content: str | bytes, options: Options = OPTIONS
) -> list[Job | Problem]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(plan(path, options, builtin()))


def jobs_of(found: list[Job | Problem]) -> list[Job]:
    assert [str(one) for one in found if isinstance(one, Problem)] == []
    return [one for one in found if isinstance(one, Job)]


def ids_of(found: list[Job | Problem]) -> list[str]:
    return [one.id for one in found if isinstance(one, Job)]


def told(found: list[Job | Problem]) -> list[tuple[int | None, str | int | None, str]]:
    return [
        (one.line, one.column, one.kind) for one in found if isinstance(one, Problem)
    ]


def test_rows_come_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}a,{URL},turn\n" + "x,y\n" * 100_000)
    first = next(plan(path, OPTIONS, builtin()))
    assert isinstance(first, Job)
    assert first.id == "a"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gone.csv", "not-found"),
        ("a.txt", "ending"),
        ("a.xlsx", "ending"),
        ("a.json", "ending"),
        ("a", "ending"),
        ("empty.csv", "empty"),
        ("folder.csv", "folder"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_problem(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    for written in ("a.txt", "a.xlsx", "a.json", "a"):
        (tmp_path / written).write_text("x")
    (tmp_path / "empty.csv").touch()
    found = list(plan(tmp_path / name, OPTIONS, builtin()))
    assert told(found) == [(None, None, kind)]
    assert str(found[0]).startswith(str(tmp_path / name))


def test_a_name_the_system_refuses_is_one_problem(tmp_path: Path) -> None:
    found = list(plan(tmp_path / ("x" * 300 + ".csv"), OPTIONS, builtin()))
    assert told(found) == [(None, None, "unreadable")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", HEADER),
        ("a.csv", "\n\n"),
        ("a.csv", HEADER + ",,\n\n"),
        ("a.jsonl", "\n\n"),
        ("a.yaml", "# nothing\n"),
        ("a.yaml", "rows: []\n"),
        ("a.yaml", "rows:\n"),
        ("a.yaml", "[]\n"),
    ],
)
def test_a_file_without_rows_is_one_problem(
    tmp_path: Path, name: str, content: str
) -> None:
    assert told(read(tmp_path / name, content)) == [(None, None, "no-rows")]


def test_problems_of_the_options_end_the_reading(tmp_path: Path) -> None:
    options = Options(model="kling-9", set={"promt": "x"}, key="../{id}")
    found = read(tmp_path / "a.csv", HEADER, options)
    assert told(found) == [
        (None, "key", "key"),
        (None, "promt", "unknown-input"),
        (None, "model", "unknown-model"),
    ]
    assert str(found[2]).startswith("command line, model: there is no model")


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(
    tmp_path: Path, encoding: str
) -> None:
    content = codecs.BOM_UTF8 + f"{HEADER}a,{URL},grün\n".encode()
    options = Options(model="kling-v2.6-std", encoding=encoding)
    assert jobs_of(read(tmp_path / "a.csv", content, options))[0].id == "a"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-32", "mac-roman"])
def test_other_encodings_are_read_when_they_are_named(
    tmp_path: Path, encoding: str
) -> None:
    content = f"{HEADER}a,{URL},grün\n".encode(encoding)
    options = Options(model="kling-v2.6-std", encoding=encoding)
    found = jobs_of(read(tmp_path / "a.csv", content, options))
    assert found[0].inputs["prompt"] == "grün"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml"])
def test_wrong_bytes_are_told_with_their_line(tmp_path: Path, name: str) -> None:
    line = b"id,image,prompt\n" if name == "a.csv" else b"# fine\n"
    content = line * 20_000 + "# gr\u00fcn\n".encode("cp1252")
    found = read(tmp_path / name, content)
    assert isinstance(found[-1], Problem)
    assert (found[-1].line, found[-1].kind) == (20_001, "encoding")
    assert "--encoding cp1252" in found[-1].suggestion


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_file_in_utf_16_is_answered_with_the_option(
    tmp_path: Path, encoding: str
) -> None:
    found = read(tmp_path / "a.csv", HEADER.encode(encoding))
    assert told(found) == [(None, None, "encoding")]
    assert f"--encoding {encoding}" in str(found[0])


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "rot13", "", "undefined"])
def test_an_encoding_that_is_none_is_one_problem(tmp_path: Path, encoding: str) -> None:
    options = Options(model="kling-v2.6-std", encoding=encoding)
    found = read(tmp_path / "a.csv", HEADER, options)
    assert told(found) == [(None, "encoding", "encoding")]


def test_a_nul_is_told_in_a_csv_file_too(tmp_path: Path) -> None:
    assert told(read(tmp_path / "a.csv", "id\nab\0\n"))[-1] == (2, 3, "nul")


@pytest.mark.parametrize("name", ["a.jsonl", "a.yaml"])
def test_a_nul_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    assert told(read(tmp_path / name, "# x\nab\0\n"))[-1] == (2, 3, "nul")


def test_a_line_without_end_is_not_swallowed(tmp_path: Path) -> None:
    found = read(tmp_path / "a.jsonl", "x" * 3_000_000)
    assert told(found) == [(1, None, "line-too-long")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ending=st.sampled_from([".csv", ".jsonl", ".yaml"]),
    content=st.binary(max_size=200)
    | st.text("id,\"'[]{}:-&*!|>\n\r\t @%#7", max_size=80).map(str.encode),
)
def test_no_content_at_all_ends_in_an_exception(
    tmp_path: Path, ending: str, content: bytes
) -> None:
    found = read(tmp_path / f"a{ending}", content)
    assert found
    assert all(str(one) for one in found)
