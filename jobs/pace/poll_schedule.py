"""When to poll a prediction, by how long those of its kind took.

First when the quickest of them were done, then at distances that grow with the time so
far. Everything is a pure function of seconds since the request was sent; jitter, a
number in [0, 1), is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: Finished generations that are enough to trust over the catalogue's figure.
ENOUGH_LEARNT = 5

#: The first poll is when this share of predictions is done, and never later than so.
QUICK_SHARE, LATEST_FIRST_POLL_S = 0.05, 300.0

#: Before enough is learnt the first poll is after this share of the catalogue's figure,
#: at most so late: nobody publishes times, and the figure may be far off.
PLANNED_SHARE, PLANNED_FIRST_POLL_S = 0.4, 30.0

#: Gaps as shares of the time so far: before the first end that is expected, because it
#: may be quicker tonight, and after it.
EARLY_SHARE, LATE_SHARE = 0.5, 0.1

#: Longest gap after that, and longest for what takes longer than nearly all do.
LATE_GAP_S, STUCK_GAP_S = 8.0, 60.0
STUCK_AFTER_S = 900.0


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """When to poll predictions of one model and duration."""

    #: Least seconds between two polls.
    poll_min_s: float
    #: The quickest end at about this age.
    from_s: float

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
        if len(times_s) >= ENOUGH_LEARNT:
            return cls(poll_min_s, times_s[int(len(times_s) * QUICK_SHARE)])
        planned_s = min(PLANNED_SHARE * typical_s, PLANNED_FIRST_POLL_S)
        return cls(poll_min_s, min([planned_s, *times_s]))

    def first_s(self, jitter: float) -> float:
        """Seconds to the first poll; luck spreads what was started at one moment."""
        at_s = self.from_s + self.poll_min_s * (jitter - 0.5)
        return max(self.poll_min_s, min(at_s, LATEST_FIRST_POLL_S))

    def next_s(self, generating_s: float) -> float:
        """Seconds to the next poll of what has been generating so long."""
        if generating_s < self.from_s:
            gap_s = min(EARLY_SHARE * generating_s, self.from_s - generating_s)
        else:
            max_s = LATE_GAP_S if generating_s < STUCK_AFTER_S else STUCK_GAP_S
            gap_s = min(LATE_SHARE * generating_s, max_s)
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
