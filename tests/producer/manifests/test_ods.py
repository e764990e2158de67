"""Workbooks of OpenDocument, by hand and as LibreOffice writes them."""

import csv
import io
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.catalogue.validation import MarkedText
from jobs.manifest.rows import LinkedText, Notice, Row
from tests.producer.manifests.manifests import (
    OPTIONS,
    URL,
    jobs_of,
    planned,
    recorded,
    rows_of,
)

TYPE = "application/vnd.oasis.opendocument.spreadsheet"
SOFFICE = shutil.which("soffice")
SAMPLES = Path("jobs/samples")


def ods(*rows: str) -> bytes:
    """A workbook of one sheet; the rows are markup."""
    uri = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f'xmlns:{n}="{uri}:{n}:1.0"' for n in ("office", "table", "text"))
    content = f'<office:document-content {spaces}><table:table table:name="A">'
    content += f"{''.join(rows)}</table:table></office:document-content>"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", TYPE)
        archive.writestr("content.xml", content)
    return file.getvalue()


def row(*cells: str, more: str = "") -> str:
    """A row of texts; a cell that begins with `<` is markup already."""
    inner = "".join(
        cell
        if cell.startswith("<")
        else f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>"
        for cell in cells
    )
    return f"<table:table-row{more}>{inner}</table:table-row>"


def typed(attributes: str, text: str) -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (typed('office:value-type="float" office:value="7"', "007"), "007"),
        (typed('office:value-type="boolean" office:boolean-value="true"', "Ja"), True),
        (
            typed("", 'a<text:s text:c="2"/>b<text:tab/>c</text:p><text:p>d'),
            "a  b\tc\nd",
        ),
        ('<table:table-cell table:formula="of:=&quot;007&quot;"/>', "007"),
        ('<table:table-cell table:formula="of:=[.A1]"/>', "never computed"),
        (typed('office:value-type="float" office:value="1E+17"', "1E+17"), "15 digits"),
        (typed('table:formula="of:=1/0"', "#DIV/0!"), "the error #DIV/0!"),
    ],
)
def test_a_cell_is_what_is_shown_or_a_problem(
    tmp_path: Path, cell: str, expected: object
) -> None:
    path = tmp_path / "a.ods"
    path.write_bytes(ods(row("image", "id"), row(cell, "a")))
    read = rows_of(recorded(path))[0].cells["image"]
    if isinstance(read, MarkedText):
        assert str(expected) in read.issue.message
    else:
        assert read == expected


def test_rows_that_are_repeated_merged_or_hidden_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ods"
    repeated = ' table:number-rows-repeated="2"'
    merged = typed('table:number-rows-spanned="2"', "a")
    hidden = ' table:visibility="filter"'
    link = f"of:=HYPERLINK(&quot;{URL}&quot;;&quot;x&quot;)"
    linked = typed(f'table:formula="{link}"', "x")
    path.write_bytes(
        ods(
            row("id", "image"),
            row("", more=' table:number-rows-repeated="900000"'),
            row(merged, "1"),
            row("<table:covered-table-cell/>", linked),
            row("b", "2", more=repeated),
            row("c", "3", more=hidden),
        )
    )
    found = recorded(path)
    read = [one for one in found if isinstance(one, Row)]
    assert [one.line for one in read] == [900_002, 900_003, 900_004, 900_005, 900_006]
    assert [one.cells["id"] for one in read] == ["a", "", "b", "b", "c"]
    cell = read[1].cells["image"]
    assert isinstance(cell, LinkedText)
    assert cell.link == URL
    notices = [one.kind for one in found if isinstance(one, Notice)]
    assert notices == ["hidden-row", "merged-rows"]


@pytest.mark.skipif(not SOFFICE, reason="LibreOffice (soffice) is not installed")
@pytest.mark.parametrize("sample", ["shopify.csv", "woocommerce.csv", "products.csv"])
@pytest.mark.parametrize("ending", ["xlsx", "ods"])
def test_what_libreoffice_writes_plans_the_same_jobs(
    tmp_path: Path, sample: str, ending: str
) -> None:
    content = (SAMPLES / sample).read_bytes()
    options = replace(OPTIONS, set={"prompt": "turn"})
    with (SAMPLES / sample).open(encoding="utf-8", newline="") as file:
        width = len(next(csv.reader(file)))
    # Comma, double quote, UTF-8, from line 1, and every column as text.
    columns = "/".join(f"{at}/2" for at in range(1, width + 1))
    command = [
        str(SOFFICE),
        f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
        "--headless",
        f"--infilter=CSV:44,34,76,1,{columns}",
        *("--convert-to", ending, "--outdir", str(tmp_path)),
        str(SAMPLES / sample),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    book = tmp_path / f"{Path(sample).stem}.{ending}"
    made = jobs_of(planned(book, book.read_bytes(), options))
    wanted = jobs_of(planned(tmp_path / "a.csv", content, options))
    assert [replace(job, line=0) for job in made] == [
        replace(job, line=0) for job in wanted
    ]
