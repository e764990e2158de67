"""What goes wrong in a run: which faults there are, and how often, as the seed says."""

from collections import Counter
from random import Random

#: The most that each is drawn of, as a share of its occasions.
RATES = {
    "answer_garbled": 0.03,
    "clock_wrong": 0.4,
    "connection_refused": 0.05,
    "download_fails": 0.1,
    "free_answer_5xx": 0.1,
    "free_answer_lost": 0.1,
    "generation_fails": 0.1,
    "generation_slow": 0.05,
    "ledger_answer_lost": 0.01,
    "ledger_away": 0.003,
    "message_late": 0.05,
    "message_lost": 0.1,
    "message_twice": 0.1,
    "model_unknown": 0.5,
    "paid_answer_5xx": 0.05,
    "refused": 0.02,
    "request_late": 0.05,
    "request_lost": 0.1,
    "answer_lost": 0.1,
    "store_fails": 0.05,
    "store_full": 0.005,
    "store_slow": 0.05,
    "stranger": 0.2,
    "throttled": 0.05,
    "video_later": 0.1,
    "fails_later": 0.3,
    "video_missing": 0.03,
    "worker_dies": 0.002,
    "worker_sleeps": 0.15,
}

#: The share of a run's faults that it has at all.
SHARE = 0.6

#: Those that a run draws once, and what users do.
OTHERS = frozenset(
    {
        *("history_capped", "history_hides", "history_lags", "ledger_clock_set"),
        *("ledger_put_back", "ledger_rebuilt", "price_changed", "provider_clock_wrong"),
    }
)

#: What a prediction may end with instead of a video, as status and code.
ENDINGS = (
    ("failed", 1200),
    ("failed", 1400),
    ("failed", 5000),
    ("failed", 5004),
    ("timeout", 0),
)


class Faults:
    """The faults of one run."""

    def __init__(self, random: Random, settling_s: float) -> None:
        """Draw them.

        Args:
            random: of this run alone.
            settling_s: how late a request may reach the provider, as workers know it.
        """
        self._random = random
        #: False once every run shall come to its end.
        self.on = True
        #: How often each happened.
        self.seen: Counter[str] = Counter()
        self._rates = {
            name: random.uniform(0, rate) if random.random() < SHARE else 0.0
            for name, rate in RATES.items()
        }
        self.shows_inputs_in_history = random.random() < 0.7
        self.shows_inputs_in_results = random.random() < 0.7
        #: Nothing tells whose a prediction is that has no video.
        self.hides_inputs = not (
            self.shows_inputs_in_history or self.shows_inputs_in_results
        )
        self.max_page = random.choice([100, 100, 3])
        self.provider_ahead_s = random.choice([0.0, 0.0, random.uniform(-400, 400)])
        self.max_late_s = random.uniform(1, settling_s * 0.95)
        #: A third of the settling time, less what answers and clocks are inexact by.
        self.history_lag_s = random.choice([0.0, random.uniform(0, settling_s / 3 - 8)])
        self.price_factor = random.choice([1.0, 1.0, 1.25])
        #: When the ledger goes back to an older state, in seconds; None is never.
        self.put_back_at_s = random.choice([None, None, random.uniform(60, 3_600)])
        #: When the clock of the ledger's server is set, and by how much.
        self.clock_set_at_s = random.choice([None, None, random.uniform(60, 3_600)])
        self.clock_set_by_s = random.choice([-1, 1]) * random.uniform(5, 600)
        #: Seconds between two commands of users.
        self.users_every_s = random.choice([None, 1_500.0, 300.0])
        self.seen += Counter(
            name
            for name, is_so in {
                "history_hides": not self.shows_inputs_in_history,
                "history_capped": self.max_page < 100,
                "history_lags": self.history_lag_s > 0,
                "provider_clock_wrong": self.provider_ahead_s != 0,
            }.items()
            if is_so
        )

    @property
    def limits_may_break(self) -> bool:
        """Whether rate tokens end early: the ledger's clock is set forward."""
        return self.clock_set_at_s is not None and self.clock_set_by_s > 0

    def happens(self, name: str) -> bool:
        """Whether it happens now."""
        rate = self._rates[name]
        if not self.on or not rate or self._random.random() >= rate:
            return False
        self.seen[name] += 1
        return True
