"""The provider is asked until what was sent last is listed for sure."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.attempt.reconciling import (
    MIN_POLLS,
    POLLS_APART,
    Absent,
    Adopt,
    Ambiguous,
    LostSubmission,
)
from jobs.ledger import Ledger
from jobs.provider.answers import Billed, Listed
from jobs.rebuilding import Doubt
from jobs.settings import read
from jobs.transitions import Ref
from producer import account
from producer.rebuild import Memory, remember
from tests.conftest import Clock

SETTLING_S = 90.0
REF = Ref("spring", "one")
MODEL = "vendor/m/image-to-video"


def remembered(
    ledger: Ledger,
    clock: Clock,
    patch: pytest.MonkeyPatch,
    shown: list[Listed | None],
    ago_s: float = 0.0,
    billed: Sequence[Billed] = (),
) -> Memory:
    """What is known of a job claimed then, of which each look shows one of these."""
    at_s = clock() - ago_s
    looks = iter(shown)

    def history(*_words: Any) -> list[Listed]:
        found = next(looks)
        return [found] if found and clock() >= found.created_at_s + 29.0 else []

    patch.setattr(account, "history", history)
    patch.setattr(account, "billings", lambda *_words: list(billed))
    patch.setattr(account, "told_more", lambda *_words: [])
    own_time = SimpleNamespace(sleep=clock.forward, time=clock)
    patch.setattr("producer.rebuild.time", own_time)
    doubt = Doubt(LostSubmission(REF, MODEL, {"prompt": "one"}, at_s, 0))
    chosen = read({}, settling_s=SETTLING_S)
    memory = remember(ledger, chosen, [doubt], {}, at_s)
    assert next(looks, None) is None
    return memory


def test_what_is_created_and_listed_as_late_as_can_be_is_found(
    simulated: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = Listed("p", MODEL, clock() + 88.0, "completed", {"prompt": "one"})
    memory = remembered(simulated, clock, monkeypatch, [last, last, last])
    assert memory.findings == {REF: Adopt("p")}


def test_what_one_look_has_seen_counts_though_the_others_do_not_show_it(
    simulated: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Listed("p", MODEL, clock(), "completed", {"prompt": "one"})
    memory = remembered(simulated, clock, monkeypatch, [once, None, None])
    assert memory.findings == {REF: Adopt("p")}


def test_looks_are_apart_also_where_all_was_sent_long_ago(
    simulated: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: list[Listed | None] = [None] * MIN_POLLS
    began_s = clock()
    memory = remembered(simulated, clock, monkeypatch, nothing, ago_s=3_600.0)
    assert memory.findings == {REF: Absent()}
    assert clock() == began_s + (MIN_POLLS - 1) * POLLS_APART * SETTLING_S


@pytest.mark.parametrize("model", [MODEL, "vendor/m", ""])
def test_what_was_charged_is_not_absent_however_the_billing_names_its_model(
    simulated: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    nothing: list[Listed | None] = [None] * MIN_POLLS
    row = Billed("r", "p", model, "deduct", 210_000, clock())
    memory = remembered(simulated, clock, monkeypatch, nothing, billed=[row])
    (finding,) = memory.findings.values()
    assert isinstance(finding, Ambiguous)
    assert [each.prediction_id for each in finding.candidates] == ["p"]
