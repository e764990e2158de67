"""The files that a report consists of, ready to be kept beside the videos."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs import report_failed
from jobs.catalogue import Catalogue
from jobs.records import BatchRecord, JobRecord
from jobs.report import as_json
from jobs.report_csv import as_csv
from jobs.report_html import as_html

CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file of a report."""

    name: str
    #: Empty where there shall be no such file.
    text: str
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
        ReportFile("report.json", as_json(document), "application/json"),
        ReportFile("report.csv", as_csv(document), CSV),
        ReportFile("report.html", as_html(document), "text/html; charset=utf-8"),
        ReportFile(report_failed.NAME, "".join(failed), CSV),
    ]
