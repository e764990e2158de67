"""`list` and `show`: the batches there are, a batch and its jobs.

What is many comes in pages, and for a program one by one, so that no size of batch
fills the memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from cyclopts import Parameter

from jobs import labels
from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK
from jobs.ledger.snapshots import BatchSnapshot
from jobs.money import dollars, usd
from jobs.records import BatchRecord, JobRecord
from jobs.report.next_steps import is_late, next_step
from jobs.settings import Settings
from jobs.states import State
from jobs.text import iso, local
from producer import console
from producer.console import Table, print_json, print_json_list
from producer.exits import Exit
from producer.local_server import ledger_of
from producer.lookup import find_batch, find_job
from producer.options import (
    AnyBatch,
    Count,
    Json,
    LabelOption,
    Limit,
    chosen_settings,
    given_labels,
)
from producer.resolve import settling_help
from producer.statement import every_batch
from producer.watching.status import document, held_up, money, state_of

#: Lines of a page for a person, unless told.
BATCHES_SHOWN = 20
JOBS_SHOWN = 100

#: Batches that are read in one step.
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

    def is_beyond(self, total: int) -> bool:
        """Whether nothing is on it though there is something; it is said then."""
        last = -(-total // self.size)
        if is_beyond := 0 < last < self.number:
            console.say(f"page {self.number} is beyond the last, {last}")
        return is_beyond

    def say(self, what: str, shown: int, total: int) -> None:
        """Tell which of how many these are, if these are not all."""
        until = self.first + shown
        if shown != total:
            more = f"; --page {self.number + 1} shows more" if until < total else ""
            console.say(f"{what} {self.first + 1} to {until} of {total}{more}")


def list_(
    *,
    unfinished: Annotated[bool, Parameter(name="--open", negative="")] = False,
    label: LabelOption = (),
    limit: Limit = None,
    page: Count = 1,
    json: Json = False,
) -> int:
    """Show the batches of the ledger, the newest first, a page at a time.

    For example:

        reelmill list
        reelmill list --open --page 2
        reelmill list --label team=shoes

    Args:
        unfinished: Only those that are not over.
        label: Only those with this label, such as `team=shoes`; repeatable.
        limit: Batches on a page.
        page: Which page.
        json: Print them as JSON, all of them unless limited.
    """
    wanted = given_labels(label)
    with ledger_of(chosen_settings(), alone=False) as ledger:
        every = (
            batch
            for batch in every_batch(ledger, unfinished=unfinished)
            if labels.fit(batch.labels, wanted)
        )
        if json and limit is None and page == 1:
            print_json_list(map(_listed, _snapshots(ledger, every)))
            return Exit.STORED
        asked = Page(page, limit or BATCHES_SHOWN)
        if label:
            found = list(every)
            some, total = found[asked.first : asked.first + asked.size], len(found)
        else:
            some, total = ledger.batches.page(
                asked.first, asked.size, unfinished=unfinished
            )
        nows = list(_snapshots(ledger, iter(some)))
        if json:
            print_json_list(map(_listed, nows))
        elif label and not total:
            console.say(f"no batch has the label {' and '.join(label)}")
        elif not total:
            console.say("no batch is under way" if unfinished else NO_BATCH)
        elif not asked.is_beyond(total):
            _print_batches(ledger, nows)
            asked.say("batches", len(nows), total)
    return Exit.STORED


def _listed(now: BatchSnapshot) -> dict[str, Any]:
    """How a batch stands, for a program."""
    return document(now) | {"labels": dict(now.batch.labels)}


def _snapshots(ledger: Ledger, found: Iterator[BatchRecord]) -> Iterator[BatchSnapshot]:
    """How these batches stand, read block by block."""
    while block := [batch.id for batch in islice(found, TAKEN)]:
        yield from ledger.snapshots.take(block)


def _print_batches(ledger: Ledger, nows: Sequence[BatchSnapshot]) -> None:
    """Batches, a line each; why one stands still is said below, in a sentence."""
    labelled = ["labels"] if any(now.batch.labels for now in nows) else []
    numbers = ("stored", "charged", "budget")
    columns = ("batch", "state", *numbers, "created", *labelled)
    made = Table(*columns, numbers=numbers, sentences=("state", "created", "labels"))
    for now in nows:
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
    console.out.print(made)
    for now in filter(held_up, nows):
        console.tell(f"{now.batch.id}: {held_up(now)}")
    for account in sorted({now.account.id for now in nows}):
        for _, words in ledger.charges.read(account).sentences():
            console.say(f"account {account}: {words}")


def show(
    batch: AnyBatch = None,
    job: str | None = None,
    *,
    state: State | None = None,
    limit: Limit = None,
    page: Count = 1,
    json: Json = False,
) -> int:
    """Show the jobs of a batch, or all that happened to one of them.

    For example:

        reelmill show
        reelmill show products-1f0c33ab --state failed
        reelmill show products-1f0c33ab mug-orbit

    Args:
        batch: Id of the batch; the newest one if none is named.
        job: Id of a job in it.
        state: Only jobs in this state.
        limit: Jobs on a page.
        page: Which page.
        json: Print the jobs as JSON, all of them unless limited.
    """
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        if job is not None:
            record = find_job(ledger, found, job)
            if json:
                print_json([_document(record)])
            else:
                _print_job(ledger, found, record, chosen)
        elif json and limit is None and page == 1:
            print_json_list(map(_document, _jobs(ledger, found.id, state, 0)))
        else:
            asked = Page(page, limit or JOBS_SHOWN)
            some = islice(_jobs(ledger, found.id, state, asked.first), asked.size)
            if json:
                print_json_list(map(_document, some))
            else:
                _print_jobs(ledger.snapshots.one(found.id), list(some), state, asked)
    return Exit.STORED


def _jobs(
    ledger: Ledger, batch_id: str, state: State | None, first: int
) -> Iterator[JobRecord]:
    """The jobs of a batch from the `first` on, of one state or of all."""
    if state is not None:
        refs = islice(ledger.batches.refs_in(batch_id, [state]), first, None)
        yield from ledger.batches.records(refs)
        return
    while block := ledger.batches.slice(batch_id, first, BLOCK):
        yield from block
        first += BLOCK


def _print_jobs(
    now: BatchSnapshot, records: list[JobRecord], state: State | None, asked: Page
) -> None:
    total = now.batch.total if state is None else now.count(state)
    if asked.is_beyond(total):
        return
    numbers = ("line", "attempts", "charged")
    made = Table("line", "job", "state", "attempts", "charged", numbers=numbers)
    for record in records:
        line, attempts = str(record.job.line), str(len(record.attempts))
        charged = dollars(record.charged_usd_micros)
        made.add(line, record.job.id, record.state, attempts, charged)
    console.out.print(made)
    words = [f"{state_of(now)}, {money(now.batch)}", labels.told(now.batch.labels)]
    console.say(f"{now.batch.id}: {'; '.join(filter(None, [*words, held_up(now)]))}")
    asked.say("jobs" if state is None else f"{state} jobs", len(records), total)


def _print_job(
    ledger: Ledger, batch: BatchRecord, record: JobRecord, chosen: Settings
) -> None:
    """All that happened to one job, and what a person may do about it."""
    job, failure = record.job, record.failure
    facts = [
        ("job", job.id),
        ("line", str(job.line)),
        ("model", job.model),
        ("picture", job.image),
        ("state", str(record.state)),
        ("video", record.video),
        ("charged", dollars(record.charged_usd_micros)),
        ("error", failure and failure.message),
    ]
    for attempt in record.attempts:
        words = attempt.failure.message if attempt.failure else ""
        line = f"{attempt.outcome} {attempt.prediction_id or ''} {words}"
        facts.append((f"attempt {attempt.number}", line.strip()))
    made = Table("what", "words", sentences=("words",), headed=False)
    for name, value in facts:
        if value:
            made.add(name, value)
    console.out.print(made)
    for line in settling_help(ledger, batch, record, chosen):
        console.tell(line)
    if failure and is_late(record):
        console.tell(next_step(batch.id, job.id, record.state, failure.code))


def _document(record: JobRecord) -> dict[str, Any]:
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
