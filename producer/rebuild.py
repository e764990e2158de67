"""`rebuild`: put a ledger right that lost data, or is older than what was sent.

1. The account is held: nothing starts. Batches that the ledger lacks are read from
   their copies in the store and added, as an older ledger would have them.
2. Rows whose provenance or last report tells how far they came are brought there, with
   what they cost.
3. Every other row that would be sent may have been sent already. It becomes a lost
   answer (`unknown`), with its money reserved and a slot held, and workers look for it
   in the provider's history and billing as for any other: it is adopted, becomes
   unresolved, or waits again once it is proven that nothing was sent.
4. Rows that are under way or over keep their place. Should they be sent once more, they
   are looked for first, likewise.
5. The marks in the store count as known, and the account goes on.

Nothing is sent here, and the provider is not asked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from jobs import catalogue
from jobs.attempt.fingerprint import FingerprintedJob, Fingerprinter
from jobs.attempt.links import to_upload
from jobs.attempt.reconciling import MAX_HOLD_S
from jobs.ledger import Ledger
from jobs.ledger.marks import StoreMarks
from jobs.money import usd
from jobs.rebuilding.copies import BatchCopy
from jobs.rebuilding.moves import (
    LOST,
    OVER,
    TO_BE_SENT,
    is_news,
    moves,
    new_attempts,
    spent_by_day,
)
from jobs.records import BatchRecord, Doubt, JobRecord
from jobs.states import State
from jobs.storage import Store, StoreError
from jobs.transitions import Ref
from producer import console
from producer.batch_copies import copies_in, keep_copy
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Flag, Json, chosen_settings
from producer.rebuild_store import StoreView
from producer.statement import every_batch

T = TypeVar("T")

#: What to do about a copy that no batch can be read from, and what not.
MEND = (
    "Put an older version of the file back, if there is one, and run this again. "
    "Do not merely move it away: nothing would know its batch any more, and its "
    "manifest, handed in again, would be paid anew, with all that is stored of it"
)

#: A clock that stamped a batch or a claim was wrong by less.
CLOCK_SET_S = 86_400.0

#: Jobs that one script call is told of.
BLOCK = 500

#: How often jobs are read anew that workers have moved meanwhile.
ROUNDS = 5

#: States of jobs that are not done with: they may be sent again, now or later.
OPEN = sorted(set(State) - {State.STORED, State.REUSED})


def rebuild(
    *,
    store: str | None = None,
    ledger: str | None = None,
    older: Flag = False,
    yes: Flag = False,
    json: Json = False,
) -> int:
    """Put a ledger right that lost data, or has older data; sends nothing.

    For example:

        reelmill rebuild --store s3://shop/videos

    Args:
        store: Where the videos are, instead of `REELMILL_STORE`.
        ledger: Name of the ledger that was lost, where the store knows several.
        older: Compare what it knows too, though no mark tells that it is older.
        yes: Let batches that have waiting rows go on at once.
        json: Print what was put back as JSON.
    """
    chosen = chosen_settings(**({"store": store} if store else {}))
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set, and it tells whose batches to rebuild; "
            "set it to the key that the batches were made with"
        )
    with ledger_of(chosen, alone=True) as own:
        done, bad = rebuild_ledger(
            own, chosen.account_id, chosen.store, name=ledger, older=older, go_on=yes
        )
    _print(done, bad, shared=bool(chosen.redis_url), go_on=yes, json=json)
    left = bad or any(b.total > b.over for b in done)
    return Exit.INCOMPLETE if left else Exit.STORED


def rebuild_ledger(
    ledger: Ledger,
    account_id: str,
    store: str,
    *,
    name: str | None = None,
    older: bool = False,
    go_on: bool = False,
    open_store: Callable[[str], Store] = Store,
) -> tuple[list[BatchRecord], list[str]]:
    """Put a ledger right; all that it needs to know of the world is passed in.

    Args:
        ledger: by whose clock times are.
        account_id: whose batches; those of others are left as they are.
        store: URL or folder of the store that has the copies.
        name: of the ledger that was lost, where the store has copies of several.
        older: compare it, though no mark tells that it is older.
        go_on: batches that may pay for something go on, and are not paused.
        open_store: opens a store by its URL.

    Returns:
        The batches that were put right, and a sentence for each copy that is none.

    Raises:
        CommandError: nothing is to be put right, a store cannot be read, or jobs move
            all the time.
    """
    work = _Rebuilding(ledger, account_id, open_store)
    try:
        return work.run(store, name, older=older, go_on=go_on)
    except StoreError as error:
        raise CommandError(
            f"the store cannot be read: {error}; nothing was sent. Name the one that "
            "has the videos with --store, and run this again",
            Exit.UNREACHABLE,
        ) from None


@dataclass(slots=True)
class _Batch:
    """A batch that is put right."""

    record: BatchRecord
    #: Unix seconds; what the ledger does not know of it happened later.
    known_until_s: float
    #: As it was asked for, if the ledger lacked it.
    copy: BatchCopy | None = None
    #: How far its jobs had come, by the store; and unix seconds of its last report.
    told: Mapping[str, JobRecord] = field(default_factory=dict)
    reported_at_s: float = 0.0


class _Rebuilding:
    """One run of the command."""

    def __init__(
        self, ledger: Ledger, account_id: str, open_store: Callable[[str], Store]
    ) -> None:
        self._ledger = ledger
        self._account_id = account_id
        self._open = open_store
        self._views: dict[str, StoreView] = {}
        #: Unix seconds; whatever was forgotten had left by then.
        self._sent_by_s = 0.0

    def run(
        self, store: str, name: str | None, *, older: bool, go_on: bool
    ) -> tuple[list[BatchRecord], list[str]]:
        where = self._older_by(store) or ("a person" if older else "")
        lost_name, ids = self._lost(store, name, is_older=bool(where))
        known = self._known() if where else []
        copies, bad = self._view(store).copies(lost_name, ids)
        ours = [copy for copy in copies if self._is_ours(copy)]
        self._ledger.identity.set_if_missing(lost_name)
        self._hold(where or store)
        batches = [*map(self._add, ours), *known]
        for batch in batches:
            self._bring_on(batch)
        for batch in batches:
            self._follow(batch)
        for batch in batches:
            self._doubt(batch)
        done = [self._opened(batch, go_on=go_on) for batch in batches]
        for url in {store} | {batch.store for batch in self._own_batches()}:
            self._marks(url).accept()
        self._ledger.marks.release(self._account_id)
        return done, bad

    # What is to be put right.

    def _older_by(self, store: str) -> str:
        """The store that knows more than the ledger; empty if none does."""
        held = self._ledger.permits.read(self._account_id).older
        urls = {store} | {batch.store for batch in self._own_batches()}
        found = (url for url in sorted(urls) if self._marks(url).are_forgotten())
        return held or next(found, "")

    def _lost(
        self, store: str, name: str | None, *, is_older: bool
    ) -> tuple[str, list[str]]:
        """The name of the lost ledger, and its batches that are not whole here."""
        found = copies_in(self._open(store))
        names = sorted({each for each, _ in found})
        own = name or self._ledger.identity.known()
        if own not in names:
            if name or len(names) > 1:
                several = ", ".join(names) or "none"
                raise CommandError(
                    f"{store} has copies of these ledgers: {several}; "
                    "name the lost one with --ledger"
                )
            own = names[0] if names else ""
        whole = {batch.id for batch in every_batch(self._ledger) if batch.complete}
        lost = sorted(each for of, each in found if of == own and each not in whole)
        if not lost and not is_older:
            known = f"; it has {len(whole)} batches already" if whole else ""
            raise CommandError(
                f"{store} has no copy of a batch that this ledger lacks{known}",
                Exit.STORED,
            )
        return own, lost

    def _is_ours(self, copy: BatchCopy) -> bool:
        if copy.batch.account == self._account_id:
            return True
        console.say(
            f"{copy.batch.id} is left out: it is of account {copy.batch.account}; "
            "set the key it was made with, and run this again"
        )
        return False

    def _known(self) -> list[_Batch]:
        """The account's batches that the ledger has, and until when it knows of them.

        A ledger forgets from its end, so whatever it has forgotten happened later than
        the newest that it knows.
        """
        own, newest_s = list(self._own_batches()), 0.0
        for batch in own:
            newest_s = max(newest_s, batch.created_at_s)
            for record in self._records(batch.id, OPEN):
                newest_s = max([newest_s, *(a.sent_at_s for a in record.attempts)])
        return [_Batch(batch, newest_s) for batch in own]

    def _own_batches(self) -> Iterator[BatchRecord]:
        """The account's batches whose jobs are all in the ledger."""
        for batch in every_batch(self._ledger):
            is_here = batch.complete and not batch.deleted_at_s
            if is_here and batch.account == self._account_id:
                yield batch

    def _hold(self, where: str) -> None:
        self._ledger.marks.hold_account(self._account_id, where)
        held_at_s = self._ledger.permits.read(self._account_id).older_at_s
        # A request leaves a little after its claim.
        self._sent_by_s = round(held_at_s + MAX_HOLD_S, 3)

    # Bringing jobs on.

    def _add(self, copy: BatchCopy) -> _Batch:
        """Add a batch that the ledger lacks; nothing starts before it is opened."""
        batch, fingerprinter = copy.batch, Fingerprinter(catalogue.builtin())
        asked = (FingerprintedJob(job, fingerprinter.of(job)) for job in copy.jobs)
        self._ledger.batches.create(batch)
        self._ledger.batches.add(batch.id, asked)
        for content, link in copy.links.items():
            self._ledger.links.keep(batch.account, content, link.url, link.until_s)
        return _Batch(batch, batch.created_at_s, copy)

    def _bring_on(self, batch: _Batch) -> None:
        """Bring jobs to where they were, by what the store tells."""
        states = [*TO_BE_SENT, *LOST, *OVER]
        jobs = [record.job for record in self._records(batch.record.id, states)]
        view = self._view(batch.record.store)
        # The batch's own copy is as old as the batch, and any report is newer.
        until_s = 0.0 if batch.copy else batch.known_until_s
        batch.told, batch.reported_at_s = view.results(batch.record.id, jobs, until_s)
        told = {i: r for i, r in batch.told.items() if r.state is not State.WAITING}
        for block in _blocks(Ref(batch.record.id, job_id) for job_id in told):
            records = self._ledger.batches.records(block)
            self._move(batch, records, told)

    def _follow(self, batch: _Batch) -> None:
        """Let jobs that follow take the videos that were found."""
        refs = self._ledger.batches.refs_in(batch.record.id, [State.FOLLOWING])
        for block in _blocks(refs):
            self._ledger.dedup.follow(self._account_id, block)

    def _doubt(self, batch: _Batch) -> None:
        """Let nothing of a batch be sent before it was looked for.

        Raises:
            CommandError: its jobs move all the time.
        """
        told = {i: r for i, r in batch.told.items() if r.state is State.WAITING}
        for _ in range(ROUNDS):
            records = self._records(batch.record.id, OPEN)
            left = [r for r in records if not self._is_in_doubt(r)]
            if not left:
                return
            for block in _blocks(left):
                self._move(batch, block, told)
        raise CommandError(
            f"{batch.record.id} has gone on meanwhile; run the same command again",
            Exit.INCOMPLETE,
        )

    def _is_in_doubt(self, record: JobRecord) -> bool:
        return record.doubt is not None and record.doubt.until_s == self._sent_by_s

    def _move(
        self, batch: _Batch, records: Iterable[JobRecord], told: Mapping[str, JobRecord]
    ) -> None:
        """Move jobs as is told, and write down when others may have been sent."""
        block, rest = list(records), []
        links = self._links(batch, block)
        for record in block:
            ref = Ref(batch.record.id, record.job.id)
            known = told.get(ref.job) or JobRecord(record.job, State.WAITING)
            if not (batch.copy or is_news(record, known)):
                known = JobRecord(record.job, State.WAITING)
            when, own = self._when(batch, record), links.get(ref.job, {})
            steps = moves(ref.batch, record, known, when, own)
            if not steps:
                rest.append((ref, record.state, when, own))
            elif self._ledger.transitions.replay(steps):
                self._account(ref, record, known)
        self._ledger.transitions.doubt(self._account_id, rest)

    def _account(self, ref: Ref, record: JobRecord, known: JobRecord) -> None:
        """Know what a job has cost, on its days, and whose its predictions are."""
        new = new_attempts(record, known)
        ids = {a.prediction_id: ref for a in new if a.prediction_id}
        self._ledger.transitions.remember(self._account_id, ids)
        self._ledger.permits.spent(self._account_id, spent_by_day(new))

    def _when(self, batch: _Batch, record: JobRecord) -> Doubt:
        """When a job may have been sent without the ledger's knowing."""
        known_until_s, attempt = batch.known_until_s, 0
        if record.state in OVER:
            known_until_s = max(known_until_s, batch.reported_at_s)
        since_s = known_until_s - CLOCK_SET_S
        if record.doubt:  # from a run that was interrupted, or an earlier loss
            since_s = min(since_s, record.doubt.since_s)
            attempt = record.doubt.attempt
        return Doubt(since_s, self._sent_by_s, attempt)

    def _links(
        self, batch: _Batch, records: Sequence[JobRecord]
    ) -> dict[str, dict[str, str]]:
        """The links of the uploads of jobs, by job and address."""
        known, needed = catalogue.builtin(), {}
        for record in records:
            if model := record.job.model_in(known):
                needed[record.job.id] = to_upload(record.job, model)
        contents = sorted({c for each in needed.values() for c in each.values() if c})
        if not contents:
            return {}
        links = self._ledger.links.find(batch.record.account, contents)
        return {
            job_id: {a: links[c].url for a, c in each.items() if c in links}
            for job_id, each in needed.items()
        }

    # The batch again, and its store.

    def _opened(self, batch: _Batch, *, go_on: bool) -> BatchRecord:
        """The batch, complete again; paused if it would pay for something unasked."""
        batch_id = batch.record.id
        now = self._ledger.batches.read(batch_id) or batch.record
        if may_cost(now) and not go_on:
            self._ledger.batches.pause(batch_id)
        if batch.copy:
            self._ledger.batches.open(batch_id)
            keep_copy(self._ledger, now, open_store=self._open)
        return self._ledger.batches.read(batch_id) or now

    def _records(self, batch_id: str, states: Iterable[State]) -> Iterator[JobRecord]:
        refs = self._ledger.batches.refs_in(batch_id, states)
        return self._ledger.batches.records(refs)

    def _view(self, url: str) -> StoreView:
        if url not in self._views:
            self._views[url] = StoreView(self._open(url))
        return self._views[url]

    def _marks(self, url: str) -> StoreMarks:
        return StoreMarks(self._ledger, self._open(url), self._account_id)


def _blocks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while block := list(islice(rest, BLOCK)):
        yield block


def may_cost(batch: BatchRecord) -> bool:
    """Whether something of it is still to be paid, or may be."""
    states = (State.WAITING, State.UNKNOWN, State.UNRESOLVED)
    return batch.count(*states) > 0


# What is printed.


def _print(
    batches: Sequence[BatchRecord],
    bad: Sequence[str],
    *,
    shared: bool,
    go_on: bool,
    json: bool,
) -> None:
    for sentence in bad:
        console.say(f"left out: {sentence}. {MEND}")
    if json:
        rebuilt = [_document(batch) for batch in batches]
        print_json({"rebuilt": rebuilt, "bad_copies": list(bad)})
        return
    for batch in batches:
        counts = ", ".join(f"{n} {state}" for state, n in sorted(batch.counts.items()))
        console.tell(f"{batch.id}: {counts}")
        if rows := batch.count(State.UNKNOWN):
            how = "workers do so" if shared else f"reelmill collect {batch.id} does so"
            console.say(
                f"{batch.id}: {rows} rows may have been sent, and are looked for in "
                f"the provider's history; {how}"
            )
        if may_cost(batch) and not go_on:
            console.say(
                f"{batch.id} is paused, for some of its rows may still be to be paid; "
                f"go on with: reelmill resume {batch.id}"
            )


def _document(batch: BatchRecord) -> dict[str, object]:
    return {
        "batch": batch.id,
        "jobs": {str(state): n for state, n in sorted(batch.counts.items())},
        "charged_usd": usd(batch.charged_usd_micros),
        "paused": batch.paused,
    }
