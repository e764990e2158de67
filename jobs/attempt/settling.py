"""Whose prediction is it: settling lost answers against the provider's history. Pure.

A wrong video on a product is worse than a missing one, and others may use the account
too. So a prediction is adopted only where its inputs are shown and equal what was
sent, or where its first frame is clearly this row's picture and no other's; absence is
proven only by a history that shows nothing left over. The rest is for a person.
"""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.answers import COMPLETED, FRUITLESS, Listed
from jobs.moves import LONGEST_GENERATION_S, Ref
from jobs.pace.waits import RETENTION_S

#: Clocks are compared before times are; what is left is the second that dates of HTTP
#: are rounded to, and the way of the request.
SKEW_S = 5.0

#: A request leaves at most this long after its claim, or not at all.
LONGEST_HOLD_S = 10.0

#: An absence counts only after this many looks that found nothing.
ENOUGH_LOOKS = 3

#: A first frame this near to a picture shows it; from 0 to 255. Measured with sample
#: products: under 3 for a clip's own picture, over 23 for another product, 8 for the
#: same mug in a colour that is hard to tell apart.
NEAR = 8.0

#: ... if every other picture and every other frame is so much farther away.
CLEARLY = 10.0

#: How far first frames are from pictures, by attempt and prediction.
Likeness = Mapping[tuple[Ref, str], float]


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt whose answer was lost."""

    ref: Ref
    model: str
    #: What was sent, as it went over the wire.
    request: Mapping[str, Any]
    sent_at_s: float
    #: Looks into the history so far, this one included.
    looks: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """This prediction is the attempt's own."""

    prediction_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing was created."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Too early to tell."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Candidates that cannot be told apart; a person decides."""

    candidates: tuple[Listed, ...]


Finding = Adopt | Absent | Wait | Unclear


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things take, in seconds."""

    #: For the answer to a paid request.
    submit_timeout_s: float
    #: Until a lost answer that was not found counts as absent.
    settle_s: float
    #: Between our clock and the provider's, after they were compared.
    skew_s: float = SKEW_S

    @property
    def latest_s(self) -> float:
        """From the claim until its prediction must have been created."""
        return LONGEST_HOLD_S + self.submit_timeout_s + self.skew_s


@dataclass(slots=True)
class _Settling:
    """What is left to be told apart while it is done."""

    free: dict[str, Listed]
    findings: dict[Ref, Finding] = field(default_factory=dict)

    def adopt(self, attempt: Lost, prediction_id: str) -> None:
        self.findings[attempt.ref] = Adopt(prediction_id)
        del self.free[prediction_id]


@dataclass(frozen=True, slots=True)
class Rivals:
    """Lost attempts of one model whose predictions could be taken for each other's."""

    attempts: tuple[Lost, ...]
    #: Unix seconds between which their predictions must have been created.
    begin_s: float
    end_s: float


def rivals(lost: Iterable[Lost], patience: Patience) -> list[Rivals]:
    """Lost attempts, put together where model and time do not tell them apart."""
    groups: list[Rivals] = []
    for attempt in sorted(lost, key=lambda a: (a.model, a.sent_at_s, a.ref)):
        begin_s = attempt.sent_at_s - patience.skew_s
        end_s = attempt.sent_at_s + patience.latest_s
        last = groups[-1] if groups else None
        if last and last.attempts[0].model == attempt.model and begin_s <= last.end_s:
            groups[-1] = Rivals((*last.attempts, attempt), last.begin_s, end_s)
        else:
            groups.append(Rivals((attempt,), begin_s, end_s))
    return groups


def settle(
    lost: Sequence[Lost],
    listed: Iterable[Listed],
    likeness: Likeness,
    patience: Patience,
    now_s: float,
) -> dict[Ref, Finding]:
    """What became of each lost attempt.

    Args:
        lost: every attempt of the account whose answer is lost; with only some of
            them a prediction of another could be mistaken for theirs.
        listed: predictions of their window that belong to no job we know of.
        likeness: how far first frames are from pictures, where that is known.
        patience: how long things take.
        now_s: unix seconds.
    """
    state = _Settling({listing.prediction_id: listing for listing in listed})
    attempts = sorted(lost, key=lambda a: (a.sent_at_s, a.ref))
    for attempt in attempts:
        shown = [c for c in _near(attempt, state, patience) if c.inputs is not None]
        own = [c for c in shown if _same(attempt.request, c.inputs)]
        if own:
            first = min(own, key=lambda c: (c.created_at_s, c.prediction_id))
            state.adopt(attempt, first.prediction_id)
    _adopt_by_likeness(attempts, state, likeness, patience)
    for attempt in attempts:
        if attempt.ref not in state.findings:
            hidden = _hidden(attempt, state, patience)
            finding = _without_match(attempt, hidden, patience, now_s)
            state.findings[attempt.ref] = finding
    return state.findings


def candidates(
    lost: Sequence[Lost], listed: Iterable[Listed], patience: Patience
) -> list[tuple[Lost, Listed]]:
    """Pairs that only a look at the first frame can tell apart."""
    state = _Settling({listing.prediction_id: listing for listing in listed})
    return [(a, c) for a in lost for c in _hidden(a, state, patience)]


def nearby(
    lost: Sequence[Lost], listed: Iterable[Listed], patience: Patience
) -> list[tuple[Lost, Listed]]:
    """Pairs that fit by model and time, whatever else is known of them."""
    state = _Settling({listing.prediction_id: listing for listing in listed})
    return [(a, c) for a in lost for c in _near(a, state, patience)]


def is_as_sent(attempt: Lost, shown: Mapping[str, Any]) -> bool:
    """Whether what is shown is all that was sent for an attempt."""
    return _same(attempt.request, shown)


def fits_nobody(lost: Sequence[Lost], listing: Listed) -> bool:
    """Whether a prediction shows inputs, but not those of any of these attempts."""
    shown = listing.inputs
    return shown is not None and not any(_same(a.request, shown) for a in lost)


def _near(attempt: Lost, state: _Settling, patience: Patience) -> list[Listed]:
    return [
        listing
        for listing in state.free.values()
        if listing.model in (attempt.model, "")
        and -patience.skew_s
        <= listing.created_at_s - attempt.sent_at_s
        <= patience.latest_s
    ]


def _hidden(attempt: Lost, state: _Settling, patience: Patience) -> list[Listed]:
    """Candidates that no shown input rules out and that may still have a video."""
    return [
        listing
        for listing in _near(attempt, state, patience)
        if not _differs(attempt, listing.inputs or {})
        and listing.status not in FRUITLESS
    ]


def _same(sent: object, shown: object) -> bool:
    """Whether everything that was sent stands in what is shown.

    The provider may add its defaults, trim a text and show a number as text.
    """
    if isinstance(sent, Mapping):
        return isinstance(shown, Mapping) and all(
            name in shown and _same(value, shown[name]) for name, value in sent.items()
        )
    if isinstance(sent, list | tuple):
        return (
            isinstance(shown, list | tuple)
            and len(shown) == len(sent)
            and all(map(_same, sent, shown))
        )
    return _text(sent) == _text(shown) or _nearly(sent, shown)


def _differs(attempt: Lost, shown: Mapping[str, Any]) -> bool:
    """Whether something that is shown is not what was sent."""
    return any(
        name in shown and not _same(value, shown[name])
        for name, value in attempt.request.items()
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(unicodedata.normalize("NFC", str(value)).split())


def _nearly(sent: object, shown: object) -> bool:
    """Whether two numbers are the same but for how they were written down."""
    try:
        return math.isclose(float(str(sent)), float(str(shown)), rel_tol=1e-5)
    except ValueError:
        return False


def _adopt_by_likeness(
    attempts: Sequence[Lost],
    state: _Settling,
    likeness: Likeness,
    patience: Patience,
) -> None:
    """Adopt where frame and picture choose each other and nothing else comes near."""
    left = [a for a in attempts if a.ref not in state.findings]
    rivals = {
        a.ref: [c.prediction_id for c in _hidden(a, state, patience)] for a in left
    }
    clear = []
    for attempt in left:
        for prediction_id in rivals[attempt.ref]:
            own = likeness.get((attempt.ref, prediction_id))
            if own is None or own > NEAR:
                continue
            others = [
                (attempt.ref, c) for c in rivals[attempt.ref] if c != prediction_id
            ]
            others += [
                (a.ref, prediction_id)
                for a in left
                if a is not attempt and prediction_id in rivals[a.ref]
            ]
            # A pair that was never compared could be nearer: then nothing is clear.
            if all(likeness.get(pair, own) >= own + CLEARLY for pair in others):
                clear.append((attempt, prediction_id))
    for attempt, prediction_id in clear:
        state.adopt(attempt, prediction_id)


def _without_match(
    attempt: Lost, hidden: Sequence[Listed], patience: Patience, now_s: float
) -> Finding:
    since_s = now_s - attempt.sent_at_s
    if since_s < patience.settle_s or attempt.looks < ENOUGH_LOOKS:
        return Wait()
    # The first frame of what is still being made can decide later.
    if (
        since_s < LONGEST_GENERATION_S
        and attempt.request.get("image")
        and any(candidate.status != COMPLETED for candidate in hidden)
    ):
        return Wait()
    # The history may lag: it has as long to tell whose a candidate is as it had to show
    # the attempt's own.
    if any(now_s - c.created_at_s < patience.settle_s for c in hidden):
        return Wait()
    # A history that has forgotten those days proves nothing by its silence.
    if hidden or since_s > RETENTION_S:
        return Unclear(tuple(hidden))
    return Absent()
