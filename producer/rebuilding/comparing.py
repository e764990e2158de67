"""An older ledger beside what was sent since: what it knows is brought forward.

It takes for waiting what was sent since, and would send it again. So each job that
waits is looked for, in its store and at the provider, as those of a lost ledger are;
beside those whose answers are lost, for some of what is found is theirs.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from jobs.ledger import Ledger
from jobs.ledger.marks import StoreMarks
from jobs.provider.answers import FRUITLESS, Listed
from jobs.rebuilding import OVER, TO_BE_SENT, replay
from jobs.rebuilding.copies import BatchCopy
from jobs.rebuilding.replay import LOST
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import Store, StoreError
from jobs.transitions import Ref
from producer import account
from producer.exits import CommandError, Exit
from producer.rebuilding.recollecting import CLOCK_SET_S, Recollected, told_by_store
from producer.rebuilding.remembering import let_history_catch_up
from producer.statement import every_batch

#: States of jobs that may have been sent after what an older ledger knows: it would
#: send them again, or has taken them for over.
DOUBTFUL = LOST | OVER | TO_BE_SENT

#: Jobs of a batch whose predictions show whether the provider shows what was sent.
MAX_WITNESSES = 5


def held_since_s(ledger: Ledger, chosen: Settings, *, asked: bool) -> float:
    """Since when the account is held because its ledger is older, in unix seconds.

    It is held from now on if a store has a mark that the ledger does not know, or a
    person says that it is older. 0 if it is not.

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


def known_batches(
    ledger: Ledger, chosen: Settings, older_at_s: float
) -> list[Recollected]:
    """What an older ledger knows of the account, with what the stores tell besides.

    Of each batch those jobs that may have been sent without its knowing, the lost
    answers first, for these were sent.

    Raises:
        CommandError: a store or the provider does not tell.
    """
    let_history_catch_up(ledger, chosen, older_at_s)
    _must_be_looked_at(ledger, chosen)
    found, last_s = [], 0.0
    claimed_s: dict[str, float] = defaultdict(float)
    for batch in _own_batches(ledger, chosen):
        doubtful: dict[str, JobRecord] = {}
        sent: list[JobRecord] = []
        for record in ledger.batches.jobs(batch.id):
            last_s = max([last_s, *(a.sent_at_s for a in record.attempts)])
            if record.attempts and record.attempt.prediction_id:
                own_s = record.provider_sent_at_s or 0.0
                claimed_s[batch.store] = max(claimed_s[batch.store], own_s)
            if record.state in DOUBTFUL:
                doubtful[record.job.id] = record
            elif record.prediction_id and len(sent) < MAX_WITNESSES:
                sent.append(record)
        if doubtful:
            found.append((batch, doubtful, sent))
    # Whatever it has forgotten was claimed after all of the same store that it knows,
    # for nothing more is sent where a mark is not known. Its own clock may have been
    # set since.
    ahead_s = account.clock_ahead_s(chosen, ledger.now_s() - time.time())
    known = [_known(ledger, *told, last_s) for told in found]
    for each in known:
        newest_s = claimed_s[each.copy.batch.store]
        each.forgotten_s = newest_s - ahead_s if newest_s else 0.0
    return known


def bring_forward(
    ledger: Ledger, batch: Recollected, records: Mapping[str, JobRecord]
) -> None:
    """Bring jobs that a ledger knows to where they were.

    Raises:
        CommandError: one cannot be brought there.
    """
    made, spent = batch.copy.batch, Counter[str]()
    refs = [Ref(made.id, job_id) for job_id in records]
    # Read anew: while the history was looked at a lease may have run out.
    for ref, now in zip(refs, ledger.batches.load(refs), strict=True):
        record = records[ref.job]
        if now is None:
            continue
        if made.cancelled and now.state is State.ADMITTED:
            continue  # it is cancelled as soon as a worker sees it
        steps = replay.forward(made.id, now, record)
        if not steps:
            continue
        if not ledger.transitions.replay(steps):
            raise CommandError(
                f"{ref} has gone on meanwhile; run the same command again",
                Exit.INCOMPLETE,
            )
        if now.state not in LOST:
            new = replay.new_attempts(now, record)
            ids = {a.prediction_id: ref for a in new if a.prediction_id}
            ledger.transitions.remember(made.account, ids)
            spent.update(replay.spent_by_day(replay.with_attempts(record, new)))
    ledger.permits.spent(made.account, spent)


def release(ledger: Ledger, chosen: Settings) -> None:
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


def _must_be_looked_at(ledger: Ledger, chosen: Settings) -> None:
    """Return if no prediction failed that the ledger takes for one that is under way.

    Else its job may have been sent again since, and will be again once it is looked at.

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
    records = [record for _, record in going.values()]
    told = _as_told(ledger, chosen, records)
    failed = [going[each.prediction_id][0] for each in told if each.status in FRUITLESS]
    if failed:
        ledger.delay_queue.extend(chosen.account_id, failed, 0.0)
        names = ", ".join(sorted({ref.batch for ref in failed}))
        raise CommandError(
            f"{len(failed)} predictions have failed, and no worker has looked at them "
            "since; let one that runs do so, or run reelmill collect BATCH for each "
            f"of {names}, and then this again",
            Exit.INCOMPLETE,
        )


def _as_told(
    ledger: Ledger, chosen: Settings, records: Sequence[JobRecord]
) -> list[Listed]:
    """How predictions stand that the ledger takes for under way."""
    asked = [
        Listed(r.prediction_id or "", r.job.model, r.attempt.sent_at_s, "")
        for r in records
    ]
    told = account.told_more(chosen, asked)
    silent = [each for each in told if not each.status]
    if not silent:
        return told
    # A result may be broken for good; the history tells as well how it ended.
    after_s = min(each.created_at_s for each in silent) - CLOCK_SET_S
    models = sorted({each.model for each in silent})
    listed = account.history(chosen, models, after_s, ledger.now_s() - time.time())
    ids = {each.prediction_id for each in silent}
    return [*told, *(each for each in listed if each.prediction_id in ids)]


def _known(
    ledger: Ledger,
    batch: BatchRecord,
    doubtful: Mapping[str, JobRecord],
    sent: Sequence[JobRecord],
    last_s: float,
) -> Recollected:
    """A batch of which everything up to the ledger's last claim is known."""
    order = sorted(doubtful.values(), key=lambda record: record.state not in LOST)
    jobs = tuple(record.job for record in order)
    contents = sorted({c for job in jobs for c in job.contents.values() if c})
    links = ledger.links.find(batch.account, contents) if contents else {}
    try:
        store = Store(batch.store)
        told = told_by_store(store, store.sizes(), BatchCopy(batch, jobs, links))
    except StoreError as error:
        raise _unreadable(error) from None
    if told.reported_at_s <= last_s:
        # The ledger knows more than this report.
        told.rows = {}
        told.past = {i: r for i, r in told.past.items() if r.state is State.STORED}
    told.now = doubtful
    told.witnesses = {
        record.prediction_id: told.sent(record.job, record)
        for record in sent
        if record.prediction_id
    }
    return told


def _unreadable(error: StoreError) -> CommandError:
    return CommandError(
        f"a store cannot be read: {error}; run this again once it can be",
        Exit.UNREACHABLE,
    )
