"""Reports: of a batch, and the statement of a time.

It reads, asks the provider where it is told to, and prints in the form that was asked
for; the report of a batch is also written anew. What a report says is decided in
`jobs.report`; how the batches of a statement are read, in `statements`.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jobs.attempt.reconciling import SKEW_S
from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.ledger.permits import DAY_S
from jobs.ledger.transitions import REMEMBERED_DAYS
from jobs.records import BatchRecord
from jobs.report import schema
from jobs.report.document import json_chunks
from jobs.report.invoice import invoice
from jobs.report.markdown import as_markdown
from jobs.report.page import html_chunks
from jobs.report.page_words import moment
from jobs.report.period import Period, PeriodError, period
from jobs.report.sheet import csv_lines, statement_lines
from jobs.report.statement import statement
from jobs.settings import Settings
from producer import account, console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_run import keep_report, outcome
from producer.local_server import ledger_of
from producer.lookup import find_batch, same_account
from producer.options import OVER, Over, chosen_settings, given_labels
from producer.statement import Books, Reader, left_out
from producer.summary import print_report, print_statement
from producer.watching.status import take

#: Billing is asked for from so many seconds before the first attempt, lest a rough
#: comparison of clocks leaves something out.
BEFORE_S = 60.0

Form = Literal["table", "json", "csv", "md", "html"]

Document = Mapping[str, Any]
#: How a document becomes text, by form.
Writers = Mapping[str, Callable[[Document], Iterable[str]]]

OF_A_BATCH: Writers = {
    "json": json_chunks,
    "csv": csv_lines,
    "md": lambda document: [as_markdown(document)],
    "html": html_chunks,
}
OF_A_TIME: Writers = {
    "csv": statement_lines,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a report is to be about."""

    #: The newest batch if none is named.
    batch: str | None = None
    over: Over = OVER
    billed: bool = False
    schema: bool = False

    def check(self) -> None:
        """Return if its parts go together.

        Raises:
            CommandError: they do not.
        """
        over = self.over
        values = (
            ("since", over.since),
            ("until", over.until),
        )
        for name, value in values:
            if value is not None and not value.strip():
                # Without it another report would be made, and written.
                raise CommandError(
                    f"--{name} is empty; give it a value or leave it out (a variable "
                    "of your shell may not be set)"
                )
        if not over.since and (over.until or over.label):
            raise CommandError(
                "--until and --label are of a statement: add --since 30d"
            )
        if over.dismiss and not (over.since and self.billed):
            raise CommandError(
                "--dismiss is of charges that --since 2d --billed has named"
            )
        if over.since and self.batch is not None:
            raise CommandError(
                "--since sums up all batches of a time; name no batch with it"
            )
        if self.billed and over.label:
            raise CommandError(
                "--billed compares all that was sent: leave --label out, because the "
                "provider's billing knows no labels"
            )


def report(wish: Wish, form: Form | None = None, *, json: bool = False) -> int:
    """Print what is wished, in the form that is asked for."""
    wish.check()
    asked = form_of(form, json=json)
    if wish.schema:
        return _schema()
    if wish.over.since:
        return _state(wish.over, asked, billed=wish.billed)
    return _report(wish, asked)


def _report(wish: Wish, form: Form) -> int:
    """Print the report of a batch, and write it anew."""
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, wish.batch)
        asked = _invoice(ledger, chosen, found) if wish.billed else None
        made, place = keep_report(ledger, found.id, time.time(), asked)
        now = take(ledger, found.id)
    if now.account.older:
        console.say(older_words(now.account.older))
    if form != "table":
        _write(OF_A_BATCH[form](made))
        return outcome(now)
    print_report(made, place)
    if not asked and (billed := made.get("invoice")):
        at = moment(billed["asked_at"])
        console.say(f"the provider's billing is as of {at}; --billed asks it anew")
    for warning in made["warnings"]:
        console.say(warning)
    return outcome(now)


def _state(over: Over, form: Form, *, billed: bool) -> int:
    """Print the statement of a time; code 3 if a batch of it could not be read."""
    chosen = chosen_settings()
    _must_be_one_of(form, ("table", "json", *OF_A_TIME), "--since")
    labels = given_labels(over.label)
    with ledger_of(chosen, alone=False) as ledger:
        now_s = ledger.now_s()
        asked = _period(over, now_s)
        # The provider tells of the account whose key is set, and of no other.
        own = (Books(asked), chosen.account_id) if billed else (None, None)
        reader = Reader(ledger, asked, *own)
        with console.err.status("reading …") as status:
            parts = list(reader.parts(labels, status.update))
        made = statement(parts, reader.inexact, asked, labels, now_s)
        if reader.books:
            made |= _of_account(reader, has_any=bool(parts))
            made["invoice"] = _billed_over(ledger, chosen, reader.books)
        if over.dismiss:
            ledger.charges.dismiss(chosen.account_id)
    _print(made, form, OF_A_TIME, print_statement)
    if over.dismiss:
        console.say(
            "charges that no row explains are known now: reelmill doctor, list and "
            "metrics tell of later ones"
        )
    if reader.others:
        console.say(left_out(reader.others))
    for one in made["inexact"]:
        how = "counted by its own sums" if one["counted"] else "left out"
        console.say(f"{one['batch']} is {how}: {one['why']}")
    return Exit.INCOMPLETE if made["inexact"] else Exit.STORED


def _schema() -> int:
    """Print the JSON Schema of `report.json`."""
    _write([schema.text()])
    return Exit.STORED


def form_of(form: Form | None, *, json: bool) -> Form:
    """The form that was asked for; `--json` is short for one of them.

    Raises:
        CommandError: two were.
    """
    if json and form not in (None, "json"):
        raise CommandError(f"--json and --format {form} are two forms; name one")
    return "json" if json else form or "table"


def _must_be_one_of(form: Form, forms: tuple[str, ...], option: str) -> None:
    if form not in forms:
        raise CommandError(
            f"--format {form} does not go with {option}: {', '.join(forms)} do"
        )


def _period(over: Over, now_s: float) -> Period:
    try:
        return period(over.since or "", over.until, now_s)
    except PeriodError as bad:
        raise CommandError(str(bad)) from None


def _print(
    document: Document, form: Form, writers: Writers, show: Callable[[Document], None]
) -> None:
    if form == "json":
        print_json(document)
    elif form == "table":
        show(document)
    else:
        _write(writers[form](document))


def _write(pieces: Iterable[str]) -> None:
    """Text on standard output, which ends as it should."""
    last = ""
    for last in pieces:
        sys.stdout.write(last)
    if not last.endswith("\n"):
        sys.stdout.write("\n")


def _of_account(reader: Reader, *, has_any: bool) -> dict[str, Any]:
    """Whose batches are summed, and how many of others are left out.

    Raises:
        CommandError: all that there are belong to others; none of them was read.
    """
    if reader.others and not has_any:
        raise CommandError(
            f"no batch of that time belongs to account {reader.account}, whose key is "
            f"set; {left_out(reader.others)}"
        )
    others = [
        {"account": name, "batches": number}
        for name, number in sorted(reader.others.items())
    ]
    return {"account": reader.account, "other_accounts": others}


def _billed_over(ledger: Ledger, chosen: Settings, books: Books) -> dict[str, Any]:
    """The provider's billing of a time beside what is booked for it.

    Raises:
        CommandError: the provider does not say.
    """
    during = books.period
    ahead_s = ledger.now_s() - time.time()
    billed = account.billings(chosen, during.since_s - BEFORE_S, ahead_s)
    others = sorted({row.prediction_id for row in billed} - books.ids)
    known = books.ids.union(ledger.transitions.known(chosen.account_id, others))
    return invoice(books.records(), billed, known, (during.since_s, during.until_s))


def _invoice(ledger: Ledger, chosen: Settings, batch: BatchRecord) -> dict[str, Any]:
    same_account(batch, chosen)
    records = list(ledger.batches.jobs(batch.id))
    sent = [a.sent_at_s for record in records for a in record.attempts]
    if not sent:
        return invoice(records, [], [], (0.0, 0.0))
    ahead_s = ledger.now_s() - time.time()
    billed = account.billings(chosen, min(sent) - BEFORE_S, ahead_s)
    ids = sorted({row.prediction_id for row in billed})
    known = ledger.transitions.known(batch.account, ids)
    forgotten_s = ledger.now_s() - REMEMBERED_DAYS * DAY_S
    if min(sent) < forgotten_s:
        console.say(
            f"charges of more than {REMEMBERED_DAYS} days ago that no row explains "
            "are not named: whose they are is not known any more"
        )
    began_s = max(min(sent) - SKEW_S, forgotten_s)
    during = began_s, max(sent) + chosen.settle_s + SKEW_S
    return invoice(records, billed, known, during)
