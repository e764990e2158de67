"""When to poll a prediction, by how long those of its kind took.

Polls come as often as the provider allows while most predictions end, and at growing
distance before that and after it. Everything is a pure function of seconds since the
request was sent; jitter, a number in [0, 1), is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: Finished generations that are enough to trust over the catalogue's figure.
ENOUGH_LEARNT = 5

#: The first poll is never later than this.
LATEST_FIRST_POLL_S = 300.0

#: Before enough is learnt the first poll is after this share of the catalogue's figure,
#: at most so late: nobody publishes times, and the figure may be far off.
PLANNED_SHARE, PLANNED_FIRST_POLL_S = 0.4, 30.0

#: Polls that are aimed at, of those that one as often as allowed would take.
AIM = 0.47

#: Polls come close between the ends of these shares of predictions; the widest pair is
#: taken that keeps to the aim.
SHARES = (
    *((0.01, 0.97), (0.02, 0.96), (0.04, 0.94), (0.06, 0.92), (0.08, 0.9)),
    *((0.1, 0.88), (0.12, 0.86), (0.15, 0.83), (0.15, 0.7), (0.15, 0.45)),
)

#: Gaps as shares of the time so far: before polls come close, because it may be quicker
#: tonight, and after it.
EARLY_SHARE, LATE_SHARE = 0.5, 0.1

#: Longest gap after that, and longest for what takes longer than nearly all do.
LATE_GAP_S, STUCK_GAP_S = 15.0, 60.0
STUCK_AFTER_S = 900.0


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """When to poll predictions of one model and duration."""

    #: Least seconds between two polls.
    poll_min_s: float
    #: Polls are as close as that while this old predictions end.
    from_s: float
    until_s: float

    @classmethod
    def of(
        cls, learnt_s: Sequence[float], typical_s: float, poll_min_s: float
    ) -> "PollSchedule":
        """The schedule by what is known of generation times.

        Args:
            learnt_s: those of finished predictions, in any order.
            typical_s: what the catalogue expects; counts until enough is learnt.
            poll_min_s: least seconds between two polls.
        """
        times_s = sorted(learnt_s)
        count = len(times_s)
        if count < ENOUGH_LEARNT:
            planned_s = min(PLANNED_SHARE * typical_s, PLANNED_FIRST_POLL_S)
            first_s = min([planned_s, *times_s])
            return cls(poll_min_s, first_s, first_s)
        most = AIM * sum(time_s / poll_min_s + 0.5 for time_s in times_s)
        for quick, slow in SHARES:
            from_s, until_s = times_s[int(count * quick)], times_s[int(count * slow)]
            found = cls(poll_min_s, from_s, until_s)
            if sum(map(found._polls, times_s)) <= most:
                break
        return found

    def first_s(self, jitter: float) -> float:
        """Seconds to the first poll; luck spreads what was started at one moment."""
        at_s = self.from_s + self.poll_min_s * (jitter - 0.5)
        return max(self.poll_min_s, min(at_s, LATEST_FIRST_POLL_S))

    def next_s(self, generating_s: float) -> float:
        """Seconds to the next poll of what has been generating so long."""
        if generating_s < self.from_s:
            gap_s = min(EARLY_SHARE * generating_s, self.from_s - generating_s)
        elif generating_s < self.until_s:
            gap_s = self.poll_min_s
        else:
            gap_s = _late_gap_s(generating_s)
        return max(self.poll_min_s, gap_s)

    def took_s(
        self, seen_s: float, polls: int, inference_s: float | None, jitter: float
    ) -> float:
        """How long a generation took that a poll found completed.

        It ended somewhere after the poll before. Of several such polls each takes a
        place between the two by luck, so that together they are as spread as the ends
        are; the moment of the poll itself would make all times too long, and what is
        learnt from that would make the next polls later still.

        Args:
            seen_s: seconds since it was sent, at that poll.
            polls: how many found it running before.
            inference_s: what the provider says, if it does. Time in its queue is not in
                it, so it may lie before the last poll that found it running.
            jitter: a number in [0, 1).
        """
        seen_s = max(0.0, seen_s)
        since_s = max(0.0, seen_s - self.next_s(seen_s)) if polls else 0.0
        if inference_s is not None and since_s <= inference_s <= seen_s:
            return inference_s
        if not polls:
            # It may have ended any time before. That times have become shorter is only
            # learnt if shorter ones than the first poll are believed.
            since_s = seen_s / 2
        return since_s + jitter * (seen_s - since_s)

    def _polls(self, time_s: float) -> float:
        """Polls of one that takes so long, on average."""
        close_s = max(0.0, min(time_s, self.until_s) - self.from_s)
        late_s = max(0.0, time_s - self.until_s)
        late_gap_s = max(self.poll_min_s, _late_gap_s(time_s))
        return 1 + close_s / self.poll_min_s + late_s / late_gap_s


def _late_gap_s(generating_s: float) -> float:
    longest_s = LATE_GAP_S if generating_s < STUCK_AFTER_S else STUCK_GAP_S
    return min(LATE_SHARE * generating_s, longest_s)
