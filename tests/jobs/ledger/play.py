"""What the tests of the ledger play with: batches, and the move for every event."""

from dataclasses import replace
from functools import partial
from typing import Any

from jobs import transitions
from jobs.attempt.failures import THROTTLED, Rejection
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.ledger.permits import Verdict
from jobs.ledger.transitions import Applied
from jobs.pace.limits import Limits
from jobs.records import BatchRecord, Doubt, Failure, JobRecord
from jobs.states import Event, State
from jobs.transitions import Ref, Transition

ACCOUNT = "acme"
PRICE = 210_000
LEASE_S = 30.0
FIRST = Ref("spring", "row-1")
POSTER = "spring/row-1.poster.jpg"
#: Events that the ledger's own steps bring about, for no move asks for them.
OWN_STEPS = frozenset({Event.GRANT, Event.FOLLOW, Event.LEAD, Event.REUSE, Event.SPARE})
PLENTY = Limits(videos_per_minute=100_000, concurrent_videos=100_000)


def a_job(number: int, price: int | None = PRICE) -> Job:
    return Job(
        id=f"row-{number}",
        line=number,
        model="kwaivgi/kling-v2.6-std/image-to-video",
        inputs={"image": "https://example.com/mug.jpg", "duration": 5},
        price_usd_micros=price,
        key=f"row-{number}.mp4",
    )


def a_batch(batch_id: str = "spring", **changes: Any) -> BatchRecord:
    fields: dict[str, Any] = {
        "manifest": "spring.csv",
        "account": ACCOUNT,
        "store": "videos",
        "priority": 1,
        "attempts": 3,
        "budget_usd_micros": None,
        "created_at_s": 1_000.0,
        "complete": False,
    }
    return BatchRecord(id=batch_id, **{**fields, **changes})


def open_batch(
    ledger: Ledger,
    batch_id: str = "spring",
    jobs: int = 3,
    price: int | None = PRICE,
    **changes: Any,
) -> list[Ref]:
    """A batch whose jobs wait for permits; its refs in order."""
    assert ledger.batches.create(a_batch(batch_id, **changes))
    several = [a_job(number, price) for number in range(1, jobs + 1)]
    assert ledger.batches.add(batch_id, several) == jobs
    ledger.batches.open(batch_id)
    return [Ref(batch_id, job.id) for job in several]


def record_of(ledger: Ledger, ref: Ref) -> JobRecord:
    (record,) = ledger.batches.load([ref])
    assert record is not None
    return record


#: When an older ledger may have forgotten that something was sent, and states of jobs
#: that are in doubt once they failed.
DOUBT = Doubt(0.0, 0.0)
UNDER_WAY = frozenset({State.GENERATING, State.OVERDUE, State.GENERATED})


def batch_of(ledger: Ledger, batch_id: str = "spring") -> BatchRecord:
    batch = ledger.batches.read(batch_id)
    assert batch is not None
    return batch


def move_by(
    batch: str,
    record: JobRecord,
    event: Event,
    prediction_id: str = "p1",
    now_s: float = 0.0,
) -> Transition:
    """The move that an event calls for, as the worker would make it."""
    failure = Failure("some-code", "some words")
    url = "https://files.example.com/1.mp4"
    accept = partial(transitions.accept, batch, record, prediction_id, 40.0)
    end = partial(transitions.end, batch, record, failure, now_s)
    makers = {
        Event.CLAIM: partial(transitions.claim, batch, record, LEASE_S),
        Event.RETURN: partial(transitions.release, batch, record),
        Event.REFUSE: partial(transitions.refuse, batch, record, failure, now_s),
        Event.LOSE: partial(transitions.mark_unknown, batch, record, "no answer", 5.0),
        Event.ACCEPT: accept,
        Event.ADOPT: accept,
        Event.ABSENT: partial(transitions.mark_absent, batch, record, now_s),
        Event.GIVE_UP: partial(
            transitions.mark_unresolved, batch, record, "two", 3_600.0
        ),
        Event.OVERDUE: partial(transitions.overdue, batch, record, failure, 600.0),
        Event.COMPLETE: partial(
            transitions.complete, batch, record, [url], now_s, LEASE_S
        ),
        Event.TRY_AGAIN: partial(end, refund=True, again=True),
        Event.FAIL: partial(end, refund=False, again=False),
        Event.STORE: partial(
            transitions.store,
            batch,
            record,
            "row-1.mp4",
            1_000,
            "ab" * 32,
            poster=POSTER,
        ),
        Event.CANCEL: partial(transitions.cancel, batch, record),
        Event.ABANDON: partial(transitions.abandon, batch, record, now_s),
        Event.RETRY: partial(transitions.retry, batch, record),
        Event.DOUBT: partial(transitions.doubt, batch, record, DOUBT),
    }
    if event is Event.DOUBT and record.state in UNDER_WAY:
        end = partial(transitions.end, batch, replace(record, doubt=DOUBT), failure)
        return end(now_s, refund=True, again=True)
    return makers[event]()


def play(
    ledger: Ledger,
    ref: Ref,
    *events: Event,
    prediction_id: str = "p1",
    now_s: float = 0.0,
) -> JobRecord:
    """Transition a job along; where it is then."""
    for event in events:
        record = record_of(ledger, ref)
        move = move_by(ref.batch, record, event, prediction_id, now_s)
        assert ledger.transitions.apply([move]) == [Applied.YES]
    return record_of(ledger, ref)


def reject(
    ledger: Ledger,
    ref: Ref = FIRST,
    cause: str = THROTTLED,
    cooldown_s: float = 10.0,
    reason: str = "busy",
    consecutive_before: int | None = None,
) -> Verdict:
    """Tell the account that a job's request was rejected, as its worker would."""
    (record,) = ledger.batches.load([ref])
    if consecutive_before is None:
        consecutive_before = ledger.permits.read(ACCOUNT).consecutive_rejections
    fencing_token = record.fencing_token if record else 1
    rejection = Rejection(
        ref, fencing_token, cause, reason, cooldown_s, consecutive_before
    )
    return ledger.permits.reject(ACCOUNT, rejection)


def grant(ledger: Ledger, most: int = 1_000) -> list[Ref]:
    return ledger.permits.grant(ACCOUNT, most, LEASE_S)


def leased(ledger: Ledger, most: int = 1_000) -> list[Ref]:
    return [ref for ref, _ in ledger.delay_queue.lease(ACCOUNT, most, LEASE_S)]


def everything(ledger: Ledger) -> dict[str, object]:
    """All that the server holds, to see whether something changed."""
    ask = ledger.server.execute_command
    readers = {
        "hash": ("HGETALL",),
        "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
        "set": ("SMEMBERS",),
        "list": ("LRANGE", 0, -1),
        "string": ("GET",),
    }
    found: dict[str, object] = {}
    for key in ask("KEYS", "*"):
        command, *rest = readers[ask("TYPE", key)]
        found[key] = ask(command, key, *rest)
    return found
