"""Commands that look: the batches there are, a batch and its jobs, what it cost.

They change nothing but the report, which is written anew. What is many comes in pages,
and for a program one by one, so that no size of batch fills the memory.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rich.markup import escape
from rich.table import Table

from jobs.invoice import invoice
from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK
from jobs.ledger.moves import REMEMBERED_DAYS
from jobs.ledger.permits import DAY_S
from jobs.pricing import usd
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.settling import Patience
from jobs.states import State
from jobs.wording import choice, guesses
from producer import account, tables
from producer.choosing import chosen_settings
from producer.exits import Exit, Stop
from producer.finding import find_batch, find_job, same_account
from producer.printing import print_json, print_json_list, print_report
from producer.private import ledger_of
from producer.rendering import keep_report, outcome
from producer.resolving import settling_help
from producer.watching import Snapshot, document, held_up, standing, take

#: Billing is asked for from so many seconds before the first attempt, lest a rough
#: comparison of clocks leaves something out.
BEFORE_S = 60.0

#: Lines of a page for a person, unless told.
BATCHES_SHOWN = 20
JOBS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of many is shown."""

    number: int
    #: Lines on each page.
    size: int

    @property
    def first(self) -> int:
        """How many are passed over."""
        return (self.number - 1) * self.size

    def say(self, what: str, shown: int, total: int) -> None:
        """Tell which of how many these are, if these are not all."""
        if shown == total:
            return
        if not shown:
            last = max(1, -(-total // self.size))
            tables.say(f"page {self.number} is empty; the last one is {last}")
            return
        more = ""
        if self.first + shown < total:
            more = f"; --page {self.number + 1} shows more"
        until = self.first + shown
        tables.say(f"{what} {self.first + 1} to {until} of {total}{more}")


def batches(
    *, unfinished: bool = False, limit: int | None = None, page: int = 1, json: bool
) -> int:
    """Print the batches there are, newest first; for a program all, unless limited."""
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        if json and limit is None and page == 1:
            everyone = _all_batches(ledger, unfinished=unfinished)
            print_json_list(map(document, _standings(ledger, everyone)))
            return Exit.STORED
        asked = Page(page, limit or BATCHES_SHOWN)
        read = ledger.batches.page
        found, total = read(asked.first, asked.size, unfinished=unfinished)
        standings = list(_standings(ledger, iter(found)))
    if json:
        print_json_list(map(document, standings))
        return Exit.STORED
    if standings:
        tables.out.print(_batches_table(standings))
    elif not total:
        tables.say("there is no batch" + (" under way" if unfinished else " yet"))
    asked.say("batches", len(standings), total)
    return Exit.STORED


def show(
    batch: str | None,
    job: str | None,
    *,
    state: str | None = None,
    limit: int | None = None,
    page: int = 1,
    json: bool,
) -> int:
    """Print how a batch stands and its jobs, or all that happened to one job."""
    wanted = _state(state)
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        if job is not None:
            _show_job(found, find_job(ledger, found, job), chosen, json=json)
        elif json and limit is None and page == 1:
            everyone = _jobs(ledger, found.id, wanted, 0)
            print_json_list(map(_told, everyone))
        else:
            asked = Page(page, limit or JOBS_SHOWN)
            some = islice(_jobs(ledger, found.id, wanted, asked.first), asked.size)
            if json:
                print_json_list(map(_told, some))
            else:
                _show_jobs(take(ledger, found.id), list(some), wanted, asked)
    return Exit.STORED


def report(batch: str | None, *, billed: bool, json: bool) -> int:
    """Print the report of a batch, and write it anew."""
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        extra = {}
        if billed:
            extra["invoice"] = _invoice(ledger, chosen, found)
        made, place = keep_report(ledger, found.id, time.time(), extra)
        now = take(ledger, found.id)
    if json:
        print_json(made)
    else:
        print_report(made, place)
        for warning in made["warnings"]:
            tables.say(warning)
    return outcome(now)


def _all_batches(ledger: Ledger, *, unfinished: bool) -> Iterator[BatchRecord]:
    first = 0
    while True:
        found, _ = ledger.batches.page(first, BLOCK, unfinished=unfinished)
        yield from found
        if len(found) < BLOCK:
            return
        first += BLOCK


def _standings(ledger: Ledger, found: Iterator[BatchRecord]) -> Iterator[Snapshot]:
    """How these batches stand; each account is asked for once."""
    now_s = ledger.now_s()
    accounts: dict[str, Any] = {}
    for batch in found:
        if batch.account not in accounts:
            accounts[batch.account] = ledger.permits.read(batch.account)
        yield Snapshot(batch, accounts[batch.account], now_s)


def _batches_table(standings: list[Snapshot]) -> Table:
    made = tables.batches_table()
    for now in standings:
        batch = now.batch
        stored = now.count(State.STORED, State.REUSED)
        budget = batch.budget_usd_micros
        made.add_row(
            escape(batch.id),
            f"{standing(now)}, archived" if batch.archived else standing(now),
            f"{stored}/{batch.total}",
            f"${usd(batch.charged_usd_micros)}",
            "" if budget is None else f"${usd(budget)}",
            tables.local(batch.created_at_s),
            escape(held_up(now).strip()),
        )
    return made


def _state(name: str | None) -> State | None:
    """The state of that name; None if none is named."""
    if name is None:
        return None
    if name not in set(State):
        near = guesses(name, list(State))
        hint = f"did you mean {near[0]}?" if near else f"there are {choice(State)}"
        raise Stop(f"--state {name}: no job is ever that; {hint}")
    return State(name)


def _jobs(
    ledger: Ledger, batch_id: str, state: State | None, first: int
) -> Iterator[JobRecord]:
    """The jobs of a batch from the `first` on, of one state or of all."""
    if state is None:
        while block := ledger.batches.slice(batch_id, first, BLOCK):
            yield from block
            first += BLOCK
        return
    refs = islice(ledger.batches.refs_in(batch_id, [state]), first, None)
    yield from ledger.batches.records(refs)


def _show_jobs(
    now: Snapshot, records: list[JobRecord], state: State | None, asked: Page
) -> None:
    tables.out.print(tables.jobs_table(records))
    words = f"{standing(now)}, {tables.money(now.batch)}"
    if held_up(now):
        words += f"; {held_up(now).strip()}"
    tables.say(f"{now.batch.id}: {words}")
    total = now.batch.total if state is None else now.count(state)
    asked.say("jobs" if state is None else f"{state} jobs", len(records), total)


def _show_job(
    batch: BatchRecord, record: JobRecord, chosen: Settings, *, json: bool
) -> None:
    if json:
        print_json([_told(record)])
        return
    tables.out.print(tables.job_table(record))
    for line in settling_help(batch, record, chosen):
        tables.out.print(line, markup=False, soft_wrap=True)


def _told(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.job.id,
        "line": record.job.line,
        "model": record.job.model,
        "state": record.state,
        "attempts": len(record.attempts),
        "prediction_id": record.prediction_id,
        "charged_usd": usd(record.charged_usd_micros),
        "video": record.video,
        "error": record.failure.message if record.failure else None,
        "candidates": [
            {
                "prediction_id": candidate.prediction_id,
                "model": candidate.model,
                "status": candidate.status,
                "created_at": tables.iso(candidate.created_at_s),
            }
            for candidate in record.candidates
        ],
    }


def _invoice(ledger: Ledger, chosen: Settings, batch: BatchRecord) -> dict[str, Any]:
    same_account(batch, chosen)
    records = list(ledger.batches.jobs(batch.id))
    sent = [a.sent_at_s for record in records for a in record.attempts]
    if not sent:
        return invoice(records, [], [], (0.0, 0.0))
    ahead_s = ledger.now_s() - time.time()
    billed = account.billings(chosen, min(sent) - BEFORE_S, ahead_s)
    ids = sorted({row.prediction_id for row in billed})
    known = ledger.moves.known(batch.account, ids)
    forgotten_s = ledger.now_s() - REMEMBERED_DAYS * DAY_S
    if min(sent) < forgotten_s:
        tables.say(
            f"charges of more than {REMEMBERED_DAYS} days ago that no row explains "
            "are not named: whose they are is not known any more"
        )
    patience = Patience(chosen.submit_timeout_s, chosen.settle_s)
    began_s = max(min(sent) - patience.skew_s, forgotten_s)
    during = began_s, max(sent) + patience.latest_s
    return invoice(records, billed, known, during)
