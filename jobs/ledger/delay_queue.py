"""The delay queue: who must be looked at, and when; and what tasks failed over.

It is the truth that messages only hint at. Whoever is sent for a job holds a lease on
it, that is, the job is due again when the lease ends; work that takes longer extends
it, and the work of a dead process comes back by itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from jobs.ledger import keys
from jobs.ledger.server import Part
from jobs.records import Failure
from jobs.states import State
from jobs.transitions import Ref

NOTHING: Mapping[Ref, Failure] = MappingProxyType({})


class DelayQueue(Part):
    """Leases on what is due, by account."""

    def lease(
        self, account_id: str, most: int, lease_s: float
    ) -> list[tuple[Ref, State | None]]:
        """Take up to `most` that are due; a batch that is over comes without state."""
        flat = self._run("lease", account_id, most, lease_s)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [
            (Ref.parse(ref), State(state) if state else None) for ref, state in pairs
        ]

    def extend(self, account_id: str, refs: Iterable[Ref], lease_s: float) -> None:
        """Keep these for another lease: the work on them goes on."""
        self._set(account_id, dict.fromkeys(refs, lease_s), look="")

    def postpone(
        self,
        account_id: str,
        waits_s: dict[Ref, float],
        *,
        polled: bool = True,
        unanswered: bool = False,
        apart_s: float = 0.0,
        late: Mapping[Ref, Failure] = NOTHING,
    ) -> None:
        """Look at these again after so many seconds.

        Args:
            account_id: whose jobs.
            waits_s: seconds for each; one that is not due at all stays so.
            polled: count a look for each; not where nobody looked.
            unanswered: the look brought no answer, so it is not counted either; since
                when that is so is written down.
            apart_s: a look counts only if the last one that did is so long ago.
            late: those that generate far beyond the times of their kind, and since
                when; written down with each that still does.
        """
        look = "unanswered" if unanswered else str(apart_s) if polled else ""
        self._set(account_id, waits_s, look=look, late=late)

    def late(self, account_id: str, most: int) -> list[Ref]:
        """Jobs that generate far beyond the times of their kind, the oldest first."""
        refs = self._server.zrange(keys.account(account_id, "late"), 0, most - 1)
        return [Ref.parse(ref) for ref in refs]

    def bring_forward(
        self, account_id: str, kind: tuple[str, int], took_s: float, poll_min_s: float
    ) -> int:
        """One was done sooner than expected: poll those sooner that nobody has polled.

        Nobody's lease is broken, and they are spread over some seconds. What is
        accepted in the next minute is polled as soon.

        Args:
            account_id: whose jobs.
            kind: model and seconds of video.
            took_s: seconds from the sending of a job after which to poll it.
            poll_min_s: least seconds after the sending.

        Returns:
            How many are polled sooner now.
        """
        name = f"{kind[0]}:{kind[1]}"
        args = (self._now(), account_id, name, took_s, poll_min_s)
        return int(self._scripts.run("bring_forward", *args))

    def report_version(self, batch_id: str) -> str:
        """Which version a report of the batch is that is begun now."""
        return self._server.hget(keys.batch(batch_id), "report_version") or "0"

    def drop_batch(self, account_id: str, batch_id: str, version: str) -> None:
        """A batch was reported in this version; it is due at once if it has changed."""
        self._run("drop", account_id, batch_id, version)

    def count(self, account_id: str) -> int:
        """How many stand in the due-set."""
        return self._server.zcard(keys.account(account_id, "due"))

    def _set(
        self,
        account_id: str,
        waits_s: dict[Ref, float],
        *,
        look: str,
        late: Mapping[Ref, Failure] = NOTHING,
    ) -> None:
        if not waits_s:
            return
        args: list[object] = []
        for ref, wait_s in waits_s.items():
            why = json.dumps(asdict(late[ref])) if ref in late else ""
            args += (ref, wait_s, why)
        self._run("postpone", account_id, look, *args)


#: No job is left alone for longer.
MAX_WAIT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Crash:
    """A task failed over a job or a batch, lately."""

    ref: Ref
    #: Which task, and how.
    words: str
    #: How often in a row.
    times: int
    #: Seconds until it is due again; negative if it is.
    in_s: float


class Crashes(Part):
    """The crashes of tasks, by account."""

    def add(self, account_id: str, ref: Ref, words: str, first_s: float) -> float:
        """A task failed over it; seconds until it is due again, if it is due at all.

        Args:
            account_id: whose job.
            ref: the job, or the batch (`B/`).
            words: which task failed and how, without anything secret.
            first_s: seconds after the first time.
        """
        waits = (first_s, MAX_WAIT_S)
        return float(self._run("crash", account_id, ref, words, *waits))

    def recent(self, account_id: str) -> list[Crash]:
        """Those that may not be over, the most frequent first."""
        flat = self._run("crashes", account_id)
        found = [
            Crash(Ref.parse(ref), facts["words"], facts["times"], float(in_s))
            for ref, text, in_s in zip(*[iter(flat)] * 3, strict=True)
            for facts in [json.loads(text)]
        ]
        return sorted(found, key=lambda crash: -crash.times)
