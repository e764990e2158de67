"""The files that a report consists of, ready to be kept beside the videos."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.report import as_json
from jobs.report_csv import as_csv
from jobs.report_html import as_html


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file of a report."""

    name: str
    text: str
    content_type: str


def report_files(document: Mapping[str, Any]) -> list[ReportFile]:
    """A report for programs, for spreadsheets and for people, from one document."""
    return [
        ReportFile("report.json", as_json(document), "application/json"),
        ReportFile("report.csv", as_csv(document), "text/csv; charset=utf-8"),
        ReportFile("report.html", as_html(document), "text/html; charset=utf-8"),
    ]
