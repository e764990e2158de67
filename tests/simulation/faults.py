"""What goes wrong in a run: which faults there are, and how often, as the seed says."""

from collections import Counter
from random import Random

#: The most that each is drawn of, as a share of its occasions.
RATES = {
    "answer_garbled": 0.03,
    "connection_refused": 0.05,
    "download_fails": 0.1,
    "free_answer_5xx": 0.1,
    "free_answer_lost": 0.1,
    "generation_fails": 0.1,
    "generation_slow": 0.02,
    "ledger_answer_lost": 0.01,
    "ledger_away": 0.003,
    "message_late": 0.05,
    "message_lost": 0.1,
    "message_twice": 0.1,
    "paid_answer_5xx": 0.05,
    "refused": 0.02,
    "request_late": 0.05,
    "request_lost": 0.1,
    "answer_lost": 0.1,
    "store_fails": 0.05,
    "stranger": 0.2,
    "throttled": 0.05,
    "worker_dies": 0.002,
}

#: The share of a run's faults that it has at all.
SHARE = 0.6

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
        self.max_page = random.choice([100, 100, 3])
        self.provider_ahead_s = random.choice([0.0, 0.0, random.uniform(-400, 400)])
        self.max_late_s = random.uniform(1, settling_s * 0.95)
        #: A third of the settling time, less what answers and clocks are inexact by.
        self.history_lag_s = random.uniform(0, settling_s / 3 - 8)

    def happens(self, name: str) -> bool:
        """Whether it happens now."""
        rate = self._rates[name]
        if not self.on or not rate or self._random.random() >= rate:
            return False
        self.seen[name] += 1
        return True
