"""The files of a report, ready to be kept beside the videos."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jobs.catalogue import Catalogue
from jobs.records import BatchRecord
from jobs.report import sheet
from jobs.report.document import json_chunks
from jobs.report.page import html_chunks

CSV = "text/csv; charset=utf-8"


class ReportFile(NamedTuple):
    """One file of a report."""

    name: str
    #: Pieces of its text, to be gone through once; none if there shall be no such file.
    chunks: Iterator[str]
    content_type: str


def report_files(
    document: Mapping[str, Any],
    batch: BatchRecord,
    records: sheet.Records,
    catalogue: Catalogue,
) -> list[ReportFile]:
    """A report for programs, for spreadsheets and for people, from one document.

    Beside it what failed, as a manifest of its own; `records` reads only those jobs.
    The files come in pieces, so that no text of a hundred thousand rows is held whole.
    """
    failed = sheet.failed_csv(document, records, catalogue, batch.folder)
    return [
        ReportFile("report.json", json_chunks(document), "application/json"),
        ReportFile("report.csv", sheet.csv_lines(document), CSV),
        ReportFile("report.html", html_chunks(document), "text/html; charset=utf-8"),
        ReportFile(sheet.FAILED_NAME, failed, CSV),
    ]
