"""Whose prediction is it: reconciling lost answers with the provider's history. Pure.

A wrong video on a product is worse than a missing one, and others may use the account
too. So a prediction is adopted only where its inputs are shown and equal what was
sent, or where its first frame is clearly this row's picture and no other's; absence is
proven only by a history that shows nothing left over. The rest is for a person.
"""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.pace.waits import MAX_GENERATION_S, RETENTION_S
from jobs.provider.answers import COMPLETED, FRUITLESS, Listed
from jobs.records import JobRecord
from jobs.transitions import Ref

#: Between two times by the provider's clock: dates of HTTP are cut to the second, and
#: the request has a way to go.
SKEW_S = 5.0

#: What was created so long before a claim, or in the future, may still be its own: the
#: clock that dates a prediction need not be the one that dates answers, and an answer
#: that was slow tells the time inexactly. Most of that minute has an owner.
PROVIDER_SKEW_S = 60.0

#: Two ways to tell when a request was sent that differ by more: a clock was set
#: meanwhile, or a machine stood still.
CLOCKS_DIFFER_S = 3.0

#: A request leaves at most this long after its claim, or not at all.
MAX_HOLD_S = 10.0

#: An absence counts only after this many looks that found nothing, and only if they
#: are spread over the time: each counts if the one before is this share of it away.
MIN_POLLS = 3
POLLS_APART = 1 / 4

#: The history may show a prediction so much later, as a share of the settling time.
LAG = 1 / 3

#: A first frame this near to a picture shows it; from 0 to 255. Measured with sample
#: products: under 3 for a clip's own picture, over 23 for another product, 8 for the
#: same mug in a colour that is hard to tell apart.
NEAR = 8.0

#: ... if every other picture and every other frame is so much farther away.
CLEARLY = 10.0

#: Candidates of one attempt that are written down.
MAX_CANDIDATES = 200

#: ... and those of all attempts together, for a ledger lies in memory.
ALL_CANDIDATES = 200_000

#: Of an unresolved job of which some candidates are not written down.
CLIPPED_CODE = "unresolved-clipped"

#: How far first frames are from pictures, by attempt and prediction.
Likeness = Mapping[tuple[Ref, str], float]


@dataclass(frozen=True, slots=True)
class LostSubmission:
    """An attempt whose answer was lost."""

    ref: Ref
    model: str
    #: What was sent, as it went over the wire.
    request: Mapping[str, Any]
    #: Unix seconds by the provider's clock: not before this was it sent.
    sent_at_s: float
    #: Looks into the history so far, this one included.
    looks: int
    #: ... and not after this was it claimed; None is the same moment. The two differ
    #: where clocks were set meanwhile.
    sent_by_s: float | None = None
    #: What was created later than this is not sought any more.
    until_s: float = math.inf
    #: Candidates of earlier looks that nobody has and that are listed no more.
    vanished: frozenset[str] = frozenset()
    #: It may have been sent at any time between the two: the ledger lost data.
    is_doubt: bool = False

    @property
    def latest_s(self) -> float:
        """Unix seconds by the provider's clock of its latest possible claim."""
        return self.sent_at_s if self.sent_by_s is None else self.sent_by_s

    @property
    def is_dated(self) -> bool:
        """Whether it is known when it was sent."""
        return self.is_doubt or self.latest_s - self.sent_at_s <= CLOCKS_DIFFER_S


@dataclass(frozen=True, slots=True)
class Adopt:
    """This prediction is the attempt's own."""

    prediction_id: str
    #: Unix seconds by the provider's clock.
    created_at_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing was created."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Too early to tell."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It cannot be told; a person decides."""

    #: Predictions that may be its own.
    candidates: tuple[Listed, ...]
    #: Whether it is known when it was sent.
    is_dated: bool = True


Finding = Adopt | Absent | Wait | Ambiguous


Texts = tuple[str, ...]


class _ByText:
    """Predictions by the texts that they show, to compare few with each attempt.

    A text is shown as it was sent or it is another's, so what shows another prompt or
    picture need not be looked at. Thousands of rows would take minutes otherwise.
    """

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._listed = list(listed)
        #: By the names of the texts that are sent: those that show all of them, by
        #: these, and those that do not.
        self._known: dict[Texts, tuple[dict[Texts, list[Listed]], list[Listed]]] = {}

    def like(self, attempt: LostSubmission) -> list[Listed]:
        """Those that show the texts of an attempt, and those that do not show all."""
        texts = {n: v for n, v in attempt.request.items() if _is_text(v)}
        names = tuple(sorted(texts))
        if names not in self._known:
            self._known[names] = self._sorted(names)
        shown, others = self._known[names]
        return [*shown.get(tuple(_text(texts[n]) for n in names), ()), *others]

    def _sorted(self, names: Texts) -> tuple[dict[Texts, list[Listed]], list[Listed]]:
        shown: dict[Texts, list[Listed]] = defaultdict(list)
        others = []
        for each in self._listed:
            inputs = each.inputs
            if inputs is None or not names or any(n not in inputs for n in names):
                others.append(each)
            else:
                shown[tuple(_text(inputs[n]) for n in names)].append(each)
        return shown, others


@dataclass(slots=True)
class _Settling:
    """What is left to be told apart while it is done."""

    free: dict[str, Listed]
    by_text: _ByText
    findings: dict[Ref, Finding] = field(default_factory=dict)

    @classmethod
    def of(cls, listed: Iterable[Listed]) -> "_Settling":
        free = {each.prediction_id: each for each in listed}
        return cls(free, _ByText(free.values()))

    def adopt(self, attempt: LostSubmission, prediction_id: str) -> None:
        listing = self.free.pop(prediction_id)
        self.findings[attempt.ref] = Adopt(prediction_id, listing.created_at_s)


@dataclass(frozen=True, slots=True)
class AmbiguousGroup:
    """Lost attempts of one model whose predictions could be taken for each other's."""

    attempts: tuple[LostSubmission, ...]

    @property
    def begin_s(self) -> float:
        """Unix seconds by the provider's clock: no prediction of theirs is older."""
        return min(attempt.sent_at_s for attempt in self.attempts) - PROVIDER_SKEW_S

    @property
    def until_s(self) -> float:
        """... and none is newer; may be infinite."""
        return max(attempt.until_s for attempt in self.attempts) + PROVIDER_SKEW_S


def is_clipped(record: JobRecord) -> bool:
    """Whether it has more candidates than are written down."""
    return record.failure is not None and record.failure.code == CLIPPED_CODE


def most_candidates(attempts: int) -> int:
    """How many candidates each of so many attempts may keep."""
    return max(1, min(MAX_CANDIDATES, ALL_CANDIDATES // max(1, attempts)))


def sent_between_s(
    stamped_s: float, ahead_s: float, provider_sent_at_s: float | None
) -> tuple[float, float]:
    """Between which moments an attempt was claimed, by the provider's clock.

    The claim is stamped by the ledger's server, and beside it stands what the sender
    knew of the provider's clock. If a clock was set, or a machine stood still, the two
    differ; then neither is believed alone.

    Args:
        stamped_s: unix seconds of the claim by the ledger's clock.
        ahead_s: how far the provider's clock is ahead of the ledger's now.
        provider_sent_at_s: the sender's own word; None if it had none.
    """
    now_known_s = stamped_s + ahead_s
    if provider_sent_at_s is None:
        return now_known_s, now_known_s
    return min(now_known_s, provider_sent_at_s), max(now_known_s, provider_sent_at_s)


def listed_after_s(settling_s: float) -> float:
    """Seconds after its claim by which the history shows what a request has made.

    In `settling_s` of them it may reach the provider.
    """
    return settling_s * (1 + LAG)


def ambiguous_groups(lost: Iterable[LostSubmission]) -> list[AmbiguousGroup]:
    """Lost attempts, put together where model and time do not tell them apart."""
    groups: list[AmbiguousGroup] = []
    for attempt in sorted(lost, key=lambda a: (a.model, a.sent_at_s, a.ref)):
        last = groups[-1] if groups else None
        if (
            last
            and last.attempts[0].model == attempt.model
            and attempt.sent_at_s - PROVIDER_SKEW_S <= last.until_s
        ):
            groups[-1] = AmbiguousGroup((*last.attempts, attempt))
        else:
            groups.append(AmbiguousGroup((attempt,)))
    return groups


def reconcile(
    lost: Sequence[LostSubmission],
    listed: Iterable[Listed],
    likeness: Likeness,
    settling_s: float,
    now_s: float,
) -> dict[Ref, Finding]:
    """What became of each lost attempt.

    Args:
        lost: every attempt of the account whose answer is lost; with only some of
            them a prediction of another could be mistaken for theirs.
        listed: predictions from the first claim up to now that belong to no job we
            know of.
        likeness: how far first frames are from pictures, where that is known.
        settling_s: seconds after its claim in which a request may reach the provider.
        now_s: unix seconds by the provider's clock, before the history was asked.
    """
    state = _Settling.of(listed)
    attempts = sorted(lost, key=lambda a: (a.sent_at_s, a.ref))
    for attempt in attempts:
        shown = [c for c in _near(attempt, state) if c.inputs is not None]
        own = [c for c in shown if _same(attempt.request, c.inputs)]
        if own:
            # An older ledger may have sent it twice: what has a video is paid for.
            best = min(own, key=_live_then_first)
            state.adopt(attempt, best.prediction_id)
    _adopt_by_likeness(attempts, state, likeness)
    for attempt in attempts:
        if attempt.ref not in state.findings:
            hidden = _hidden(attempt, state)
            finding = _without_match(attempt, hidden, settling_s, now_s)
            state.findings[attempt.ref] = finding
    return state.findings


def _live_then_first(listing: Listed) -> tuple[bool, float, str]:
    fruitless = listing.status in FRUITLESS
    return fruitless, listing.created_at_s, listing.prediction_id


def candidates(
    lost: Sequence[LostSubmission], listed: Iterable[Listed]
) -> list[tuple[LostSubmission, Listed]]:
    """Pairs that only a look at the first frame can tell apart."""
    state = _Settling.of(listed)
    return [(a, c) for a in lost for c in _hidden(a, state)]


def fits(attempt: LostSubmission, listing: Listed) -> bool:
    """Whether model and time allow it, whatever else is known."""
    return (
        listing.model in (attempt.model, "")
        and attempt.sent_at_s - PROVIDER_SKEW_S
        <= listing.created_at_s
        <= attempt.until_s + PROVIDER_SKEW_S
    )


def is_early(attempt: LostSubmission, listing: Listed, settling_s: float) -> bool:
    """Whether a prediction was created while the attempt could still reach it."""
    return listing.created_at_s <= attempt.latest_s + settling_s + SKEW_S


def seen_before(
    prediction_ids: Iterable[str], model: str, sent_at_s: float
) -> list[Listed]:
    """Candidates of which only the ids are known: an earlier look has seen them."""
    return [
        Listed(each, model, sent_at_s, "seen before") for each in sorted(prediction_ids)
    ]


def is_as_sent(attempt: LostSubmission, shown: Mapping[str, Any]) -> bool:
    """Whether what is shown is all that was sent for an attempt."""
    return _same(attempt.request, shown)


def shown_as_sent(lost: Sequence[LostSubmission], listed: Iterable[Listed]) -> set[str]:
    """Predictions, by their ids, that show just what was sent for one of these."""
    by_text = _ByText(each for each in listed if each.inputs is not None)
    return {
        each.prediction_id
        for attempt in lost
        for each in by_text.like(attempt)
        if _same(attempt.request, each.inputs)
    }


def _near(attempt: LostSubmission, state: _Settling) -> list[Listed]:
    return [
        listing
        for listing in state.by_text.like(attempt)
        if listing.prediction_id in state.free and fits(attempt, listing)
    ]


def _hidden(attempt: LostSubmission, state: _Settling) -> list[Listed]:
    """Candidates that no shown input rules out and that may still have a video."""
    return [
        listing
        for listing in _near(attempt, state)
        if listing.status not in FRUITLESS
        and (listing.inputs is None or not _differs(attempt, listing.inputs))
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


def _differs(attempt: LostSubmission, shown: Mapping[str, Any]) -> bool:
    """Whether something that is shown is not what was sent."""
    return any(
        name in shown and not _same(value, shown[name])
        for name, value in attempt.request.items()
    )


def _is_text(value: object) -> bool:
    """Whether it is shown letter by letter; a number may be written in other ways."""
    return isinstance(value, str) and not _nearly(value, value)


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
    attempts: Sequence[LostSubmission], state: _Settling, likeness: Likeness
) -> None:
    """Adopt where frame and picture choose each other and nothing else comes near."""
    if not likeness:
        return
    left = [a for a in attempts if a.ref not in state.findings]
    ambiguous_groups = {
        a.ref: [c.prediction_id for c in _hidden(a, state)] for a in left
    }
    clear = []
    for attempt in left:
        for prediction_id in ambiguous_groups[attempt.ref]:
            own = likeness.get((attempt.ref, prediction_id))
            if own is None or own > NEAR:
                continue
            others = [
                (attempt.ref, c)
                for c in ambiguous_groups[attempt.ref]
                if c != prediction_id
            ]
            others += [
                (a.ref, prediction_id)
                for a in left
                if a is not attempt and prediction_id in ambiguous_groups[a.ref]
            ]
            # A pair that was never compared could be nearer: then nothing is clear.
            if all(likeness.get(pair, own) >= own + CLEARLY for pair in others):
                clear.append((attempt, prediction_id))
    for attempt, prediction_id in clear:
        state.adopt(attempt, prediction_id)


def _without_match(
    attempt: LostSubmission, hidden: Sequence[Listed], settling_s: float, now_s: float
) -> Finding:
    since_s = now_s - attempt.latest_s
    if since_s < settling_s or attempt.looks < MIN_POLLS:
        return Wait()
    if _tells_more_later(attempt, hidden, settling_s, now_s):
        return Wait()
    # A history that has forgotten those days proves nothing by its silence, and what it
    # showed once and does not show now may be shown again.
    forgotten = now_s - attempt.sent_at_s > RETENTION_S
    if hidden or attempt.vanished or not attempt.is_dated or forgotten:
        gone = seen_before(attempt.vanished, attempt.model, attempt.sent_at_s)
        return Ambiguous((*hidden, *gone), is_dated=attempt.is_dated)
    # What reached the provider last may not be listed yet.
    return Wait() if since_s < listed_after_s(settling_s) else Absent()


def _tells_more_later(
    attempt: LostSubmission, hidden: Sequence[Listed], settling_s: float, now_s: float
) -> bool:
    """Whether waiting may show whose its candidates are.

    Only of those from the time in which it could reach the provider: others may use
    the account too, and then there is always a newer one.
    """
    early = [each for each in hidden if is_early(attempt, each, settling_s)]
    # The first frame of what is still being made can decide later.
    unfinished = any(each.status != COMPLETED for each in early)
    if unfinished and attempt.request.get("image"):
        return now_s - attempt.latest_s < MAX_GENERATION_S
    # The history may lag: it has as long to tell whose a candidate is as it had to show
    # the attempt's own.
    return any(now_s - each.created_at_s < settling_s for each in early)
