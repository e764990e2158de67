"""What single mishaps cost: the same night with and without them, side by side."""

import random
from dataclasses import dataclass, field

import pytest

from jobs.attempt import failures
from jobs.attempt.failures import rejection
from jobs.ledger import Ledger
from jobs.pace.limits import Limits
from jobs.pace.poll_schedule import PollSchedule
from jobs.pace.waits import LONGEST_COOLING_S
from jobs.provider.answers import SubmitAnswer, Throttled
from jobs.states import State
from jobs.transitions import Ref
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, batch_of, record_of
from tests.jobs.pace.night import PULSE_S, Generation, Night

JOBS = 200
GENERATION_S = 60.0


@dataclass(slots=True)
class Mishaps(Night):
    """A night in which the provider answers some requests otherwise."""

    #: By the number of the request, from 0.
    answers: dict[int, SubmitAnswer] = field(default_factory=dict)
    requests: int = 0
    consecutive: dict[Ref, int] = field(default_factory=dict)

    def pulse(self) -> None:
        Night.pulse(self)
        account = self.ledger.permits.read(ACCOUNT)
        admitted = [ref for _, _, what, ref in self.events if ref and what == "accept"]
        for ref in admitted:
            self.consecutive.setdefault(ref, account.consecutive_rejections)
        waits = batch_of(self.ledger, self.name).counts.get(State.WAITING)
        soon_s = self.clock() + PULSE_S
        if waits and not any(e[0] <= soon_s and e[2] == "pulse" for e in self.events):
            self.then(0.0, "pulse")

    def accept(self, ref: Ref) -> None:
        answer = self.answers.get(self.requests)
        self.requests += 1
        before = self.consecutive.pop(ref)
        if answer is None:
            Night.accept(self, ref)
            return
        record, luck = record_of(self.ledger, ref), self.luck.random()
        told = rejection(ref, record.permit, answer, before, luck)
        assert told
        self.ledger.permits.reject(ACCOUNT, told)
        move = failures.after_submit(
            ref.batch,
            record,
            answer,
            now_s=self.clock(),
            first_poll_s=1.0,
            reconcile_in_s=1.0,
        )
        self.move(move)
        self.then(0.0, "pulse")


def lasts_s(
    ledger: Ledger,
    clock: Clock,
    limits: Limits,
    answers: dict[int, SubmitAnswer],
) -> float:
    schedule = PollSchedule.of([GENERATION_S] * 20, GENERATION_S, 5.0)
    luck = random.Random(1)  # noqa: S311 - made-up times, the same in every run
    generations = [Generation(GENERATION_S * luck.uniform(0.8, 1.2), schedule)] * JOBS
    name = f"night-{clock():.0f}"
    night = Mishaps(ledger, clock, generations, luck, name, answers=answers)
    seconds = night.last(limits)
    clock.forward(2 * LONGEST_COOLING_S)
    return seconds


@pytest.mark.parametrize("limits", [Limits(500, 100)])
def test_a_stray_429_makes_a_run_hardly_longer(
    simulated: Ledger, clock: Clock, limits: Limits
) -> None:
    undisturbed_s = lasts_s(simulated, clock, limits, {})
    for request in (2, 50, JOBS - 1):
        stray: dict[int, SubmitAnswer] = {request: Throttled("slow down")}
        seconds = lasts_s(simulated, clock, limits, stray)
        assert seconds <= 1.3 * undisturbed_s
        assert simulated.permits.read(ACCOUNT).adaptive_concurrency is None
