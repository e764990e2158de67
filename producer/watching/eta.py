"""Polls batches, and tells when each will be over and what it will have cost.

The plan plays the account's limits through with the generation times that were learnt;
the pace is how fast videos came while they were polled. The more of it was seen, the
more it counts, because it knows of refusals and of others on the account.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from jobs import catalogue
from jobs.catalogue import UnknownModelError
from jobs.ledger import Ledger
from jobs.ledger.snapshots import BatchSnapshot, Kind, Mix
from jobs.pace.eta import Work, makespan
from jobs.pace.limits import Limits
from jobs.states import State

#: The pace is that of the last minutes.
SEEN_S = 600.0

#: Seconds between two moments that are kept to tell the pace.
APART_S = 5.0

#: So many videos, and so many seconds, count as much as the plan.
TRUSTED_VIDEOS, TRUSTED_S = 10, 60.0

#: A pace told from less than this would be that of a burst.
SHORTEST_S = 60.0

#: A model that this version does not know takes so long.
UNKNOWN_TYPICAL_S = 120.0

#: States in which the provider has it, or may have it.
AT_PROVIDER = (State.ADMITTED, State.SUBMITTING, State.UNKNOWN, State.GENERATING)

#: Seconds to the next poll where something has changed, and the most where nothing has.
SOONEST_S, LATEST_S = 1.0, 5.0

#: The wait grows so much with each poll that finds nothing new.
SLOWER = 1.5

#: Seconds between two polls at what waits, and where nothing could be planned yet, as
#: before the first worker has told the account's limits.
MIXED_EVERY_S, UNPLANNED_EVERY_S = 60.0, 5.0

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What was seen of a batch since the watching began."""

    #: Unix seconds and videos that had come or failed by then, oldest first.
    seen: tuple[tuple[float, int], ...] = ()
    #: When it will be over by the plan, in unix seconds; None is not known.
    planned_end_s: float | None = None

    def after(self, now: BatchSnapshot) -> "Pace":
        """The pace once this was seen, too."""
        done = now.count(State.STORED, State.FAILED)
        seen = [*self.seen]
        if len(seen) > 1 and now.now_s - seen[-2][0] < APART_S:
            del seen[-1]
        seen.append((now.now_s, done))
        # From one moment before the window on, or the last at which nothing had come.
        since_s = now.now_s - SEEN_S
        while len(seen) > 1 and (seen[1][0] <= since_s or seen[1][1] <= seen[0][1]):
            del seen[0]
        return replace(self, seen=tuple(seen), planned_end_s=self._planned(now))

    def _planned(self, now: BatchSnapshot) -> float | None:
        # Once nothing waits, what was planned for the last start only comes nearer.
        if now.mix is None or (self.planned_end_s and not now.count(State.WAITING)):
            return self.planned_end_s
        takes_s = planned_s(now, now.mix)
        return None if takes_s is None else now.now_s + takes_s

    @property
    def done(self) -> int:
        """Videos of which it is told."""
        return self.seen[-1][1] - self.seen[0][1] if self.seen else 0

    @property
    def elapsed_s(self) -> float:
        """Seconds in which they came."""
        return self.seen[-1][0] - self.seen[0][0] if self.seen else 0.0

    @property
    def per_minute(self) -> float | None:
        """Videos a minute; None before the first has come."""
        if self.done <= 0 or self.elapsed_s <= 0:
            return None
        return _MINUTE_S * self.done / max(self.elapsed_s, SHORTEST_S)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is expected of a batch."""

    #: Seconds until nothing is left that comes by itself; None if it cannot be told.
    left_s: float | None
    #: What will have been charged then, if nothing more fails, with what comes back
    #: not taken off: a budget counts so.
    projected_usd_micros: int
    #: What it will have cost then: the same, with what came back taken off.
    projected_net_usd_micros: int


def left(now: BatchSnapshot) -> int:
    """Jobs that are still to come by themselves."""
    return now.count(State.WAITING, State.GENERATED, *AT_PROVIDER)


def estimate(now: BatchSnapshot, pace: Pace) -> Estimate:
    """What is expected, by what is seen now and was seen before."""
    projected = charges(now) + to_come(now)
    net = projected - now.batch.refunded_usd_micros
    return Estimate(_left_s(now, pace), projected, net)


def _left_s(now: BatchSnapshot, pace: Pace) -> float | None:
    count = left(now)
    if not count:
        return 0.0 if not now.count(State.FOLLOWING) else None
    if now.count(State.WAITING) and (is_kept(now) or ends_first(now)):
        return None
    planned_s = pace.planned_end_s and max(0.0, pace.planned_end_s - now.now_s)
    rate = pace.per_minute
    if not rate:
        return planned_s
    paced_s = _MINUTE_S * count / rate
    if planned_s is None:
        return paced_s
    videos = pace.done / (pace.done + TRUSTED_VIDEOS)
    trust = videos * pace.elapsed_s / (pace.elapsed_s + TRUSTED_S)
    return trust * paced_s + (1 - trust) * planned_s


def is_kept(now: BatchSnapshot) -> bool:
    """Whether what waits stays where it is until somebody does something."""
    batch, account = now.batch, now.account
    by_a_person = batch.paused or batch.cancelled or batch.aside or account.paused
    by_its_store = batch.held_until_s > now.now_s
    by_money = batch.stopped_by or account.trouble
    return bool(by_a_person or by_its_store or by_money or not now.workers)


def is_short(now: BatchSnapshot) -> bool:
    """Whether the batch's budget ends before all that waits has started."""
    most, more = now.batch.budget_usd_micros, to_come(now)
    return most is not None and more > 0 and charges(now) + more > most


def ends_first(now: BatchSnapshot) -> str:
    """The budget that ends before all that waits has started, in words.

    Empty where none does, or something else keeps the batch now.
    """
    if is_kept(now):
        return ""
    if is_short(now):
        return "the budget"
    most, more = now.account.daily_budget_usd_micros, to_come(now)
    day_is_short = most is not None and now.account.today_usd_micros + more > most
    return "today's budget" if more and day_is_short else ""


def charges(now: BatchSnapshot) -> int:
    """Micro-dollars that count against the budget: charged or reserved."""
    return now.batch.charged_usd_micros + now.batch.reserved_usd_micros


def planned_s(now: BatchSnapshot, mix: Mix) -> float | None:
    """Seconds until all is there, by the limits and the times that are known."""
    limits = now.account.limits
    looked_at = sum(kind.jobs for kind in mix.kinds)
    if limits is None or not looked_at:
        return None
    adaptive = now.account.adaptive_concurrency
    if adaptive is not None:
        at_once = max(1, min(adaptive, limits.concurrent_videos))
        limits = Limits(limits.videos_per_minute, at_once)
    waiting = now.count(State.WAITING)
    works = _works(mix, (waiting + mix.beside) / looked_at if waiting else 0.0)
    begun = _works(mix, now.count(*AT_PROVIDER) / looked_at)
    cooling_s = max(0.0, now.account.cooling_until_s - now.now_s)
    return cooling_s + makespan(works, limits, under_way=begun).likely_s


def _works(mix: Mix, times: float) -> list[Work]:
    """So many times the videos that were looked at."""
    return [
        Work(math.ceil(kind.jobs * times), _typical_s(kind), kind.learnt_s)
        for kind in mix.kinds
        if times
    ]


def _typical_s(kind: Kind) -> float:
    with suppress(UnknownModelError):  # queued by a newer version
        model = catalogue.builtin().find(kind.model)
        return model.typical_s({"duration": kind.duration_s})
    return UNKNOWN_TYPICAL_S


def to_come(now: BatchSnapshot) -> int:
    """Micro-dollars of what waits, if it costs what the rest does on average.

    It costs no more than is left of the estimate, which knows the dear ones. What has
    no price in the list counts as nothing.
    """
    batch = now.batch
    own = batch.total - now.count(State.REUSED, State.FOLLOWING) - batch.unpriced
    waiting = min(now.count(State.WAITING), own)
    if own <= 0:
        return 0
    begun = now.spent_usd_micros + batch.reserved_usd_micros
    most = max(0, batch.estimated_usd_micros - begun)
    return min(most, batch.estimated_usd_micros * waiting // own)


class Poller:
    """Polls some batches, and keeps what was seen of their pace."""

    def __init__(self, ledger: Ledger, batch_ids: Sequence[str]) -> None:
        self._ledger = ledger
        self._batch_ids = list(batch_ids)
        self._news: list[object] = []
        self._mixed_from_s = 0.0
        self._now_s = 0.0
        #: What was seen of each batch, by its id.
        self.paces = {batch_id: Pace() for batch_id in batch_ids}
        #: Seconds to wait before the next poll.
        self.rest_s = SOONEST_S

    def poll(self) -> list[BatchSnapshot]:
        """How the batches stand.

        Raises:
            LookupError: one of them is not there.
        """
        mixed = self._now_s >= self._mixed_from_s
        nows = self._ledger.snapshots.take(self._batch_ids, mixed=mixed)
        self._now_s = max(now.now_s for now in nows)
        for now in nows:
            self.paces[now.batch.id] = self.paces[now.batch.id].after(now)
        if mixed:
            planned = all(
                self.paces[n.batch.id].planned_end_s or not left(n) for n in nows
            )
            every_s = MIXED_EVERY_S if planned else UNPLANNED_EVERY_S
            self._mixed_from_s = self._now_s + every_s
        news = [now.news for now in nows]
        still = news == self._news
        self.rest_s = min(LATEST_S, self.rest_s * SLOWER) if still else SOONEST_S
        self._news = news
        return nows
