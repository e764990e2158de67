"""The statement of a time: what all batches of it cost, by batch, model and label.

Where the job records of a batch are deleted its report in the store tells of them. What
can be read of neither is named, with why. What counts, and when, is decided in
`jobs.report.statement`.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.labels import fit
from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK, JobsDeletedError
from jobs.records import BatchRecord, JobRecord
from jobs.report.invoice import invoice
from jobs.report.sheet import statement_lines
from jobs.report.statement import (
    Inexact,
    Part,
    Period,
    PeriodError,
    ReportFileError,
    kept_report,
    part_of,
    part_of_sums,
    period,
    record_of_row,
    statement,
)
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import Store, StoreError
from jobs.text import counted
from producer import account, console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Over, chosen_settings, given_labels
from producer.summary import print_statement

FORMS = ("table", "json", "csv")


def print_statement_of(over: Over, form: str, *, billed: bool) -> int:
    """Print the statement of a time; code 3 if a batch of it could not be read."""
    chosen = chosen_settings()
    if form not in FORMS:
        raise CommandError(
            f"--format {form} does not go with --since: {', '.join(FORMS)} do"
        )
    labels = given_labels(over.label)
    with ledger_of(chosen, alone=False) as ledger:
        now_s = ledger.now_s()
        try:
            asked = period(over.since or "", over.until, now_s)
        except PeriodError as bad:
            raise CommandError(str(bad)) from None
        # The provider tells of the account whose key is set, and of no other.
        reader = Reader(ledger, asked, chosen.account_id if billed else None)
        with console.err.status("reading …") as status:
            parts = list(reader.parts(labels, status.update))
        made = statement(parts, reader.inexact, asked, labels, now_s)
        if billed:
            made |= _billed(ledger, chosen, reader, has_any=bool(parts))
        if over.dismiss:
            ledger.charges.dismiss(chosen.account_id)
            console.say(
                "charges that no row explains are known now: reelmill doctor, list "
                "and metrics tell of later ones"
            )
    if form == "json":
        print_json(made)
    elif form == "csv":
        sys.stdout.writelines(statement_lines(made))
    else:
        print_statement(made)
    if reader.others:
        console.say(left_out(reader.others))
    for one in made["inexact"]:
        how = "counted by its own sums" if one["counted"] else "left out"
        console.say(f"{one['batch']} is {how}: {one['why']}")
    return Exit.INCOMPLETE if made["inexact"] else Exit.STORED


def _billed(
    ledger: Ledger, chosen: Settings, reader: "Reader", *, has_any: bool
) -> dict[str, Any]:
    """The provider's billing of a time beside what is booked, and whose it is.

    Raises:
        CommandError: all batches of the time belong to others, or the provider does
            not say.
    """
    if reader.others and not has_any:
        raise CommandError(
            f"no batch of that time belongs to account {reader.account}, whose key is "
            f"set; {left_out(reader.others)}"
        )
    during = reader.period.since_s, reader.period.until_s
    billed = account.billings(chosen, ledger, during[0])
    others = sorted({row.prediction_id for row in billed} - reader.ids)
    known = reader.ids.union(ledger.transitions.known(chosen.account_id, others))
    return {
        "account": reader.account,
        "other_accounts": [
            {"account": name, "batches": number}
            for name, number in sorted(reader.others.items())
        ],
        "invoice": invoice(reader.sent, billed, known, during),
    }


@dataclass(slots=True)
class Reader:
    """Reads the batches of a ledger for a statement."""

    ledger: Ledger
    period: Period
    #: Read those of this account only, and note its predictions, to be compared with
    #: the provider's; None is of all.
    account: str | None = None
    #: Every prediction that was read of, those of other times included.
    ids: set[str] = field(default_factory=set)
    #: The attempts of the time, each as a job, for `jobs.report.invoice`.
    sent: list[JobRecord] = field(default_factory=list)
    #: How many batches of which other accounts were left out for that.
    others: Counter[str] = field(default_factory=Counter)
    #: Batches that could not be read job by job.
    inexact: list[Inexact] = field(default_factory=list)
    _stores: dict[str, Store] = field(default_factory=dict)

    def parts(
        self, labels: Mapping[str, str], progress: Callable[[str], None]
    ) -> Iterator[Part]:
        """What each batch with these labels adds; `progress` is told which is read."""
        for batch in every_batch(self.ledger):
            # Whether anything of it can lie in the time; it is left out only if sure.
            is_before = 0.0 < batch.deleted_at_s < self.period.since_s
            is_after = batch.created_at_s >= self.period.until_s
            if is_before or is_after or not fit(batch.labels, labels):
                continue
            if self.account in (None, batch.account):
                progress(batch.id)
                yield self._part(batch)
            else:
                self.others[batch.account] += 1

    def _part(self, batch: BatchRecord) -> Part:
        if not batch.deleted_at_s:
            with suppress(JobsDeletedError):  # meanwhile
                jobs = self.ledger.batches.jobs(batch.id)
                return self._counted(batch, jobs, "ledger")
        place = f"{batch.store}/{batch.id}/report.json"
        try:
            with self._store(batch.store).fetched(f"{batch.id}/report.json") as file:
                rows = kept_report(file or (), batch.id)[1]
                return self._counted(batch, map(record_of_row, rows), "report")
        except (ReportFileError, StoreError) as error:
            why = f"{place}: {error}" if isinstance(error, ReportFileError) else error
            part = part_of_sums(batch, self.period)
            self.inexact.append(Inexact(batch, str(why), counted=bool(part.models)))
            return part

    def _counted(
        self, batch: BatchRecord, records: Iterable[JobRecord], read_from: str
    ) -> Part:
        noted = self._noted(batch, records) if self.account else records
        return part_of(batch, noted, self.period, read_from)

    def _noted(
        self, batch: BatchRecord, records: Iterable[JobRecord]
    ) -> Iterator[JobRecord]:
        """The jobs of a batch, whose attempts are written down while they go by."""
        for record in records:
            # Held for a whole period, so without prompts and the user's columns.
            name = f"{batch.id}/{record.job.id}"
            job = replace(record.job, id=name, inputs={}, contents={}, data={})
            for attempt in record.attempts:
                if attempt.prediction_id and attempt.prediction_id not in self.ids:
                    self.ids.add(attempt.prediction_id)
                    if self.period.holds(attempt.sent_at_s):
                        self.sent.append(JobRecord(job, State.STORED, (attempt,)))
            yield record

    def _store(self, url: str) -> Store:
        if url not in self._stores:
            self._stores[url] = Store(url)
        return self._stores[url]


def left_out(others: Mapping[str, int]) -> str:
    """One sentence about the batches of other accounts.

    >>> left_out({"b": 2, "acme": 1})
    '3 batches of other accounts left out (acme: 1, b: 2): each needs its own key'
    """
    number = counted(sum(others.values()), "batch", "batches")
    each = ", ".join(f"{name}: {others[name]}" for name in sorted(others))
    return f"{number} of other accounts left out ({each}): each needs its own key"


def every_batch(ledger: Ledger, *, unfinished: bool = False) -> Iterator[BatchRecord]:
    """Each batch once, or each that is not over, newest first, read block by block.

    One that comes meanwhile moves all others on; none is taken twice for that.
    """
    first, seen = 0, set[str]()
    while found := ledger.batches.page(first, BLOCK, unfinished=unfinished)[0]:
        yield from (batch for batch in found if batch.id not in seen)
        seen.update(batch.id for batch in found)
        first += len(found)
