"""The files that a report consists of, ready to be kept beside the videos.

They come in pieces, so that the report of a hundred thousand jobs is never whole in
memory as text. Where they go is for whoever asks; what they say stands in `document`,
`sheet`, `page` and `failed`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.catalogue import Catalogue
from jobs.records import BatchRecord
from jobs.report.document import json_chunks
from jobs.report.failed import NAME, Records, failed_csv
from jobs.report.page import html_chunks
from jobs.report.sheet import csv_lines

CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file of a report."""

    name: str
    #: Pieces of its text, to be gone through once; none where there shall be no such
    #: file.
    chunks: Iterator[str]
    content_type: str


def report_files(
    document: Mapping[str, Any],
    batch: BatchRecord,
    records: Records,
    catalogue: Catalogue,
) -> list[ReportFile]:
    """A report for programs, for spreadsheets and for people, from one document.

    Beside it what failed, as a manifest of its own; `records` reads only those jobs.
    """
    failed = failed_csv(document, records, catalogue, batch.folder)
    return [
        ReportFile("report.json", json_chunks(document), "application/json"),
        ReportFile("report.csv", csv_lines(document), CSV),
        ReportFile("report.html", html_chunks(document), "text/html; charset=utf-8"),
        ReportFile(NAME, failed, CSV),
    ]
