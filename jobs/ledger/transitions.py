"""Moving jobs: the only way that a job's state, money or permit ever changes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

from jobs.ledger import keys
from jobs.ledger.server import Call, Part
from jobs.pace.limits import WINDOW_S
from jobs.records import Doubt, JobRecord
from jobs.states import WATCHED, State, after
from jobs.transitions import Ref, Transition

#: A job, its state, when it may have been sent, and the links of its uploads.
DoubtOf = tuple[Ref, State, Doubt, Mapping[str, str]]

#: Predictions that one script call asks for or writes down.
OWNERS = 500

#: Days that predictions are remembered, as the scripts have it; the provider lists
#: them for seven.
REMEMBERED_DAYS = 9

#: An attempt that was sent longer ago takes no prediction any more: whose those of its
#: time are may be forgotten, and it could take another row's.
ADOPTABLE_S = (REMEMBERED_DAYS - 1) * 86_400.0


class Applied(IntEnum):
    """Whether a move was made."""

    YES = 1  #: it was
    NO = 0  #: the job was elsewhere already, or under a newer permit
    TAKEN = -1  #: its prediction belongs to an attempt already


def _moved(answer: object) -> Applied:
    """What became of a move; one that was a claim is answered with its stamp."""
    return Applied(min(int(float(str(answer))), Applied.YES))


class Transitions(Part):
    """Carries out moves, each in one atomic step."""

    def apply(self, moves: Sequence[Transition]) -> list[Applied]:
        """Make these moves in one round trip; what became of each, in order.

        Raises:
            IllegalTransitionError: the state table has no such move; nothing was sent.
        """
        calls = [self._call(move) for move in moves]
        return [_moved(answer) for answer in self._scripts.run_all(calls)]

    def claim(self, claims: Sequence[Transition]) -> list[float | None]:
        """Make these claims in one round trip; the server's stamp of each, in order.

        A stamp is in unix seconds by the server's clock; None where it was not made.
        """
        answers = self._scripts.run_all([self._call(move) for move in claims])
        return [
            float(answer) if _moved(answer) is Applied.YES else None
            for answer in answers
        ]

    def note_candidates(self, ids: Mapping[tuple[Ref, int], Iterable[str]]) -> None:
        """Write down which predictions looks took for candidates, by job and permit."""
        pipeline = self._server.pipeline(transaction=False)
        for (ref, fencing_token), seen in ids.items():
            text = " ".join((str(fencing_token), *seen))
            pipeline.execute_command("HSET", keys.job(ref), "seen", text)
        pipeline.execute()

    def replay(self, moves: Sequence[Transition]) -> bool:
        """Make these moves of one job in one step; whether all of them were made.

        Only for a job that nothing has happened to: see `jobs.rebuilding.moves`.
        """
        answers = self._scripts.run_together([self._call(move) for move in moves])
        return all(_moved(answer) is Applied.YES for answer in answers)

    def doubt(self, account_id: str, doubts: Iterable[DoubtOf]) -> int:
        """Write down that jobs may have been sent again, if they are in that state.

        Returns:
            How many are elsewhere by now.
        """
        args: list[object] = []
        for ref, state, when, links in doubts:
            args += (ref, state, when, json.dumps(dict(links)) if links else "")
        return len(self._run("doubt", account_id, *args)) if args else 0

    def remember(self, account_id: str, owners: Mapping[str, Ref]) -> None:
        """Write down whose these earlier predictions were, by their ids."""
        flat = [part for owner in owners.items() for part in owner]
        for start in range(0, len(flat), 2 * OWNERS):
            block = flat[start : start + 2 * OWNERS]
            self._run("remember", account_id, *block)

    def renew(self, batch_id: str, record: JobRecord, output: str) -> bool:
        """Its finished video is to be had by another link; False if it went on."""
        ref = Ref(batch_id, record.job.id)
        old = record.output or ""
        return bool(self._scripts.run("renew", ref, record.fencing_token, old, output))

    def owner(self, account_id: str, prediction_id: str) -> Ref | None:
        """The job that a prediction of the last days belongs to, if one has it."""
        (ref,) = self._owners(account_id, [prediction_id])
        return Ref.parse(ref) if ref else None

    def known(self, account_id: str, prediction_ids: Sequence[str]) -> set[str]:
        """Those of these predictions of the last `REMEMBERED_DAYS` that a job has."""
        return set(self.owners(account_id, prediction_ids))

    def owners(self, account_id: str, prediction_ids: Sequence[str]) -> dict[str, Ref]:
        """The job of each of these predictions of those days that a job has."""
        found = self._owners(account_id, prediction_ids)
        pairs = zip(prediction_ids, found, strict=True)
        return {name: Ref.parse(owner) for name, owner in pairs if owner}

    def _owners(self, account_id: str, prediction_ids: Sequence[str]) -> list[str]:
        """The ref of each of these predictions; empty where no job has it."""
        owners: list[str] = []
        for start in range(0, len(prediction_ids), OWNERS):
            block = prediction_ids[start : start + OWNERS]
            owners += self._run("owners", account_id, *block)
        return owners

    def _call(self, move: Transition) -> Call:
        target = after(move.state, move.event)
        writes = [part for pair in move.write.items() for part in pair]
        return "transition", (
            self._now(),
            move.ref,
            move.state,
            target,
            f"{move.fencing_token}:{move.mark}" if move.mark else move.fencing_token,
            repr(float(move.due_in_s)) if target in WATCHED else "",
            move.reserved_usd_micros,
            move.charged_usd_micros,
            move.refunded_usd_micros,
            move.slot,
            move.token,
            move.held_s,
            WINDOW_S,
            move.prediction_id,
            int(move.throttled),
            len(move.write),
            *writes,
            *move.erase,
        )
