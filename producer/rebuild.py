"""`rebuild`: put a ledger right that lost data, or is older than what was sent.

What the store shows as stored is stored. Rows that may have been sent are looked for in
the provider's history and billing, or become unresolved; nothing is sent. An older
ledger takes for waiting what was sent since; its jobs are looked for likewise.
What follows from what is found is decided in `jobs.rebuilding`.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jobs import rebuilding
from jobs.attempt import reconciling
from jobs.attempt.fingerprint import FingerprintedJob
from jobs.attempt.reconciling import (
    MAX_HOLD_S,
    Adopt,
    Ambiguous,
    Finding,
    LostSubmission,
)
from jobs.ledger import Ledger
from jobs.ledger.marks import StoreMarks
from jobs.money import usd
from jobs.provider.answers import FRUITLESS, Listed
from jobs.rebuilding import OVER, SKEW_S, TO_BE_SENT, Doubt, replay
from jobs.rebuilding.copies import BatchCopy
from jobs.rebuilding.replay import LOST
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.states import FINAL, State
from jobs.storage import Store, StoreError
from jobs.transitions import Ref
from producer import account, console
from producer.batch_copies import copies_in, keep_copy
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Flag, Json, chosen_settings
from producer.rebuild_store import CLOCK_SET_S, StoredBatch, read_batches, read_store
from producer.statement import every_batch

#: What to do about a copy that no batch can be read from, and what not.
MEND = (
    "Put an older version of the file back, if there is one, and run this again. "
    "Do not merely move it away: nothing would know its batch any more, and its "
    "manifest, handed in again, would be paid anew, with all that is stored of it"
)

#: States of jobs that may have been sent after what an older ledger knows: it would
#: send them again, or has taken them for over.
DOUBTFUL = LOST | OVER | TO_BE_SENT

#: Predictions of our own that are compared with what was sent for them.
MAX_WITNESSES = 5

#: Status of a prediction that only the billing tells of.
BILLED = "billed"


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
            "WAVESPEED_API_KEY is not set, and the account's history must be asked; "
            "set it to the key that the batches were made with"
        )
    with ledger_of(chosen, alone=True) as own:
        older_at_s = _held_since_s(own, chosen, asked=older)
        name, ids = _to_rebuild(own, chosen.store, ledger, is_older=bool(older_at_s))
        own.identity.set_if_missing(name)
        batches, bad = read_batches(chosen, name, ids)
        if older_at_s:
            batches += _known_batches(own, chosen, older_at_s)
        for batch in batches:
            # What was over may have been tried again since: that is looked for first.
            stored = {i: r for i, r in batch.past.items() if r.state not in OVER}
            _put_back(own, batch, stored)
        claimed_by_s = older_at_s or own.now_s()
        memory = _reconcile(own, chosen, batches, claimed_by_s)
        done = [_opened(own, batch, go_on=yes) for batch in batches]
        _release(own, chosen)
    _print(done, bad, memory, go_on=yes, json=json)
    left = bad or any(b.total > sum(b.counts.get(s, 0) for s in FINAL) for b in done)
    return Exit.INCOMPLETE if left else Exit.STORED


def _to_rebuild(
    ledger: Ledger, store: str, ledger_name: str | None, *, is_older: bool
) -> tuple[str, list[str]]:
    """The name of the lost ledger, and the batches of it that are not whole here."""
    found = copies_in(store)
    names = sorted({name for name, _ in found})
    own = ledger_name or ledger.identity.known()
    if own not in names:
        if ledger_name or len(names) > 1:
            several = ", ".join(names) or "none"
            raise CommandError(
                f"{store} has copies of these ledgers: {several}; "
                "name the lost one with --ledger"
            )
        own = names[0] if names else ""
    here = (ledger.batches.read(batch_id) for batch_id in ledger.batches.ids())
    whole = {batch.id for batch in here if batch and batch.complete}
    lost = sorted(batch for name, batch in found if name == own and batch not in whole)
    if not lost and not is_older:
        known = f"; it has {len(whole)} batches already" if whole else ""
        raise CommandError(
            f"{store} has no copy of a batch that this ledger lacks{known}",
            Exit.STORED,
        )
    return own, lost


# Putting jobs back.


def _put_back(
    ledger: Ledger, batch: StoredBatch, records: Mapping[str, JobRecord]
) -> None:
    """Bring jobs back to where they were; those that are there already stay.

    Raises:
        CommandError: one cannot be brought there.
    """
    made, spent = batch.copy.batch, Counter[str]()
    if not batch.now:
        ledger.batches.create(made)
        ledger.batches.add(made.id, [record.job for record in records.values()])
    refs = [Ref(made.id, job_id) for job_id in records]
    # Read anew: while the history was looked at a lease may have run out.
    for ref, now in zip(refs, ledger.batches.load(refs), strict=True):
        record, fingerprint = records[ref.job], batch.fingerprints[ref.job]
        if now is None or (made.cancelled and now.state is State.ADMITTED):
            continue  # a cancelled one is cancelled as soon as a worker sees it
        new = record.attempts
        if batch.now:
            steps = replay.forward(made.id, now, record)
            new = () if now.state in LOST else replay.new_attempts(now, record)
        elif now.state is State.WAITING and not now.attempts:
            steps = replay.replay(made.id, record, fingerprint)
        else:
            steps = []
        if not steps:
            continue
        if not ledger.transitions.replay(steps):
            raise CommandError(
                f"{ref} has gone on meanwhile; run the same command again",
                Exit.INCOMPLETE,
            )
        ids = {a.prediction_id: ref for a in new if a.prediction_id}
        ledger.transitions.remember(made.account, ids)
        if new:
            spent.update(replay.spent_by_day(replay.with_attempts(record, new)))
    ledger.permits.spent(made.account, spent)


def _opened(ledger: Ledger, batch: StoredBatch, *, go_on: bool) -> BatchRecord:
    """The batch, complete again; paused if it would pay for something unasked."""
    made = batch.copy.batch
    now = ledger.batches.read(made.id) or made
    if _may_cost(now) and not go_on:
        ledger.batches.pause(made.id)
    if not batch.now:
        for content, link in batch.copy.links.items():
            ledger.links.keep(made.account, content, link.url, link.until_s)
        ledger.batches.open(made.id)
        keep_copy(ledger, now)
    return ledger.batches.read(made.id) or now


def _may_cost(batch: BatchRecord) -> bool:
    """Whether something of it is still to be paid, or may be."""
    return any(batch.counts.get(s) for s in (State.WAITING, State.UNRESOLVED))


# What the provider remembers. It must prove that something does not exist; so it is
# asked as often as a worker would, and what was seen once counts.


@dataclass(frozen=True, slots=True)
class Memory:
    """What became of the jobs in doubt."""

    findings: Mapping[Ref, Finding] = field(default_factory=dict)
    #: Unix seconds when each prediction was created.
    created_at_s: Mapping[str, float] = field(default_factory=dict)

    def candidates(self, batch_id: str) -> int:
        """How many predictions may belong to unresolved jobs of a batch."""
        unclear = (
            finding.candidates
            for ref, finding in self.findings.items()
            if ref.batch == batch_id and isinstance(finding, Ambiguous)
        )
        return len({each.prediction_id for several in unclear for each in several})


def _reconcile(
    ledger: Ledger,
    chosen: Settings,
    batches: Sequence[StoredBatch],
    claimed_by_s: float,
) -> Memory:
    """Put back all that only the provider can tell the end of; what it remembers."""
    doubts = [doubt for batch in batches for doubt in _doubts(ledger, batch)]
    own = {i: lost for batch in batches for i, lost in batch.own().items()}
    memory = remember(ledger, chosen, doubts, own, claimed_by_s)
    for batch in batches:
        known = {i: r for i, r in batch.past.items() if r.state in OVER}
        _put_back(ledger, batch, known | _found(batch, memory))
    for batch in batches:
        # Those of which nothing is known: they reuse, follow or wait, as any new one.
        if not batch.now:
            ledger.batches.add(batch.copy.batch.id, batch.asked())
    return memory


def _doubts(ledger: Ledger, batch: StoredBatch) -> list[Doubt]:
    """Jobs that may be under way; those whose video another has are none of them."""
    open_jobs = batch.in_doubt()
    made = batch.copy.batch
    shared: set[str] = set()
    if not made.fresh and not batch.now:
        asked = [FingerprintedJob(job, batch.fingerprints[job.id]) for job in open_jobs]
        previews = zip(open_jobs, ledger.dedup.preview(made, asked), strict=True)
        shared = {job.id for job, p in previews if p.state is State.REUSED}
    return [batch.doubt(job) for job in open_jobs if job.id not in shared]


def _found(batch: StoredBatch, memory: Memory) -> dict[str, JobRecord]:
    """The jobs of a batch that a prediction is or may be of."""
    made = batch.copy.batch
    jobs = {job.id: job for job in batch.copy.jobs}
    unclear = sum(isinstance(each, Ambiguous) for each in memory.findings.values())
    most = rebuilding.most_candidates(unclear)
    found = {}
    for ref, finding in memory.findings.items():
        if ref.batch != made.id:
            continue
        job = jobs[ref.job]
        before = batch.before(job)
        if isinstance(finding, Adopt):
            own = finding.prediction_id
            at_s = memory.created_at_s[own]
            record = rebuilding.adopted(job, own, at_s, before)
        elif isinstance(finding, Ambiguous) and batch.may_be_unresolved(job):
            since_s = batch.doubt(job).over_by_s or made.created_at_s
            record = rebuilding.unresolved(job, finding, since_s, before, most)
        else:
            continue
        # By its links a worker tells its request from others.
        found[job.id] = replace(record, links=batch.links(job, batch.now.get(job.id)))
    return found


def remember(
    ledger: Ledger,
    chosen: Settings,
    doubts: Sequence[Doubt],
    own: Mapping[str, LostSubmission],
    claimed_by_s: float,
) -> Memory:
    """Ask the provider what became of these jobs.

    Args:
        ledger: whose clock counts, and which may know some predictions already.
        chosen: whose account.
        doubts: every job of the account that is in doubt; none asks nothing.
        own: what was sent for predictions that are known to be ours, by their ids.
        claimed_by_s: unix seconds; what is sought was claimed before.

    Raises:
        CommandError: the provider does not say.
    """
    if not doubts:
        return Memory()
    seen: dict[str, Listed] = {}
    for poll in range(reconciling.MIN_POLLS):
        _let_history_catch_up(ledger, chosen, claimed_by_s, poll)
        for each in _listed(ledger, chosen, doubts):
            if each.status != BILLED or each.prediction_id not in seen:
                seen[each.prediction_id] = each
    known = set(own) | ledger.transitions.known(chosen.account_id, list(seen))
    unowned = [each for each in seen.values() if each.prediction_id not in known]
    ours = [each for each in seen.values() if each.prediction_id in own]
    free = _with_inputs(chosen, unowned)
    # Whether the provider shows inputs just as they were sent, by one that is ours.
    trusted = any(
        each.inputs is not None and reconciling.is_as_sent(doubt.lost, each.inputs)
        for each in free
        for doubt in doubts
    ) or any(
        each.inputs is not None
        and reconciling.is_as_sent(own[each.prediction_id], each.inputs)
        for each in _with_inputs(chosen, ours[:MAX_WITNESSES])
    )
    now_s = ledger.now_s()
    findings = rebuilding.explain(doubts, free, trusted=trusted, now_s=now_s)
    return Memory(findings, {c.prediction_id: c.created_at_s for c in free})


def _let_history_catch_up(
    ledger: Ledger, chosen: Settings, claimed_by_s: float, poll: int = 0
) -> None:
    """Wait until it is time for a poll, counted from 0, for what was claimed before."""
    apart_s = chosen.settling_s * reconciling.POLLS_APART
    last_s = claimed_by_s + MAX_HOLD_S + reconciling.listed_after_s(chosen.settling_s)
    polls_left = reconciling.MIN_POLLS - 1 - poll
    wait_s = last_s - polls_left * apart_s - ledger.now_s()
    if poll:
        wait_s = max(wait_s, apart_s)
    if wait_s > 0:
        console.say(
            f"waiting {wait_s:.0f} s, so that the provider's history shows what was "
            "sent last"
        )
        # Nothing tells sooner: it is for what the history does not show yet.
        time.sleep(wait_s)


def _listed(ledger: Ledger, chosen: Settings, doubts: Sequence[Doubt]) -> list[Listed]:
    """All that the history shows, and what the billing charged besides."""
    ahead_s = ledger.now_s() - time.time()
    after_s = min(doubt.lost.sent_at_s for doubt in doubts) - SKEW_S
    models = sorted({doubt.lost.model for doubt in doubts})
    listed = account.history(chosen, models, after_s, ahead_s)
    billed = account.billings(chosen, after_s, ahead_s)
    done = {each.prediction_id for each in listed}
    done |= {row.prediction_id for row in billed if row.kind == "refund"}
    unlisted = {
        row.prediction_id: Listed(
            row.prediction_id,
            row.model if row.model in models else "",  # it may be any of them
            row.created_at_s,
            BILLED,
        )
        for row in billed
        if row.prediction_id not in done and any(map(row.may_be_of, models))
    }
    return [*listed, *unlisted.values()]


def _with_inputs(chosen: Settings, listed: Sequence[Listed]) -> list[Listed]:
    """The same, with inputs where only the results show them."""
    hidden = [each for each in listed if each.inputs is None]
    shown = {c.prediction_id: c for c in account.told_more(chosen, hidden)}
    return [shown.get(each.prediction_id, each) for each in listed]


# An older ledger.


def _held_since_s(ledger: Ledger, chosen: Settings, *, asked: bool) -> float:
    """Since when the account is held because its ledger is older, in unix seconds.

    It is held from now on if a store has a mark that the ledger does not know, or the
    user says that it is older. 0 if it is not.

    Raises:
        CommandError: a store does not tell.
    """
    if not ledger.permits.read(chosen.account_id).older:
        try:
            stores = _stores(ledger, chosen)
            found = [u for u in stores if _marks(ledger, u, chosen).are_forgotten()]
        except StoreError as error:
            raise _unreadable(error) from None
        if found or asked:
            where = found[0] if found else "a person"
            ledger.marks.hold_account(chosen.account_id, where)
    return ledger.permits.read(chosen.account_id).older_at_s


def _release(ledger: Ledger, chosen: Settings) -> None:
    """Let the account go on, now that its ledger has what was sent.

    Raises:
        CommandError: a store does not tell.
    """
    try:
        for url in _stores(ledger, chosen):
            _marks(ledger, url, chosen).accept()
    except StoreError as error:
        raise _unreadable(error) from None
    ledger.marks.release(chosen.account_id)


def _known_batches(
    ledger: Ledger, chosen: Settings, older_at_s: float
) -> list[StoredBatch]:
    """What an older ledger knows of the account, with what the stores tell besides.

    Of each batch those jobs that may have been sent without its knowing, the lost
    answers first, for these were sent.

    Raises:
        CommandError: a store or the provider does not tell.
    """
    _let_history_catch_up(ledger, chosen, older_at_s)
    _refuse_unseen_failures(ledger, chosen)
    found, last_s = [], 0.0
    for batch in _own_batches(ledger, chosen):
        doubtful: dict[str, JobRecord] = {}
        for record in ledger.batches.jobs(batch.id):
            last_s = max([last_s, *(a.sent_at_s for a in record.attempts)])
            if record.state in DOUBTFUL:
                doubtful[record.job.id] = record
        if doubtful:
            found.append((batch, doubtful))
    return [_known(ledger, batch, doubtful, last_s) for batch, doubtful in found]


def _known(
    ledger: Ledger,
    batch: BatchRecord,
    doubtful: Mapping[str, JobRecord],
    last_s: float,
) -> StoredBatch:
    """A batch of which everything up to the ledger's last claim is known."""
    order = sorted(doubtful.values(), key=lambda record: record.state not in LOST)
    jobs = tuple(record.job for record in order)
    contents = sorted({c for job in jobs for c in job.contents.values() if c})
    links = ledger.links.find(batch.account, contents) if contents else {}
    try:
        store = Store(batch.store)
        made = read_store(store, store.sizes(), BatchCopy(batch, jobs, links))
    except StoreError as error:
        raise _unreadable(error) from None
    if made.reported_at_s <= last_s:
        # The ledger knows more than this report.
        made.rows = {}
        made.past = {i: r for i, r in made.past.items() if r.state is State.STORED}
    made.now = doubtful
    return made


def _refuse_unseen_failures(ledger: Ledger, chosen: Settings) -> None:
    """Return if no prediction failed that the ledger takes for one that is under way.

    Else its job may have been sent again since, and will be again once it is polled.

    Raises:
        CommandError: one did, or the provider does not say.
    """
    going = {
        record.prediction_id: (Ref(batch.id, record.job.id), record)
        for batch in _own_batches(ledger, chosen)
        for record in ledger.batches.records(
            ledger.batches.refs_in(batch.id, [State.GENERATING, State.OVERDUE])
        )
        if record.prediction_id
    }
    now = _as_they_stand(ledger, chosen, [record for _, record in going.values()])
    failed = [going[each.prediction_id][0] for each in now if each.status in FRUITLESS]
    if failed:
        ledger.delay_queue.extend(chosen.account_id, failed, 0.0)
        names = ", ".join(sorted({ref.batch for ref in failed}))
        raise CommandError(
            f"{len(failed)} predictions have failed, and no worker has looked at them "
            "since; let one that runs do so, or run reelmill collect BATCH for each "
            f"of {names}, and then this again",
            Exit.INCOMPLETE,
        )


def _as_they_stand(
    ledger: Ledger, chosen: Settings, records: Sequence[JobRecord]
) -> list[Listed]:
    """How predictions stand that the ledger takes for under way."""
    asked = [
        Listed(r.prediction_id or "", r.job.model, r.attempt.sent_at_s, "")
        for r in records
    ]
    shown = account.told_more(chosen, asked)
    silent = [each for each in shown if not each.status]
    if not silent:
        return shown
    # A result may be broken for good; the history tells as well how it ended.
    after_s = min(each.created_at_s for each in silent) - CLOCK_SET_S
    models = sorted({each.model for each in silent})
    listed = account.history(chosen, models, after_s, ledger.now_s() - time.time())
    ids = {each.prediction_id for each in silent}
    return [*shown, *(each for each in listed if each.prediction_id in ids)]


def _own_batches(ledger: Ledger, chosen: Settings) -> Iterator[BatchRecord]:
    """The account's batches whose jobs are all in the ledger."""
    for batch in every_batch(ledger):
        is_here = batch.complete and not batch.deleted_at_s
        if is_here and batch.account == chosen.account_id:
            yield batch


def _stores(ledger: Ledger, chosen: Settings) -> set[str]:
    return {chosen.store} | {batch.store for batch in _own_batches(ledger, chosen)}


def _marks(ledger: Ledger, url: str, chosen: Settings) -> StoreMarks:
    return StoreMarks(ledger, Store(url), chosen.account_id)


def _unreadable(error: StoreError) -> CommandError:
    return CommandError(
        f"a store cannot be read: {error}; run this again once it can be",
        Exit.UNREACHABLE,
    )


# What is printed.


def _print(
    batches: Sequence[BatchRecord],
    bad: Sequence[str],
    memory: Memory,
    *,
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
        if _may_cost(batch) and not go_on:
            console.say(
                f"{batch.id} is paused, for some of its rows are still to be paid; "
                f"go on with: reelmill resume {batch.id}"
            )
        if rows := batch.counts.get(State.UNRESOLVED):
            predictions = memory.candidates(batch.id)
            rest = rows - predictions
            never = f", so {rest} of them or more were never sent" if rest > 0 else ""
            console.say(
                f"{batch.id}: {rows} rows are unresolved; {predictions} predictions of "
                f"theirs have no row{never}. Workers compare first frames, and let "
                "wait again what cannot have one; the others: "
                f"reelmill resolve {batch.id} --candidates"
            )


def _document(batch: BatchRecord) -> dict[str, object]:
    return {
        "batch": batch.id,
        "jobs": {str(state): n for state, n in sorted(batch.counts.items())},
        "charged_usd": usd(batch.charged_usd_micros),
        "paused": batch.paused,
    }
