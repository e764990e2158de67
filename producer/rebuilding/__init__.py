"""A ledger that is lost, or older than what was sent, put right: the command `rebuild`.

It brings every job to where it was by what the store tells (`recollecting`) and the
provider remembers (`remembering`), and sends nothing. What follows from what is told
is decided in `jobs.rebuilding`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from jobs import rebuilding
from jobs.attempt.fingerprint import FingerprintedJob
from jobs.attempt.reconciling import Adopt, Ambiguous
from jobs.ledger import Ledger
from jobs.money import usd
from jobs.rebuilding import OVER, Doubt, replay
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.transitions import Ref
from producer import console
from producer.batch_copies import copies_in, keep_copy
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Flag, Json, chosen_settings
from producer.rebuilding import comparing
from producer.rebuilding.recollecting import Recollected, recollect
from producer.rebuilding.remembering import Memory, remember

#: What to do about a copy that no batch can be read from, and what not.
MEND = (
    "Put an older version of the file back, if there is one, and run this again. "
    "Do not merely move it away: nothing would know its batch any more, and its "
    "manifest, handed in again, would be paid anew, with all that is stored of it"
)


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
        older_at_s = comparing.held_since_s(own, chosen, asked=older)
        name, ids = _to_rebuild(own, chosen.store, ledger, is_older=bool(older_at_s))
        own.identity.set_if_missing(name)
        batches, bad = recollect(chosen, name, ids)
        if older_at_s:
            batches += comparing.known_batches(own, chosen, older_at_s)
        for batch in batches:
            # What was over may have been tried again since: that is looked for first.
            told = {i: r for i, r in batch.past.items() if r.state not in OVER}
            _put_back(own, batch, told)
        claimed_by_s = older_at_s or own.now_s()
        memory = _settle_doubts(own, chosen, batches, claimed_by_s)
        done = [_opened(own, batch, go_on=yes) for batch in batches]
        comparing.release(own, chosen)
    _say(done, bad, memory, go_on=yes, json=json)
    left = bad or any(map(_unfinished, done))
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


def _put_back(
    ledger: Ledger, batch: Recollected, records: Mapping[str, JobRecord]
) -> None:
    """Bring jobs back to where they were; those that are there already stay."""
    if batch.now:
        comparing.bring_forward(ledger, batch, records)
        return
    made = batch.copy.batch
    ledger.batches.create(made)
    ledger.batches.add(made.id, [record.job for record in records.values()])
    refs = [Ref(made.id, job_id) for job_id in records]
    spent: Counter[str] = Counter()
    for ref, now in zip(refs, ledger.batches.load(refs), strict=True):
        if now is None or now.state is not State.WAITING or now.attempts:
            continue
        record = records[ref.job]
        moves = replay.replay(made.id, record, batch.asks[ref.job])
        if not ledger.transitions.replay(moves):
            raise CommandError(
                f"{ref} could not be put back; reelmill show {made.id} {ref.job}"
            )
        ids = {a.prediction_id: ref for a in record.attempts if a.prediction_id}
        ledger.transitions.remember(made.account, ids)
        spent.update(replay.spent_by_day(record))
    ledger.permits.spent(made.account, spent)


def _settle_doubts(
    ledger: Ledger,
    chosen: Settings,
    batches: Sequence[Recollected],
    claimed_by_s: float,
) -> Memory:
    """Put back all that only the provider can tell the end of; what it remembers."""
    doubts = [doubt for batch in batches for doubt in _doubts(ledger, batch)]
    own = {i: lost for batch in batches for i, lost in batch.own().items()}
    memory = remember(ledger, chosen, doubts, own, claimed_by_s)
    for batch in batches:
        known = {i: r for i, r in batch.past.items() if r.state in OVER}
        known |= _found(batch, memory)
        _put_back(ledger, batch, known)
    for batch in batches:
        # Those of which nothing is known: they reuse, follow or wait, as any new one.
        if not batch.now:
            ledger.batches.add(batch.copy.batch.id, batch.asked())
    return memory


def _doubts(ledger: Ledger, batch: Recollected) -> list[Doubt]:
    """Jobs that may be under way; those whose video another has are none of them."""
    open_jobs = batch.in_doubt()
    made = batch.copy.batch
    shared: set[str] = set()
    if not made.fresh and not batch.now:
        asked = [FingerprintedJob(job, batch.asks[job.id]) for job in open_jobs]
        prospects = ledger.dedup.preview(made, asked)
        pairs = zip(open_jobs, prospects, strict=True)
        shared = {job.id for job, p in pairs if p.state is State.REUSED}
    return [batch.doubt(job) for job in open_jobs if job.id not in shared]


def _found(batch: Recollected, memory: Memory) -> dict[str, JobRecord]:
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
        before, since_s = batch.before(job), batch.likely_since_s(job)
        if isinstance(finding, Adopt):
            own = finding.prediction_id
            at_s = memory.created_at_s[own]
            found[job.id] = rebuilding.adopted(job, own, at_s, before)
        elif isinstance(finding, Ambiguous) and batch.may_be_unresolved(job):
            found[job.id] = rebuilding.unresolved(job, finding, since_s, before, most)
        if job.id in found:
            # By these a worker tells its request from others.
            links = batch.links(job, batch.now.get(job.id))
            found[job.id] = replace(found[job.id], links=links)
    return found


def _opened(ledger: Ledger, batch: Recollected, *, go_on: bool) -> BatchRecord:
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


def _unfinished(batch: BatchRecord) -> bool:
    over = (State.STORED, State.REUSED, State.FAILED, State.CANCELLED)
    return batch.total > sum(batch.counts.get(state, 0) for state in over)


def _may_cost(batch: BatchRecord) -> bool:
    """Whether something of it is still to be paid, or may be."""
    return any(batch.counts.get(s) for s in (State.WAITING, State.UNRESOLVED))


def _say(
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
        rebuilt = [_told(batch) for batch in batches]
        print_json({"rebuilt": rebuilt, "bad_copies": list(bad)})
        return
    for batch in batches:
        counts = ", ".join(f"{n} {state}" for state, n in sorted(batch.counts.items()))
        console.out.print(f"{batch.id}: {counts}", markup=False, soft_wrap=True)
        if _may_cost(batch) and not go_on:
            console.say(
                f"{batch.id} is paused, for some of its rows are still to be paid; "
                f"go on with: reelmill resume {batch.id}"
            )
        if unresolved := batch.counts.get(State.UNRESOLVED):
            console.say(_unresolved(batch.id, unresolved, memory.candidates(batch.id)))


def _unresolved(batch_id: str, rows: int, predictions: int) -> str:
    """What a person should know of rows that may have been sent."""
    rest = rows - predictions
    never = f", so {rest} of them or more were never sent" if rest > 0 else ""
    return (
        f"{batch_id}: {rows} rows are unresolved; {predictions} predictions of theirs "
        f"have no row{never}. Workers compare first frames, and let wait again what "
        f"cannot have one; the others: reelmill resolve {batch_id} --candidates"
    )


def _told(batch: BatchRecord) -> dict[str, object]:
    return {
        "batch": batch.id,
        "jobs": {str(state): n for state, n in sorted(batch.counts.items())},
        "charged_usd": usd(batch.charged_usd_micros),
        "paused": batch.paused,
    }
