"""Tables and lines of batches and jobs for a person, made from plain values."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from jobs.money import dollars
from jobs.records import JobRecord
from jobs.report.words import short_names
from producer.console import Table

#: Failed or unsettled rows that are listed; the report has all.
MAX_ROWS = 20


def report_table(document: Mapping[str, Any]) -> Table:
    """Cost of a batch by model and duration, as its report has it."""
    jobs, cost = document["jobs"], document["cost"]
    # A word that most batches have no use for takes no room.
    counts = ["stored", *(["reused"] if jobs.get("reused") else []), "failed"]
    numbers = ("videos", *counts, "charged", "refunded")
    made = Table("model", *numbers, numbers=numbers)
    lines = document["by_model"]
    names = short_names(line["model"] for line in lines)
    for line in lines:
        length = f" {line['duration_s']} s" if line["duration_s"] else ""
        made.add(
            names[line["model"]] + length,
            str(line["jobs"]),
            *(str(line[name]) for name in counts),
            f"${line['charged_usd']}",
            f"${line['refunded_usd']}",
        )
    made.add_section()
    made.add(
        "total",
        *(str(jobs[name]) for name in ("total", *counts)),
        f"${cost['charged_usd']}",
        f"${cost['refunded_usd']}",
        style="bold",
    )
    return made


def jobs_table(records: Iterable[JobRecord]) -> Table:
    """Every job of a batch, a line each."""
    numbers = ("line", "attempts", "charged")
    made = Table("line", "job", "state", "attempts", "charged", numbers=numbers)
    for record in records:
        made.add(
            str(record.job.line),
            record.job.id,
            record.state,
            str(len(record.attempts)),
            dollars(record.charged_usd_micros),
        )
    return made


def job_table(record: JobRecord) -> Table:
    """All that happened to one job."""
    made = Table("what", "words", sentences=("words",), headed=False)
    facts: dict[str, object] = {
        "job": record.job.id,
        "line": record.job.line,
        "model": record.job.model,
        "picture": record.job.image,
        "state": record.state,
        "video": record.video or "",
        "charged": dollars(record.charged_usd_micros),
        "error": record.failure.message if record.failure else "",
    }
    for name, value in facts.items():
        if value != "":
            made.add(name, str(value))
    for attempt in record.attempts:
        words = attempt.failure.message if attempt.failure else ""
        which = attempt.prediction_id or ""
        line = f"{attempt.outcome} {which} {words}".strip()
        made.add(f"attempt {attempt.number}", line)
    return made


def invoice_lines(invoice: Mapping[str, Any]) -> list[str]:
    """What the provider's billing says beside our books."""
    billed = f"billed ${invoice['billed_usd']}"
    refunded = f"refunded ${invoice['billed_refunded_usd']}"
    lines = [f"{billed}, {refunded}, net ${invoice['billed_net_usd']}"]
    lines += [
        f"{d['id']}, attempt {d['attempt']}: {d['what']}: booked ${d['booked_usd']}, "
        f"billed ${d['billed_usd']} ({d['prediction_id']})"
        for d in invoice["differences"][:MAX_ROWS]
    ]
    lines += [
        f"unexplained: ${u['billed_usd']} at {u['at']} for prediction "
        f"{u['prediction_id']} {u['model']}"
        for u in invoice["unexplained"][:MAX_ROWS]
    ]
    if not invoice["differences"] and not invoice["unexplained"]:
        lines.append("the provider's billing equals this report")
    return lines


def trouble_lines(document: Mapping[str, Any]) -> list[str]:
    """A line for every row that is neither stored nor under way, up to a bound."""
    rows = (row for row in document["rows"] if row["error"])
    lines = [
        f"line {row['line']}, {row['id']}: {row['state']}: {row['error']['message']}"
        for row in islice(rows, MAX_ROWS)
    ]
    if more := sum(1 for _ in rows):
        lines.append(f"and {more} more; the report has all")
    return lines
