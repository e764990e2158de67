"""How long a generation takes: log-normal, some of them stragglers.

It depends on the seed and the prompt alone, never on the clock, the order or on who
asks.
"""

import hashlib
import math
from dataclasses import dataclass
from statistics import NormalDist

#: How many times as long as others a straggler takes.
STRAGGLER_FACTOR = 5.0

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one run."""

    median_s: float
    #: Sigma of the logarithm of the times.
    spread: float
    seed: int
    #: Share of predictions that take `STRAGGLER_FACTOR` times as long.
    stragglers: float = 0.0

    @property
    def mean_s(self) -> float:
        """Mean time, stragglers included."""
        share = 1 + self.stragglers * (STRAGGLER_FACTOR - 1)
        return self.median_s * math.exp(self.spread**2 / 2) * share

    def took_s(self, prompt: str) -> float:
        """Seconds that the generation of this prompt takes."""
        text = f"{self.seed}/{prompt}".encode("utf-8", "surrogatepass")
        drawn = hashlib.blake2b(text, digest_size=14).digest()
        z = _NORMAL.inv_cdf(_chance(drawn[:7]))
        factor = STRAGGLER_FACTOR if _chance(drawn[7:]) < self.stragglers else 1.0
        return self.median_s * math.exp(self.spread * z) * factor


def _chance(drawn: bytes) -> float:
    """A number above 0 and below 1, both of which the normal curve has no value at."""
    return ((int.from_bytes(drawn) >> 4) + 0.5) / 2**52
