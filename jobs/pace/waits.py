"""How long to wait, in seconds, as pure functions: clock and jitter are arguments.

`jitter` is a number in [0, 1) that spreads waits of many jobs apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.pace.poll_schedule import ENOUGH_LEARNT

#: The provider keeps predictions and their files this long (docs/what-are-predictions).
RETENTION_S = 7 * 86_400.0

#: Nothing generates longer than this at the provider, so that a job that a person must
#: resolve gives its slot back after it.
MAX_GENERATION_S = 3_600.0

#: While webhooks arrive, a look is only for the one that is lost, and so much rarer.
HOOKED = 3.0

#: Webhooks count as arriving for so long after the last one.
HEARD_S = 1_800.0

#: A cooling account is tried again at least this often; also caps Retry-After, because
#: an absurd one would stop a whole night.
MAX_COOLING_S = 300.0

#: An account in trouble (key, balance) is probed this often.
TROUBLE_PROBE_S = 60.0

#: An unresolved job is looked at again this often, in case the history tells later.
UNRESOLVED_POLL_S = 3_600.0

#: A prediction takes long from so many times the usual time of its kind on, and not
#: before so many seconds.
LATE, MIN_LATE_S = 4.0, 120.0

#: One that is overdue is asked about this often.
OVERDUE_POLL_S = 600.0


@dataclass(frozen=True, slots=True)
class Expected:
    """How long predictions of a kind take, in seconds."""

    #: Nine in ten are done by then.
    usual_s: float
    #: Far beyond what is usual from then on.
    late_s: float
    #: Others get the slot from then on.
    overdue_s: float

    @classmethod
    def of(
        cls, learnt_s: Sequence[float], typical_s: float, overdue_s: float
    ) -> "Expected":
        """What is expected of a kind.

        Args:
            learnt_s: times of its finished predictions, in any order; a few of them
                are not trusted.
            typical_s: what the catalogue expects.
            overdue_s: how long a slot is kept at least.
        """
        is_learnt = len(learnt_s) >= ENOUGH_LEARNT
        usual_s = sorted(learnt_s)[len(learnt_s) * 9 // 10] if is_learnt else typical_s
        overdue_s = max(overdue_s, LATE * usual_s if is_learnt else 0.0)
        late_s = min(overdue_s, max(MIN_LATE_S, LATE * usual_s))
        return cls(usual_s, late_s, overdue_s)


def poll_backoff(heard_at_s: float, now_s: float) -> float:
    """Factor of the waits between looks, by when a webhook was heard last."""
    return HOOKED if now_s - heard_at_s < HEARD_S else 1.0


def cooldown_s(consecutive: int, retry_after_s: float | None, jitter: float) -> float:
    """Seconds of an account's cooldown after so many rejections in a row (from 1)."""
    own_s = min(MAX_COOLING_S, 2.0 ** min(consecutive, 10)) * (0.75 + 0.5 * jitter)
    if retry_after_s is None or retry_after_s < 0:
        return own_s
    return min(MAX_COOLING_S, max(retry_after_s, 0.1 * own_s))


def collect_again_s(tries: int, jitter: float) -> float:
    """Seconds to the next try to fetch and store a video, after `tries` failed ones."""
    return min(600.0, 2.0 ** min(tries, 12)) * (0.75 + 0.5 * jitter)


def reconcile_again_s(unknown_s: float, settling_s: float) -> float:
    """Seconds to the next look for a lost answer, unknown for so long already."""
    return max(1.0, min(settling_s / 4, unknown_s / 2, 60.0))
