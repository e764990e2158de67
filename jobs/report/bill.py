"""What the provider bills, as a report uses it: by kind of job, and for a candidate.

It reads what `invoice` found and compares nothing; where the provider was not asked,
nothing is known, which is not the same as nothing billed.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from jobs.money import usd_micros
from jobs.report.formats import usd
from jobs.report.kinds import Kind

#: The billed amounts of a line of `by_model`.
AMOUNTS = ("billed_usd", "billed_refunded_usd", "billed_net_usd")


class Bill:
    """The provider's billing, where it was asked for it."""

    def __init__(self, invoice: Mapping[str, Any] | None) -> None:
        self._asked = invoice is not None
        told = invoice or {}
        self._lines = {
            Kind(line["model"], line["duration_s"], line["options"]): line
            for line in told.get("by_model", ())
        }
        self._strangers: Counter[str] = Counter()
        for charge in told.get("unexplained", ()):
            self._strangers[charge["prediction_id"]] += usd_micros(charge["billed_usd"])

    def line(self, kind: Kind) -> dict[str, str]:
        """What is billed for a kind of job; empty if nobody asked."""
        if not self._asked:
            return {}
        line = self._lines.get(kind, {})
        return {name: line.get(name, usd(0)) for name in AMOUNTS}

    def stranger_usd(self, prediction_id: str) -> str | None:
        """What is billed for a prediction that no row has; None if that is unknown."""
        if prediction_id not in self._strangers:
            return None
        return usd(self._strangers[prediction_id])
