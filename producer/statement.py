"""The statement of a time: what all batches of it cost, by batch, model and label.

Where the job records of a batch are deleted its report in the store tells of them. What
can be read of neither is named, with why. What counts, and when, is decided in
`jobs.report.statement`.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from jobs.job import Job
from jobs.labels import fit
from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK, JobsDeletedError
from jobs.records import BatchRecord, JobRecord
from jobs.report.invoice import invoice
from jobs.report.sheet import statement_lines
from jobs.report.statement import (
    Entry,
    Inexact,
    Part,
    Period,
    PeriodError,
    ReportFileError,
    entry_of,
    entry_of_row,
    part_of,
    part_of_sums,
    period,
    rows_of,
    statement,
)
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import Store, StoreError
from producer import account, console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Over, chosen_settings, given_labels
from producer.summary import print_statement

#: Billing is asked for from so many seconds before the first attempt, lest a rough
#: comparison of clocks leaves something out.
BEFORE_S = 60.0

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
            made |= _of_account(reader, has_any=bool(parts))
            made["invoice"] = _invoice(ledger, chosen, reader)
        if over.dismiss:
            ledger.charges.dismiss(chosen.account_id)
    if form == "json":
        print_json(made)
    elif form == "csv":
        sys.stdout.writelines(statement_lines(made))
    else:
        print_statement(made)
    _say_besides(made, reader.others, dismissed=over.dismiss)
    return Exit.INCOMPLETE if made["inexact"] else Exit.STORED


def _say_besides(
    made: Mapping[str, Any], others: Mapping[str, int], *, dismissed: bool
) -> None:
    if dismissed:
        console.say(
            "charges that no row explains are known now: reelmill doctor, list and "
            "metrics tell of later ones"
        )
    if others:
        console.say(left_out(others))
    for one in made["inexact"]:
        how = "counted by its own sums" if one["counted"] else "left out"
        console.say(f"{one['batch']} is {how}: {one['why']}")


def _of_account(reader: "Reader", *, has_any: bool) -> dict[str, Any]:
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


def _invoice(ledger: Ledger, chosen: Settings, reader: "Reader") -> dict[str, Any]:
    """The provider's billing of a time beside what is booked for it.

    Raises:
        CommandError: the provider does not say.
    """
    during = reader.period
    ahead_s = ledger.now_s() - time.time()
    billed = account.billings(chosen, during.since_s - BEFORE_S, ahead_s)
    others = sorted({row.prediction_id for row in billed} - reader.ids)
    known = reader.ids.union(ledger.transitions.known(chosen.account_id, others))
    return invoice(reader.sent, billed, known, (during.since_s, during.until_s))


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
            entries = map(entry_of, self.ledger.batches.jobs(batch.id))
            with suppress(JobsDeletedError):  # meanwhile
                return self._counted(batch, entries, "ledger")
        return self._reported(batch)

    def _reported(self, batch: BatchRecord) -> Part:
        key = f"{batch.id}/report.json"
        place = f"{batch.store}/{key}"
        try:
            with self._store(batch.store).fetched(key) as file:
                if file is None:
                    return self._by_sums(batch, f"{place} is missing")
                entries = map(entry_of_row, rows_of(file, batch.id))
                return self._counted(batch, entries, "report")
        except ReportFileError as error:
            return self._by_sums(batch, f"{place}: {error}")
        except StoreError as error:
            return self._by_sums(batch, str(error))

    def _counted(self, batch: BatchRecord, entries: Iterable[Entry], of: str) -> Part:
        noted = self._noted(batch, entries) if self.account else entries
        return part_of(batch, noted, self.period, of)

    def _noted(self, batch: BatchRecord, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries of a batch, which are written down while they go by."""
        for entry in entries:
            job = Job(f"{batch.id}/{entry.id}", 0, entry.model, {}, None, "")
            for attempt in entry.attempts:
                if attempt.prediction_id and attempt.prediction_id not in self.ids:
                    self.ids.add(attempt.prediction_id)
                    if self.period.holds(attempt.sent_at_s):
                        self.sent.append(JobRecord(job, State.STORED, (attempt,)))
            yield entry

    def _by_sums(self, batch: BatchRecord, why: str) -> Part:
        """The batch as a whole, and a word about that."""
        part = part_of_sums(batch, self.period)
        self.inexact.append(Inexact(batch, why, counted=bool(part.models)))
        return part

    def _store(self, url: str) -> Store:
        if url not in self._stores:
            self._stores[url] = Store(url)
        return self._stores[url]


def left_out(others: Mapping[str, int]) -> str:
    """One sentence about the batches of other accounts.

    >>> left_out({"b": 2, "acme": 1})
    '3 batches of other accounts are left out (acme: 1, b: 2): each needs its own key'
    """
    number = sum(others.values())
    words = "batches of other accounts are"
    if number == 1:
        words = "batch of another account is"
    each = ", ".join(f"{name}: {others[name]}" for name in sorted(others))
    return f"{number} {words} left out ({each}): each needs its own key"


def every_batch(ledger: Ledger, *, unfinished: bool = False) -> Iterator[BatchRecord]:
    """Each batch once, or each that is not over, newest first, read block by block.

    One that comes meanwhile moves all others on; none is taken twice for that.
    """
    first, seen = 0, set[str]()
    while found := ledger.batches.page(first, BLOCK, unfinished=unfinished)[0]:
        yield from (batch for batch in found if batch.id not in seen)
        seen.update(batch.id for batch in found)
        first += len(found)
