"""The files that a report consists of, ready to be kept beside the videos.

They come in pieces, so that the report of a hundred thousand jobs is never whole in
memory as text. Where they go is for whoever asks; what they say stands in `report`,
`report_csv`, `report_html` and `report_failed`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs import report_failed
from jobs.catalogue import Catalogue
from jobs.records import BatchRecord, JobRecord
from jobs.report import json_chunks
from jobs.report_csv import csv_lines
from jobs.report_html import html_chunks

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
    records: Callable[[], Iterable[JobRecord]],
    catalogue: Catalogue,
) -> list[ReportFile]:
    """A report for programs, for spreadsheets and for people, from one document.

    Beside it what failed, as a manifest of its own; `records` are asked for only then.
    """
    jobs = document["jobs"]
    again: Iterable[JobRecord] = records() if jobs["failed"] + jobs["cancelled"] else ()
    failed = report_failed.failed_csv(document, again, catalogue, batch.folder)
    return [
        ReportFile("report.json", json_chunks(document), "application/json"),
        ReportFile("report.csv", csv_lines(document), CSV),
        ReportFile("report.html", html_chunks(document), "text/html; charset=utf-8"),
        ReportFile(report_failed.NAME, failed, CSV),
    ]
