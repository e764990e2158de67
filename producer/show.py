"""Commands that look: the batches there are, a batch and its jobs.

They change nothing. What is many comes in pages, and for a program one by one, so that
no size of batch fills the memory. What a batch cost is told in `reporting`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jobs import labels
from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK
from jobs.ledger.snapshots import BatchSnapshot
from jobs.money import dollars, usd
from jobs.records import BatchRecord, JobRecord
from jobs.report.next_steps import is_late, next_step
from jobs.settings import Settings
from jobs.states import State
from jobs.text import choice, guesses, iso, local
from producer import console, tables
from producer.console import Table, print_json, print_json_list
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.lookup import find_batch, find_job
from producer.options import chosen_settings, given_labels
from producer.resolve import settling_help
from producer.statement import every_batch
from producer.watching.status import document, held_up, money, state_of, take

#: Lines of a page for a person, unless told.
BATCHES_SHOWN = 20
JOBS_SHOWN = 100

#: Batches that are looked at in one step.
TAKEN = 50


NO_BATCH = (
    "there is no batch yet; reelmill run MANIFEST makes one, and reelmill demo shows "
    "how without a key"
)


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
            console.say(f"page {self.number} is empty; the last one is {last}")
            return
        more = ""
        if self.first + shown < total:
            more = f"; --page {self.number + 1} shows more"
        until = self.first + shown
        console.say(f"{what} {self.first + 1} to {until} of {total}{more}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which batches are listed."""

    unfinished: bool = False
    labels: Sequence[str] = ()

    def page(self, ledger: Ledger, asked: Page) -> tuple[list[BatchRecord], int]:
        """Some of them, and how many there are."""
        if not self.labels:
            read = ledger.batches.page
            return read(asked.first, asked.size, unfinished=self.unfinished)
        found = list(self.all(ledger))
        return found[asked.first : asked.first + asked.size], len(found)

    def all(self, ledger: Ledger) -> Iterator[BatchRecord]:
        """All of them, read block by block."""
        wanted = given_labels(self.labels)
        for batch in every_batch(ledger, unfinished=self.unfinished):
            if labels.fit(batch.labels, wanted):
                yield batch

    @property
    def none(self) -> str:
        """What is said if there are none."""
        if self.labels:
            return f"no batch has the label {' and '.join(self.labels)}"
        return "no batch is under way" if self.unfinished else NO_BATCH


#: Whatever there is.
ALL = Chosen()


def batches(
    which: Chosen = ALL, *, limit: int | None = None, page: int = 1, json: bool
) -> int:
    """Print the batches there are, newest first; for a program all, unless limited."""
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        if json and limit is None and page == 1:
            print_json_list(map(_listed, _standings(ledger, which.all(ledger))))
            return Exit.STORED
        asked = Page(page, limit or BATCHES_SHOWN)
        found, total = which.page(ledger, asked)
        standings = list(_standings(ledger, iter(found)))
        accounts = sorted({now.account.id for now in standings})
        charged = [ledger.charges.read(account) for account in accounts]
    if json:
        print_json_list(map(_listed, standings))
        return Exit.STORED
    if standings:
        console.out.print(_batches_table(standings))
        for now in filter(held_up, standings):
            console.tell(f"{now.batch.id}: {held_up(now)}")
    elif not total:
        console.say(which.none)
    asked.say("batches", len(standings), total)
    for account, charges in zip(accounts, charged, strict=True):
        for _, words in charges.sentences():
            console.say(f"account {account}: {words}")
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
            _show_job(ledger, found, find_job(ledger, found, job), chosen, json=json)
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


def _listed(now: BatchSnapshot) -> dict[str, Any]:
    """How a batch stands, for a program."""
    return document(now) | {"labels": dict(now.batch.labels)}


def _standings(ledger: Ledger, found: Iterator[BatchRecord]) -> Iterator[BatchSnapshot]:
    """How these batches stand, read block by block."""
    while block := [batch.id for batch in islice(found, TAKEN)]:
        yield from ledger.snapshots.take(block)


def _batches_table(standings: list[BatchSnapshot]) -> Table:
    """Batches, a line each; why one stands still is said below, in a sentence."""
    labelled = ["labels"] if any(now.batch.labels for now in standings) else []
    numbers = ("stored", "charged", "budget")
    columns = ("batch", "state", *numbers, "created", *labelled)
    made = Table(*columns, numbers=numbers, sentences=("state", "created", "labels"))
    for now in standings:
        batch = now.batch
        stored = now.count(State.STORED, State.REUSED)
        made.add(
            batch.id,
            f"{state_of(now)}, jobs deleted" if batch.deleted_at_s else state_of(now),
            f"{stored}/{batch.total}",
            dollars(batch.charged_usd_micros),
            dollars(batch.budget_usd_micros),
            local(batch.created_at_s),
            *(labels.told(batch.labels) for _ in labelled),
        )
    return made


def _state(name: str | None) -> State | None:
    """The state of that name; None if none is named."""
    if name is None:
        return None
    if name not in set(State):
        near = guesses(name, list(State))
        hint = f"did you mean {near[0]}?" if near else f"there are {choice(State)}"
        raise CommandError(f"--state {name}: no job is ever that; {hint}")
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
    now: BatchSnapshot, records: list[JobRecord], state: State | None, asked: Page
) -> None:
    console.out.print(tables.jobs_table(records))
    words = f"{state_of(now)}, {money(now.batch)}"
    if now.batch.labels:
        words += f"; {labels.told(now.batch.labels)}"
    if held_up(now):
        words += f"; {held_up(now)}"
    console.say(f"{now.batch.id}: {words}")
    total = now.batch.total if state is None else now.count(state)
    asked.say("jobs" if state is None else f"{state} jobs", len(records), total)


def _show_job(
    ledger: Ledger,
    batch: BatchRecord,
    record: JobRecord,
    chosen: Settings,
    *,
    json: bool,
) -> None:
    if json:
        print_json([_told(record)])
        return
    console.out.print(tables.job_table(record))
    for line in settling_help(ledger, batch, record, chosen):
        console.tell(line)
    if record.failure and is_late(record):
        code = record.failure.code
        console.tell(next_step(batch.id, record.job.id, record.state, code))


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
                "created_at": iso(candidate.created_at_s),
            }
            for candidate in record.candidates
        ],
    }
