"""What the figures of a clip mean: whether it passes, needs a look, or is broken.

A verdict fails no job; it orders what people review, and every figure stays beside the
video. `docs/operations.md` tells what is measured and where the limits come from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """What becomes of a clip if nobody says otherwise, from best to worst."""

    PASS = "pass"  # noqa: S105 - no secret
    REVIEW = "review"
    FAIL = "fail"


class Limit(NamedTuple):
    """Where a figure begins to need a look, and where it means a broken clip."""

    review: float
    #: None: the figure alone never means that.
    fail: float | None
    #: What is wrong, with the figure in it.
    words: str
    #: Whether small figures are the bad ones.
    low: bool = False

    def verdict(self, figure: float) -> Verdict:
        """What this figure means."""
        if self.fail is not None and self._reached(figure, self.fail):
            return Verdict.FAIL
        return Verdict.REVIEW if self._reached(figure, self.review) else Verdict.PASS

    def _reached(self, figure: float, limit: float) -> bool:
        return figure <= limit if self.low else figure >= limit


#: By check; the figures are those of `worker.quality` and `worker.inspection`.
LIMITS: Mapping[str, Limit] = {
    "black": Limit(0.02, 0.1, "{:.0%} of it is black"),
    "frozen": Limit(0.45, 0.65, "nothing moves in {:.0%} of it"),
    "first_frame": Limit(8.0, 20.0, "it begins {:.0f} of 255 from its picture"),
    "cut": Limit(20.0, None, "a cut, {:.0f} times the usual step"),
    "flicker": Limit(5.0, None, "brightness flickers by {:.0f} of 255"),
    "colour": Limit(0.7, None, "{:.0%} of the colours stay", low=True),
    "geometry": Limit(0.27, None, "{:.0%} of the shape stays", low=True),
    "duration": Limit(1.0, None, "{:.1f} s longer or shorter than ordered"),
    "aspect": Limit(0.05, None, "its aspect ratio is {:.0%} off the ordered one"),
    "frame_rate": Limit(10.0, None, "only {:.0f} frames a second", low=True),
    "sound": Limit(0.5, None, "no sound, and it was ordered"),
}


class Figure(NamedTuple):
    """What was measured, and the second of the clip where it shows."""

    value: float
    at_s: float = 0.0


class Finding(NamedTuple):
    """A figure beyond its limit."""

    check: str
    verdict: Verdict
    value: float
    at_s: float

    @property
    def words(self) -> str:
        """What is wrong, and where."""
        at = f", at {self.at_s:.1f} s" if self.at_s else ""
        return LIMITS[self.check].words.format(self.value) + at


_FINDING = re.compile(r"(\w+)=(review|fail):([-+.e\d]+)@([-+.e\d]+)")


@dataclass(frozen=True, slots=True)
class Quality:
    """What a clip's figures come to."""

    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings; without any the clip passes."""
        order = list(Verdict)
        return max(
            (f.verdict for f in self.findings), key=order.index, default=order[0]
        )

    def to_text(self) -> str:
        """One word a finding after the verdict, for the ledger."""
        words = (f"{f.check}={f.verdict}:{f.value:g}@{f.at_s:g}" for f in self.findings)
        return " ".join([str(self.verdict), *words])

    @classmethod
    def from_text(cls, text: str) -> "Quality":
        """What `to_text` wrote; checks that only a newer version knows are left out."""
        found = (
            Finding(check, Verdict(verdict), float(value), float(at_s))
            for check, verdict, value, at_s in _FINDING.findall(text)
            if check in LIMITS
        )
        return cls(tuple(found))

    def to_document(self) -> dict[str, Any]:
        """The verdict with its findings in words, for reports."""
        return {
            "verdict": str(self.verdict),
            "findings": [{**f._asdict(), "message": f.words} for f in self.findings],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Quality":
        """What `to_document` made."""
        words = (
            f"{f['check']}={f['verdict']}:{f['value']}@{f['at_s']}"
            for f in document["findings"]
        )
        return cls.from_text(" ".join(words))


def judge(figures: Mapping[str, Figure], limits: Mapping[str, Limit]) -> Quality:
    """Which figures are beyond their limits, worst first."""
    found = []
    for check in limits.keys() & figures.keys():
        value, at_s = figures[check]
        verdict = limits[check].verdict(value)
        if verdict is not Verdict.PASS:
            found.append(Finding(check, verdict, round(value, 2), round(at_s, 1)))
    # Failed before doubtful, and each in the order of the checks.
    order = list(limits)
    found.sort(key=lambda f: (f.verdict is not Verdict.FAIL, order.index(f.check)))
    return Quality(tuple(found))


def limits_of(text: str) -> dict[str, Limit]:
    """The limits, some of them changed: `frozen=0.4/0.8 colour=0.6`.

    Raises:
        ValueError: there is no such check, or a limit is no number.
    """
    limits = dict(LIMITS)
    for word in text.split():
        check, _, numbers = word.partition("=")
        if check not in limits:
            raise ValueError(f"{check}: the checks are {', '.join(limits)}")
        review, slash, fail = numbers.partition("/")
        limits[check] = limits[check]._replace(
            review=float(review), fail=float(fail) if slash else None
        )
    return limits
