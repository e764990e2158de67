"""`report`: what a batch cost and what became of its rows; it is also written anew.

What a report says is decided in `jobs.report`. With `--since` it is a statement of a
time, which `statement` makes.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from jobs import catalogue
from jobs.attempt.reconciling import SKEW_S
from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.ledger.permits import DAY_S
from jobs.ledger.transitions import REMEMBERED_DAYS
from jobs.money import usd
from jobs.records import BatchRecord
from jobs.report import document
from jobs.report.files import report_files
from jobs.report.invoice import invoice
from jobs.report.page import html_chunks
from jobs.report.sheet import csv_lines
from jobs.report.statement import ReportFileError, kept_report
from jobs.report.words import moment
from jobs.settings import Settings
from jobs.storage import Store, StoreError
from producer import account, console
from producer.exits import CommandError, Exit
from producer.local_run import outcome
from producer.local_server import ledger_of
from producer.lookup import find_batch, same_account
from producer.options import OVER, AnyBatch, Flag, Json, Over, chosen_settings
from producer.statement import print_statement_of
from producer.summary import print_report

Form = Literal["table", "json", "csv", "html"]

#: How a report becomes text, by form.
WRITERS: Mapping[str, Callable[[Mapping[str, Any]], Iterable[str]]] = {
    "json": document.json_chunks,
    "csv": csv_lines,
    "html": html_chunks,
}


#: What an invoice has that was written by this version.
INVOICE_FIELDS = {
    *("asked_at", "billed_usd", "billed_refunded_usd", "billed_net_usd"),
    *("by_model", "differences", "unexplained"),
}


def report(
    batch: AnyBatch = None,
    *,
    over: Over = OVER,
    form: Annotated[Form | None, Parameter(name="--format")] = None,
    billed: Flag = False,
    schema: Flag = False,
    json: Json = False,
) -> int:
    """Show what a batch cost and what became of its rows; writes the report anew.

    With `--since` it sums up all batches of a time instead, by batch, model and label.

        reelmill report
        reelmill report products-1f0c33ab --billed
        reelmill report products-1f0c33ab --format html
        reelmill report --since 30d --label team=shoes
        reelmill report --since 2026-11-01 --until 2026-12-01 --format csv

    Args:
        batch: Id of the batch; the newest one if none is named.
        over: Which time a statement is about, and which batches.
        form: How it is written: a table, JSON, CSV, or the page itself.
        billed: Compare with the provider's billing records, row by row.
        schema: Print the JSON Schema of `report.json`, and nothing else.
        json: Print it all as JSON.
    """
    _check(batch, over, billed=billed)
    if json and form not in (None, "json"):
        raise CommandError(f"--json and --format {form} are two forms; name one")
    asked: Form = "json" if json else form or "table"
    if schema:
        _write([document.schema()])
        return Exit.STORED
    if over.since:
        return print_statement_of(over, asked, billed=billed)
    return _report(batch, asked, billed=billed)


def _check(batch: str | None, over: Over, *, billed: bool) -> None:
    """Return if these options go together.

    Raises:
        CommandError: they do not.
    """
    for name, value in (("since", over.since), ("until", over.until)):
        if value is not None and not value.strip():
            # Without it another report would be made, and written.
            raise CommandError(
                f"--{name} is empty; give it a value or leave it out (a variable "
                "of your shell may not be set)"
            )
    if not over.since and (over.until or over.label):
        raise CommandError("--until and --label are of a statement: add --since 30d")
    if over.dismiss and not (over.since and billed):
        raise CommandError("--dismiss is of charges that --since 2d --billed has named")
    if over.since and batch is not None:
        raise CommandError("--since cannot be combined with the id of a batch")
    if billed and over.label:
        raise CommandError(
            "--billed compares all that was sent: leave --label out, because the "
            "provider's billing knows no labels"
        )


def _report(batch: str | None, form: Form, *, billed: bool) -> int:
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        asked = _invoice(ledger, chosen, found) if billed else None
        made, place = keep_report(ledger, found.id, time.time(), asked)
        now = ledger.snapshots.one(found.id)
    if now.account.older:
        console.say(older_words(now.account.older))
    if form != "table":
        _write(WRITERS[form](made))
        return outcome(now)
    print_report(made, place)
    if not asked and (kept := made.get("invoice")):
        at = moment(kept["asked_at"])
        console.say(f"the provider's billing is as of {at}; --billed asks it anew")
    for warning in made["warnings"]:
        console.say(warning)
    return outcome(now)


def _write(pieces: Iterable[str]) -> None:
    """Text on standard output, which ends as it should."""
    last = ""
    for last in pieces:
        sys.stdout.write(last)
    if not last.endswith("\n"):
        sys.stdout.write("\n")


def _invoice(ledger: Ledger, chosen: Settings, batch: BatchRecord) -> dict[str, Any]:
    """The provider's billing of a batch, compared with the ledger row by row."""
    same_account(batch, chosen)
    records = list(ledger.batches.jobs(batch.id))
    sent = [a.sent_at_s for record in records for a in record.attempts]
    if not sent:
        return invoice(records, [], [], (0.0, 0.0))
    billed = account.billings(chosen, ledger, min(sent))
    ids = sorted({row.prediction_id for row in billed})
    known = ledger.transitions.known(batch.account, ids)
    forgotten_s = ledger.now_s() - REMEMBERED_DAYS * DAY_S
    if min(sent) < forgotten_s:
        console.say(
            f"charges of more than {REMEMBERED_DAYS} days ago that no row explains "
            "are not named: whose they are is not known any more"
        )
    began_s = max(min(sent) - SKEW_S, forgotten_s)
    during = began_s, max(sent) + chosen.settling_s + SKEW_S
    return invoice(records, billed, known, during)


def keep_report(
    ledger: Ledger,
    batch_id: str,
    now_s: float,
    invoice: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], str]:
    """The report of a batch, written anew beside its videos, and where it is.

    Args:
        ledger: where the batch is.
        batch_id: which batch.
        now_s: unix seconds.
        invoice: what the provider bills, where it was asked; else the report keeps what
            it had, if it still fits.

    Raises:
        CommandError: there is no such batch, or the store does not take it.
    """
    version, batch = (
        ledger.delay_queue.report_version(batch_id),
        ledger.batches.read(batch_id),
    )
    if batch is None:
        raise CommandError(f"there is no batch {batch_id} in this ledger")
    jobs = ledger.batches.jobs(batch_id)
    limits = ledger.permits.read(batch.account).limits
    billed = invoice or kept_invoice(batch)
    made = document.report(batch, jobs, now_s, limits=limits, invoice=billed)
    try:
        store = Store(batch.store)
        files = report_files(made, batch, ledger.batches.records, catalogue.builtin())
        for file in files:
            store.put_chunks(f"{batch_id}/{file.name}", file.chunks, file.content_type)
    except StoreError as error:
        raise CommandError(
            f"the report cannot be kept: {error}", Exit.UNREACHABLE
        ) from None
    if ledger.delay_queue.report_version(batch_id) != version:
        # A worker may have kept a newer report before this one came in its place.
        return keep_report(ledger, batch_id, now_s, invoice)
    return made, store.place(f"{batch_id}/report.html")


def kept_invoice(batch: BatchRecord) -> dict[str, Any] | None:
    """The invoice of a batch as it was when the provider was last asked for it.

    None if there is none, if it has another form, or if something was charged or
    refunded since then.
    """
    try:
        with Store(batch.store).fetched(f"{batch.id}/report.json") as file:
            kept, _rows = kept_report(file or (), batch.id)
        asked, cost = dict(kept["invoice"]), kept["cost"]
        then = cost["charged_usd"], cost["refunded_usd"]
        datetime.fromisoformat(asked["asked_at"])
    except (ReportFileError, StoreError, LookupError, TypeError, ValueError):
        return None
    booked = usd(batch.charged_usd_micros), usd(batch.refunded_usd_micros)
    return asked if then == booked and asked.keys() >= INVOICE_FIELDS else None
