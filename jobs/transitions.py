"""What each event does to a job, its money and its permit: a table and functions.

A `Transition` is a value: the ledger carries it out in one atomic step if the job is
still where the caller believed it, and not at all otherwise. Money is reserved with the
permit, charged when an id is known, released when nothing was created; these
functions are the only place that says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple

from jobs.pace.waits import MAX_GENERATION_S, RETENTION_S
from jobs.quality import Quality
from jobs.records import Attempt, Doubt, Failure, JobRecord
from jobs.states import Event, State

#: Code of the failure of a job that a person gave up.
ABANDONED_CODE = "abandoned"

#: Code of the failure of a job that a person must decide.
UNRESOLVED_CODE = "unresolved"

#: What is written down of an attempt only as long as its answer may be lost.
SOUGHT = ("looked_at", "unanswered_since", "seen", "mark")

#: ... and until it is found.
FOUND = (*SOUGHT, "failure", "candidates", "rejected")

#: What is written down of a finished video until it is stored.
OUTPUT = ("output", "generated_at")

_ATTEMPT_FIELDS = tuple(each.name for each in fields(Attempt))

#: Made once: `json.dumps` would make one for each attempt.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Ref(NamedTuple):
    """Which job: its batch and its id there."""

    batch: str
    job: str

    def __str__(self) -> str:
        return f"{self.batch}/{self.job}"

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """The reference that `str` wrote."""
        batch, _, job = text.partition("/")
        return cls(batch, job)


class Slot(StrEnum):
    """What happens to the concurrency slot."""

    KEEP = "keep"  #: it may still be generating
    TAKE = "take"  #: it is generating after all, even if the slot was given back
    FREE = "free"  #: it is over at the provider, or never began
    LEND = "lend"  #: free after `held_s`
    LEAVE = "leave"  #: the same, but no longer the job's: it may take another


class Token(StrEnum):
    """What happens to the rate token."""

    KEEP = "keep"  #: the request may be on its way
    COUNT = "count"  #: it arrived at the latest now: counts for one more window
    DROP = "drop"  #: it never arrived


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one job, with everything that belongs to it."""

    ref: Ref
    state: State
    event: Event
    #: The one it acts under: an older one changes nothing.
    fencing_token: int
    #: The mark that the claim was made under, if it is one that this move is of.
    mark: str = ""
    #: Seconds until somebody must look at it; ignored where nobody must.
    due_in_s: float = 0.0
    reserved_usd_micros: int = 0
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0
    slot: Slot = Slot.KEEP
    #: Seconds that a slot is held on which is lent or left.
    held_s: float = MAX_GENERATION_S
    token: Token = Token.KEEP
    #: An id that no other job may have; known to the ledger from then on.
    prediction_id: str = ""
    #: The account was over a limit: its batch counts it.
    throttled: bool = False
    #: Fields of the job to write, and to take away.
    write: Mapping[str, str] = field(default_factory=dict)
    erase: tuple[str, ...] = ()


class Effect(NamedTuple):
    """What an event does to a job's permit and money, and which fields it erases."""

    slot: Slot = Slot.KEEP
    token: Token = Token.KEEP
    #: Its reserved money is free again, or charged.
    releases: bool = False
    erase: tuple[str, ...] = ()


#: One row for each event that a function here is of.
EFFECTS = {
    Event.CLAIM: Effect(erase=("again_at",)),
    Event.RETURN: Effect(Slot.FREE, Token.DROP, releases=True),
    Event.REFUSE: Effect(Slot.FREE, Token.COUNT, releases=True),
    Event.LOSE: Effect(token=Token.COUNT),
    Event.ACCEPT: Effect(Slot.KEEP, Token.COUNT, releases=True, erase=FOUND),
    Event.ADOPT: Effect(Slot.TAKE, releases=True, erase=FOUND),
    Event.ABSENT: Effect(
        Slot.FREE, releases=True, erase=(*SOUGHT, "failure", "candidates")
    ),
    Event.GIVE_UP: Effect(Slot.LEND),
    Event.OVERDUE: Effect(Slot.FREE),
    Event.COMPLETE: Effect(Slot.FREE),
    Event.TRY_AGAIN: Effect(Slot.FREE, erase=(*OUTPUT, "failure")),
    Event.FAIL: Effect(Slot.FREE, erase=OUTPUT),
    Event.STORE: Effect(erase=("failure", "candidates")),
    Event.RETRY: Effect(erase=(*OUTPUT, "failure", "rejected", "doubt")),
    Event.DOUBT: Effect(
        Slot.TAKE, erase=(*SOUGHT, *OUTPUT, "failure", "provider_sent_at", "leader")
    ),
    Event.CANCEL: Effect(),
    Event.ABANDON: Effect(Slot.LEAVE, erase=(*OUTPUT, "candidates")),
}


def attempt_field(number: int) -> str:
    """Name of the field that holds an attempt."""
    return f"attempt:{number}"


def attempt_json(attempt: Attempt) -> str:
    """An attempt as the ledger keeps it."""
    # Not `asdict`, which copies deeply and would be half of what a move costs here.
    told = {name: getattr(attempt, name) for name in _ATTEMPT_FIELDS}
    if attempt.failure:
        told["failure"] = asdict(attempt.failure)
    for name in ("charged_usd_micros", "refunded_usd_micros"):
        if not told[name]:
            del told[name]
    return _JSON.encode({name: v for name, v in told.items() if v not in (None, "")})


def attempt_from_json(text: str) -> Attempt:
    """The attempt that `attempt_json` wrote."""
    told = {"sent_at_s": 0.0, "price_usd_micros": None, **json.loads(text)}
    failure = told.get("failure")
    # A worker of another version may say more.
    raw = {name: value for name, value in told.items() if name in _ATTEMPT_FIELDS}
    return Attempt(**{**raw, "failure": Failure(**failure) if failure else None})


def _price(record: JobRecord) -> int:
    return record.job.price_usd_micros or 0


def _move(batch: str, record: JobRecord, event: Event, **more: Any) -> Transition:
    """The move that an event calls for by the table, with what else there is of it."""
    effect = EFFECTS[event]
    made = Transition(
        Ref(batch, record.job.id),
        record.state,
        event,
        record.fencing_token,
        record.mark if record.state is State.SUBMITTING else "",
        reserved_usd_micros=-_price(record) if effect.releases else 0,
        slot=effect.slot,
        token=effect.token,
        erase=("looks", *effect.erase),
    )
    return replace(made, **more)


def _with(
    move: Transition, attempt: Attempt, failure: Failure | None = None
) -> Transition:
    written = {**move.write, attempt_field(attempt.number): attempt_json(attempt)}
    if failure:
        written["failure"] = json.dumps(asdict(failure), ensure_ascii=False)
    return replace(move, write=written)


def claim(
    batch: str,
    record: JobRecord,
    lease_s: float,
    links: Mapping[str, str] | None = None,
    provider_now_s: float | None = None,
    mark: str = "",
) -> Transition:
    """Write the attempt down: only after this may the request leave.

    The ledger's server stamps it with its own time.

    Args:
        batch: the job's batch.
        record: the job as it was read.
        lease_s: seconds until its sender is taken to be dead.
        links: those of its uploaded pictures, by the address that the row has.
        provider_now_s: unix seconds by the provider's clock, if they are known.
        mark: the one that is left of the claim outside of the ledger.
    """
    attempt = Attempt(
        number=len(record.attempts) + 1,
        sent_at_s=0.0,
        outcome="sent",
        price_usd_micros=record.job.price_usd_micros,
    )
    write = {"links": json.dumps(dict(links))} if links else {}
    if mark:
        write["mark"] = mark
    if provider_now_s is not None:
        # Under its permit: an older word must not be taken for this attempt's.
        write["provider_sent_at"] = f"{record.fencing_token} {provider_now_s:.3f}"
    move = _move(batch, record, Event.CLAIM, due_in_s=lease_s, write=write)
    return _with(move, attempt)


def claimed(record: JobRecord, move: Transition, sent_at_s: float) -> JobRecord:
    """The job as it is once its claim was made, without reading it again.

    `sent_at_s` is the server's stamp, in unix seconds by the ledger's clock.
    """
    number = len(record.attempts) + 1
    attempt = attempt_from_json(move.write[attempt_field(number)])
    return replace(
        record,
        state=State.SUBMITTING,
        attempts=(*record.attempts, replace(attempt, sent_at_s=sent_at_s)),
        links=json.loads(move.write.get("links", "null")) or record.links,
        mark=move.write.get("mark", ""),
        polls=0,
    )


def release(
    batch: str,
    record: JobRecord,
    *,
    throttled: bool = False,
    again_at_s: float | None = None,
) -> Transition:
    """Nothing was created: the permit goes back, and the attempt never was one.

    With `again_at_s`, in unix seconds by the ledger's clock, it waits behind all others
    until then.
    """
    write = {} if again_at_s is None else {"again_at": f"{again_at_s:.3f}"}
    move = _move(batch, record, Event.RETURN, throttled=throttled, write=write)
    if record.state is not State.SUBMITTING:
        return move
    gone = ("looks", "provider_sent_at", attempt_field(record.attempt.number))
    return replace(move, erase=gone)


def refuse(batch: str, record: JobRecord, failure: Failure, now_s: float) -> Transition:
    """The provider refused the request; nothing is charged."""
    attempt = replace(
        record.attempt, outcome="refused", ended_at_s=now_s, failure=failure
    )
    return _with(_move(batch, record, Event.REFUSE), attempt, failure)


def mark_unknown(
    batch: str, record: JobRecord, reason: str, poll_in_s: float
) -> Transition:
    """The answer is lost: everything stays reserved until it is found or absent."""
    failure = Failure("answer-lost", reason)
    attempt = replace(record.attempt, outcome="unknown", failure=failure)
    return _with(_move(batch, record, Event.LOSE, due_in_s=poll_in_s), attempt)


def accept(
    batch: str, record: JobRecord, prediction_id: str, first_poll_s: float
) -> Transition:
    """The provider has it and charged it; from a lost answer this is adoption."""
    event = Event.ACCEPT if record.state is State.SUBMITTING else Event.ADOPT
    attempt = replace(
        record.attempt,
        outcome="generating",
        prediction_id=prediction_id,
        charged_usd_micros=_price(record),
        failure=None,
    )
    move = _move(
        batch,
        record,
        event,
        due_in_s=first_poll_s,
        charged_usd_micros=_price(record),
        prediction_id=prediction_id,
    )
    return _with(move, attempt)


def mark_absent(batch: str, record: JobRecord, now_s: float) -> Transition:
    """It is proven that nothing was created: the job may be sent again."""
    attempt = replace(record.attempt, outcome="absent", ended_at_s=now_s)
    move = _move(batch, record, Event.ABSENT)
    if record.doubt:
        # One that does not know of the doubt is no proof, and the ledger refuses it.
        move = replace(move, erase=(*move.erase, "doubt"))
    if record.is_supposed:
        return replace(move, erase=(*move.erase, attempt_field(attempt.number)))
    return _with(move, attempt)


def mark_unresolved(
    batch: str,
    record: JobRecord,
    reason: str,
    poll_in_s: float,
    code: str = UNRESOLVED_CODE,
) -> Transition:
    """It cannot be told by looking: a person decides; the money stays reserved."""
    failure = Failure(code, reason)
    attempt = replace(record.attempt, failure=failure)
    move = _move(batch, record, Event.GIVE_UP, due_in_s=poll_in_s)
    if record.is_supposed:
        # All rows of a batch may be in doubt, and few of them were sent.
        move = replace(move, slot=Slot.FREE)
    return _with(move, attempt, failure)


def overdue(
    batch: str, record: JobRecord, failure: Failure, due_in_s: float
) -> Transition:
    """It generates for far too long: others get its slot, and it is still awaited."""
    told = {"failure": json.dumps(asdict(failure), ensure_ascii=False)}
    return _move(batch, record, Event.OVERDUE, due_in_s=due_in_s, write=told)


def complete(
    batch: str,
    record: JobRecord,
    outputs: Sequence[str],
    now_s: float,
    due_in_s: float,
    failure: Failure | None = None,
) -> Transition:
    """The provider finished the video; it must be fetched.

    `failure` says what it told where the address of a video should be.
    """
    attempt = replace(record.attempt, outcome="completed", ended_at_s=now_s)
    move = _move(
        batch,
        record,
        Event.COMPLETE,
        due_in_s=due_in_s,
        write={"output": " ".join(outputs), "generated_at": repr(now_s)},
        erase=("looks",) if failure else ("looks", "failure"),
    )
    return _with(move, attempt, failure)


def end(
    batch: str,
    record: JobRecord,
    failure: Failure,
    now_s: float,
    *,
    refund: bool,
    again: bool,
) -> Transition:
    """The attempt ended without a video; a new one follows if `again`."""
    back = record.attempt.charged_usd_micros if refund else 0
    attempt = replace(
        record.attempt,
        outcome="failed",
        ended_at_s=now_s,
        refunded_usd_micros=back,
        failure=failure,
    )
    if again and record.doubt:
        ended = replace(record, attempts=(*record.attempts[:-1], attempt))
        move = doubt(batch, ended, record.doubt)
    else:
        move = _move(batch, record, Event.TRY_AGAIN if again else Event.FAIL)
    move = replace(move, refunded_usd_micros=back)
    return _with(move, attempt, None if again else failure)


def store(
    batch: str,
    record: JobRecord,
    video: str,
    size: int,
    sha256: str,
    poster: str | None = None,
    quality: Quality | None = None,
) -> Transition:
    """The video is checked and kept; `size` in bytes, `poster` by its key."""
    kept = {"video": video, "bytes": str(size), "sha256": sha256}
    if poster:
        kept["poster"] = poster
    if quality:
        kept["quality"] = quality.to_text()
    return _move(batch, record, Event.STORE, write=kept)


def retry(batch: str, record: JobRecord, now_s: float = 0.0) -> Transition:
    """A person asks for one more attempt of what has failed or was taken back.

    One that an older ledger may have forgotten is looked for first, while the provider
    still tells of it.
    """
    if record.doubt and now_s < record.doubt.until_s + RETENTION_S:
        return doubt(batch, record, record.doubt)
    return _move(batch, record, Event.RETRY)


def doubt(batch: str, record: JobRecord, when: Doubt) -> Transition:
    """It may have been sent: an attempt stands for that until it is found or absent."""
    number = len(record.attempts) + 1
    supposed = Attempt(
        number=number,
        sent_at_s=when.until_s,
        outcome="unknown",
        price_usd_micros=record.job.price_usd_micros,
        failure=Failure("answer-lost", "the ledger does not know whether it was sent"),
    )
    has_permit = record.state is State.ADMITTED
    move = _move(
        batch,
        record,
        Event.DOUBT,
        reserved_usd_micros=0 if has_permit else _price(record),
        token=Token.DROP if has_permit else Token.KEEP,
        write={"doubt": str(replace(when, attempt=number))},
    )
    return _with(move, supposed)


def cancel(batch: str, record: JobRecord) -> Transition:
    """A person takes it back before it was sent."""
    move = _move(batch, record, Event.CANCEL)
    if record.state is not State.ADMITTED:
        return move
    # Its permit goes back.
    return replace(
        move, reserved_usd_micros=-_price(record), slot=Slot.FREE, token=Token.DROP
    )


def abandon(batch: str, record: JobRecord, now_s: float) -> Transition:
    """A person gives up what is paid: its video is not collected, and stays charged.

    The provider may go on with it, so its slot is held until the longest generation
    that was sent with it is over.
    """
    failure = Failure(
        ABANDONED_CODE,
        f"given up by a person; prediction {record.attempt.prediction_id} is paid "
        "and not collected",
    )
    attempt = replace(
        record.attempt, outcome="abandoned", ended_at_s=now_s, failure=failure
    )
    held_s = max(0.0, record.attempt.sent_at_s + MAX_GENERATION_S - now_s)
    move = _move(batch, record, Event.ABANDON, held_s=held_s)
    return _with(move, attempt, failure)
