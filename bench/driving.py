"""Jobs driven through the ledger by its own moves, in blocks, without a provider.

What a worker does between its requests is done here at once: the same scripts, with the
same fields. The records that the moves lead to are worked out, so none is read twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from jobs import moves
from jobs.ledger import Ledger
from jobs.ledger.moves import Moved
from jobs.moves import Move, Ref, attempt_from_json
from jobs.records import Attempt, JobRecord
from jobs.states import Event, State, after

#: Jobs of one round trip.
BLOCK = 500

#: Seconds until whoever takes a job must be done with it.
LEASE_S = 120.0

#: As long as the provider's own.
_OUTPUT = "https://d1q70pf5vjeyhc.cloudfront.net/predictions/{id}/1.mp4"

#: Size of a video, in bytes.
VIDEO_BYTES = 4_218_337

#: The jobs of a block, by their refs.
Records = Mapping[Ref, JobRecord]

#: The move that each of them makes.
Step = Callable[[Ref, JobRecord], Move]


class Stuck(Exception):  # noqa: N818 - a state of the play, not an error of code
    """A move that should have been made was not."""


def prediction_id(ref: Ref, permit: int) -> str:
    """An id as the provider gives them, the same for the same attempt."""
    return blake2b(f"{ref}#{permit}".encode(), digest_size=16).hexdigest()


def moved(record: JobRecord, move: Move, now_s: float) -> JobRecord:
    """The record as a made move leaves it, as far as further moves need it."""
    if move.event is Event.CLAIM:
        return moves.claimed(record, move, now_s)
    state = after(record.state, move.event)
    attempts: dict[int, Attempt] = {each.number: each for each in record.attempts}
    for name, text in move.write.items():
        if name.startswith("attempt:"):
            attempt = attempt_from_json(text)
            attempts[attempt.number] = attempt
    erased = {name for name in move.erase if name.startswith("attempt:")}
    kept = [a for n, a in attempts.items() if moves.attempt_field(n) not in erased]
    return replace(record, state=state, attempts=tuple(kept))


def loaded(ledger: Ledger, refs: Sequence[Ref]) -> dict[Ref, JobRecord]:
    """The records of these jobs."""
    found = ledger.batches.load(refs)
    return {ref: rec for ref, rec in zip(refs, found, strict=True) if rec}


def stepped(ledger: Ledger, records: Records, step: Step) -> dict[Ref, JobRecord]:
    """Make a move of each job in one round trip; the records they lead to.

    Raises:
        Stuck: one was not made.
    """
    made = {ref: step(ref, record) for ref, record in records.items()}
    answers = ledger.moves.make(list(made.values()))
    for ref, answer in zip(made, answers, strict=True):
        if answer is not Moved.YES:
            raise Stuck(f"{ref} cannot {made[ref].event} from {made[ref].state}")
    now_s = ledger.now_s()
    return {ref: moved(records[ref], move, now_s) for ref, move in made.items()}


def to_generating(
    ledger: Ledger, account: str, look_s: float
) -> Iterator[dict[Ref, JobRecord]]:
    """Let all that waits be accepted, block by block; first looks are in `look_s`."""
    while refs := ledger.permits.grant(account, BLOCK, LEASE_S):
        yield accepted(ledger, refs, look_s)


def accepted(
    ledger: Ledger, refs: Sequence[Ref], look_s: float
) -> dict[Ref, JobRecord]:
    """Let jobs that hold a permit be accepted."""
    claimed = stepped(
        ledger,
        loaded(ledger, refs),
        lambda ref, rec: moves.claim(ref.batch, rec, LEASE_S),
    )
    return stepped(
        ledger,
        claimed,
        lambda ref, rec: moves.accept(
            ref.batch, rec, prediction_id(ref, rec.permit), look_s
        ),
    )


def to_stored(
    ledger: Ledger, account: str, now_s: Callable[[], float]
) -> Iterator[dict[Ref, JobRecord]]:
    """Let all that is due be completed and stored, block by block."""
    while leased := ledger.due.lease(account, BLOCK, LEASE_S):
        refs = [ref for ref, state in leased if state is State.GENERATING]
        completed = stepped(
            ledger,
            loaded(ledger, refs),
            lambda ref, rec: moves.complete(
                ref.batch, rec, _OUTPUT.format(id=rec.prediction_id), now_s(), LEASE_S
            ),
        )
        yield stepped(ledger, completed, stored)


def stored(ref: Ref, record: JobRecord) -> Move:
    """A video was stored, whose place and size are made up."""
    place = f"s3://videos/{record.job.key}"
    sha256 = blake2b(place.encode(), digest_size=32).hexdigest()
    return moves.store(ref.batch, record, place, VIDEO_BYTES, sha256)
