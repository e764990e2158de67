"""What the provider remembers of jobs whose ledger is lost: history and billing.

It asks, and lets `jobs.rebuilding` say what became of each. What they prove is that
something does not exist; so they are asked as often as a worker would, the last time
when the newest prediction is listed for sure, and what was seen once counts.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs import rebuilding
from jobs.attempt import reconciling
from jobs.attempt.reconciling import MAX_HOLD_S, Ambiguous, Finding, LostSubmission
from jobs.ledger import Ledger
from jobs.provider.answers import Listed
from jobs.rebuilding import SKEW_S, Doubt
from jobs.settings import Settings
from jobs.transitions import Ref
from producer import account, console

#: Predictions of our own that are compared with what was sent for them.
MAX_WITNESSES = 5

#: Status of a prediction that only the billing tells of.
BILLED = "billed"


@dataclass(frozen=True, slots=True)
class Memory:
    """What became of the jobs in doubt."""

    findings: Mapping[Ref, Finding] = field(default_factory=dict)
    #: Unix seconds when each prediction was created.
    created_at_s: Mapping[str, float] = field(default_factory=dict)

    def candidates(self, batch_id: str) -> int:
        """How many predictions may belong to unresolved jobs of a batch."""
        unclear = (
            finding.candidates
            for ref, finding in self.findings.items()
            if ref.batch == batch_id and isinstance(finding, Ambiguous)
        )
        return len({each.prediction_id for several in unclear for each in several})


def remember(
    ledger: Ledger,
    chosen: Settings,
    doubts: Sequence[Doubt],
    own: Mapping[str, LostSubmission],
    claimed_by_s: float,
) -> Memory:
    """Ask the provider what became of these jobs.

    Args:
        ledger: whose clock counts, and which may know some predictions already.
        chosen: whose account.
        doubts: every job of the account that is in doubt; none asks nothing.
        own: what was sent for predictions that are known to be ours, by their ids.
        claimed_by_s: unix seconds; what is sought was claimed before.

    Raises:
        Stop: the provider does not say.
    """
    if not doubts:
        return Memory()
    listed = _looked(ledger, chosen, doubts, claimed_by_s)
    ids = [each.prediction_id for each in listed]
    known = set(own) | ledger.transitions.known(chosen.account_id, ids)
    free = _with_inputs(chosen, [c for c in listed if c.prediction_id not in known])
    trusted = _matches(doubts, free) or _shows_as_sent(chosen, listed, own)
    now_s = ledger.now_s()
    findings = rebuilding.explain(doubts, free, trusted=trusted, now_s=now_s)
    return Memory(findings, {c.prediction_id: c.created_at_s for c in listed})


def let_history_catch_up(
    ledger: Ledger, chosen: Settings, claimed_by_s: float, look: int = 0
) -> None:
    """Wait until it is time for a look, counted from 0, for what was claimed before."""
    apart_s = chosen.settle_s * reconciling.POLLS_APART
    last_s = claimed_by_s + MAX_HOLD_S
    last_s += reconciling.listed_after_s(chosen.settle_s)
    looks_left = reconciling.MIN_POLLS - 1 - look
    wait_s = last_s - looks_left * apart_s - ledger.now_s()
    if look:
        wait_s = max(wait_s, apart_s)
    if wait_s > 0:
        console.say(
            f"waiting {wait_s:.0f} s, so that the provider's history shows what was "
            "sent last"
        )
        # Nothing tells sooner: it is for what the history does not show yet.
        time.sleep(wait_s)


def _looked(
    ledger: Ledger, chosen: Settings, doubts: Sequence[Doubt], claimed_by_s: float
) -> list[Listed]:
    """All that was seen by as many looks as prove an absence, each as seen last."""
    seen: dict[str, Listed] = {}
    for look in range(reconciling.MIN_POLLS):
        let_history_catch_up(ledger, chosen, claimed_by_s, look)
        for each in _listed(ledger, chosen, doubts):
            if each.status != BILLED or each.prediction_id not in seen:
                seen[each.prediction_id] = each
    return list(seen.values())


def _listed(ledger: Ledger, chosen: Settings, doubts: Sequence[Doubt]) -> list[Listed]:
    """All that the history shows, and what the billing charged besides."""
    ahead_s = ledger.now_s() - time.time()
    after_s = min(doubt.lost.sent_at_s for doubt in doubts) - SKEW_S
    models = sorted({doubt.lost.model for doubt in doubts})
    listed = account.history(chosen, models, after_s, ahead_s)
    billed = account.billings(chosen, after_s, ahead_s)
    done = {each.prediction_id for each in listed}
    done |= {row.prediction_id for row in billed if row.kind == "refund"}
    unlisted = {
        row.prediction_id: Listed(
            row.prediction_id,
            row.model if row.model in models else "",  # of any of them
            row.created_at_s,
            BILLED,
        )
        for row in billed
        if row.prediction_id not in done and any(map(row.may_be_of, models))
    }
    return [*listed, *unlisted.values()]


def _with_inputs(chosen: Settings, listed: Sequence[Listed]) -> list[Listed]:
    """The same, with inputs where only the results show them."""
    hidden = [each for each in listed if each.inputs is None]
    told = {c.prediction_id: c for c in account.told_more(chosen, hidden)}
    return [told.get(each.prediction_id, each) for each in listed]


def _matches(doubts: Sequence[Doubt], listed: Sequence[Listed]) -> bool:
    """Whether one of them shows just what was to be sent for a job."""
    return any(
        each.inputs is not None and reconciling.is_as_sent(doubt.lost, each.inputs)
        for each in listed
        for doubt in doubts
    )


def _shows_as_sent(
    chosen: Settings, listed: Sequence[Listed], own: Mapping[str, LostSubmission]
) -> bool:
    """Whether one of our own predictions shows just what was sent for it."""
    ours = [each for each in listed if each.prediction_id in own][:MAX_WITNESSES]
    return any(
        each.inputs is not None
        and reconciling.is_as_sent(own[each.prediction_id], each.inputs)
        for each in _with_inputs(chosen, ours)
    )
