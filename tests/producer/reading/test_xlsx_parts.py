"""Workbooks that would do harm are refused before anything reads them whole."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producer.reading.xlsx_parts import MAX_PARTS
from tests.producer.reading.books import book, packed, parts_of, sheet
from tests.producer.reading.manifests import recorded, rows_of, told

SHEET = "xl/worksheets/sheet1.xml"
GOOD = parts_of({"A": sheet([("id",), ("a",)])}, strings=["text"])
TOO_LARGE = [(None, None, "too-large")]
DAMAGED = [(None, None, "workbook")]


def read(path: Path, content: bytes) -> list[tuple[int | None, str | int | None, str]]:
    """What is told of a workbook; reading it takes little memory."""
    path.write_bytes(content)
    tracemalloc.start()
    found = told(recorded(path))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 40_000_000
    return found


def bomb(size: int) -> bytes:
    """A workbook with a part that is far larger unpacked than packed."""
    return packed({**GOOD, "xl/styles.xml": b" " * size})


def claiming(content: bytes, part: str, size: int) -> bytes:
    """The archive with another size in its list of parts."""
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(part.encode()))
    return content[: at + 24] + struct.pack("<I", size) + content[at + 28 :]


def test_a_part_that_swells_is_refused(tmp_path: Path) -> None:
    assert read(tmp_path / "a.xlsx", bomb(64 << 20)) == TOO_LARGE


def test_a_part_that_claims_to_be_small_is_refused(tmp_path: Path) -> None:
    content = claiming(bomb(1 << 20), "xl/styles.xml", 100)
    assert read(tmp_path / "a.xlsx", content) == TOO_LARGE


def test_a_part_that_claims_to_be_huge_is_not_unpacked(tmp_path: Path) -> None:
    content = claiming(packed(GOOD), "xl/styles.xml", 0xFFFF_FF00)
    assert read(tmp_path / "a.xlsx", content) == TOO_LARGE


def test_too_many_parts_are_refused(tmp_path: Path) -> None:
    many = {f"xl/media/{number}.png": "" for number in range(MAX_PARTS)}
    assert read(tmp_path / "a.xlsx", packed({**GOOD, **many})) == TOO_LARGE


def test_a_list_of_parts_without_end_is_refused(tmp_path: Path) -> None:
    content = packed(
        {**GOOD, "xl/x" * 15_000: "", **{"y" * 60_000 + str(n): "" for n in range(80)}}
    )
    assert read(tmp_path / "a.xlsx", content) == DAMAGED


def test_a_cell_at_the_far_corner_is_refused(tmp_path: Path) -> None:
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576">'
    far += '<c r="XFD1048576"><v>1</v></c></row>'
    assert read(tmp_path / "a.xlsx", packed(parts_of({"A": far}))) == TOO_LARGE


def test_cells_without_a_place_are_counted_too(tmp_path: Path) -> None:
    wide = f"<row>{'<c><v>1</v></c>' * 16_384}</row>"
    markup = wide + "<row/>" * 2000 + "<row><c><v>1</v></c></row>"
    assert read(tmp_path / "a.xlsx", packed(parts_of({"A": markup}))) == TOO_LARGE


def test_one_long_text_in_many_cells_is_refused(tmp_path: Path) -> None:
    named = "".join(
        f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>'
        for row in range(1, 10_000)
    )
    content = packed(parts_of({"A": named}, strings=["x" * 30_000]))
    assert read(tmp_path / "a.xlsx", content) == TOO_LARGE


def test_thousands_of_errors_are_refused_at_once(tmp_path: Path) -> None:
    wrong = [("id",), *[('<c t="e"><v>#N/A</v></c>',)] * 10_001]
    assert read(tmp_path / "a.xlsx", book(*wrong)) == TOO_LARGE


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml"])
def test_texts_that_stand_for_others_are_refused(tmp_path: Path, part: str) -> None:
    content = packed({**GOOD, part: ENTITIES + GOOD[part]})
    assert read(tmp_path / "a.xlsx", content) == DAMAGED


def test_markup_without_end_is_refused(tmp_path: Path) -> None:
    noise = "".join(f"{number:x}" for number in range(2_500_000))
    content = packed({**GOOD, SHEET: f'<worksheet a="{noise}"/>'})
    assert read(tmp_path / "a.xlsx", content) == DAMAGED


@pytest.mark.parametrize("part", [*GOOD, "xl/none.xml"])
def test_a_part_that_is_cut_short_or_missing_is_damage(
    tmp_path: Path, part: str
) -> None:
    without = {name: text for name, text in GOOD.items() if name != part}
    cut = {**GOOD, part: GOOD.get(part, "")[:-9]}
    needed = part.startswith("xl/") and "styles" not in part
    path = tmp_path / "a.xlsx"
    if needed and part in GOOD and "Strings" not in part:
        assert read(path, packed(without)) == DAMAGED
        assert read(path, packed(cut)) == DAMAGED
    else:
        assert read(path, packed(without)) in ([], DAMAGED)
        assert read(path, packed(cut)) in ([], DAMAGED)


@pytest.mark.parametrize("kept", [4, 30, 200, 0.5, 0.9, 0.99])
def test_a_workbook_that_is_cut_short_is_damage(tmp_path: Path, kept: float) -> None:
    content = packed(GOOD)
    size = int(kept if kept > 1 else len(content) * kept)
    assert read(tmp_path / "a.xlsx", content[:size]) == DAMAGED


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".xls"),
        (
            b"\xd0\xcf\x11\xe0"
            + bytes((1 << 18) - 10)
            + "EncryptedPackage".encode("utf-16-le"),
            "password",
        ),
        (
            packed({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
            "no whole",
        ),
        (b"id,image\n", "no whole"),
        (b"<html><body>Log in</body></html>", "a web page"),
    ],
)
def test_what_is_no_workbook_is_named(
    tmp_path: Path, content: bytes, word: str
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    found = recorded(path)
    assert len(found) == 1
    assert word in str(found[0])


def test_an_archive_with_a_password_is_named(tmp_path: Path) -> None:
    content = bytearray(packed(GOOD))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    assert "password" in str(recorded(path)[0])


def test_a_part_that_is_there_twice_is_damage(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in [*GOOD.items(), (SHEET.upper(), GOOD[SHEET])]:
            archive.writestr(name, text)
    assert read(tmp_path / "a.xlsx", file.getvalue()) == DAMAGED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(at=st.integers(0, 5000), put=st.binary(min_size=1, max_size=8))
def test_a_workbook_with_wrong_bytes_is_read_or_refused(
    tmp_path: Path, at: int, put: bytes
) -> None:
    content = bytearray(packed(GOOD))
    at %= len(content)
    content[at : at + len(put)] = put
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    found = recorded(path)
    assert told(found) or rows_of(found)
