"""Workers that die at exact points, one after the other, on a ledger that stays up.

The batch is handed over as the command would do it; then one worker at a time is
started that kills itself at whichever point of `deaths` it reaches first. After each
death nothing runs and the ledger is audited; the next worker finds what the dead one
left, and has the points before it that are still to be reached.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from jobs import catalogue, settings
from jobs.ledger import Ledger
from jobs.settings import Settings, child_environment
from jobs.states import FINAL, State
from producer.enqueue import enqueue
from producer.manifests import Options
from producer.quote import batch_id, new_batch
from producer.report import keep_report
from producer.survey import survey
from tests import forked
from tests.chaos.deaths import KILL, POINTS, REACHED
from tests.chaos.verdict import Tally
from tests.producer.running import Desk, until

ROOT = Path(__file__).parent.parent.parent

#: What a person must settle is over too; in the end it counts as wrong.
OVER = FINAL | {State.UNRESOLVED}

#: A frequent point is hit at one of its first so many calls.
MAX_CALLS = 8

MAX_END_S = 240.0

#: Once all is over a worker still has so long to reach a point.
AFTER_THE_END_S = 2.0

LOOK_S = 0.02

THREADS = "16"


@dataclass(slots=True)
class Range:
    """Where the workers are killed: one home, one ledger, one account."""

    place: Desk
    chosen: Settings
    ledger: Ledger
    chance: random.Random
    tally: Tally
    #: Kills that are still to come, by the point.
    left: Counter[str]

    def is_over(self) -> bool:
        """Whether nothing is left to do for a worker, of all that was ordered."""
        found = [self.ledger.batches.read(i) for i in self.ledger.batches.ids()]
        return all(
            batch.total == sum(batch.counts.get(state, 0) for state in OVER)
            for batch in found
            if batch
        )


def order(range_: Range, manifest: Path) -> None:
    """Hand a manifest over as `reelmill run` does."""
    found = survey(str(manifest), Options(), catalogue.builtin())
    with closing(found):
        found.fingerprint()
        name = batch_id(found, range_.chosen.account_id, range_.chosen.store)
        batch = new_batch(found, range_.chosen, name, fresh=False, now_s=time.time())
        enqueue(range_.ledger, found, batch, alone=False)


def kill_once(range_: Range) -> bool:
    """Run a worker until it reaches a point; whether it did before all was over."""
    reached = range_.place.folder / "reached"
    counts = {
        name: 1 if POINTS[name].rare else range_.chance.randint(1, MAX_CALLS)
        for name in range_.left
    }
    worker = _start_worker(range_, counts, reached)
    try:
        until(lambda: not worker.running or range_.is_over(), MAX_END_S, every_s=LOOK_S)
        # What comes after the end, such as the report, has its time too.
        with suppress(AssertionError):
            until(lambda: not worker.running, AFTER_THE_END_S, every_s=LOOK_S)
        killed = not worker.running
    finally:
        worker.stop()
    if killed:
        name = reached.read_text("utf-8")
        range_.left -= Counter([name])
        range_.tally.kills[name] += 1
    range_.tally.audit(range_.ledger, range_.chosen.account_id)
    return killed


def end(range_: Range) -> None:
    """Let a worker that nobody kills end everything, and report it."""
    worker = _start_worker(range_, {}, range_.place.folder / "reached")
    until(lambda: not worker.running or range_.is_over(), MAX_END_S, every_s=LOOK_S)
    if not worker.running:
        range_.tally.problems.append(f"a worker ended with {worker.returncode}")
    worker.stop()
    for each in range_.ledger.batches.ids():
        keep_report(range_.ledger, each, time.time())


def settings_of(place: Desk) -> Settings:
    """The settings of a desk, for code of ours."""
    return settings.read(place.environment)


def _start_worker(
    range_: Range, counts: Mapping[str, int], reached: Path
) -> forked.Process:
    words = ["-A", "tests.chaos.killing", "worker", "--pool=threads"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    environment = child_environment(range_.chosen) | {
        KILL: json.dumps(counts),
        REACHED: str(reached),
    }
    with (range_.place.home / "worker.log").open("ab") as log:
        return forked.start(
            "celery",
            [*words, f"--concurrency={THREADS}", "--loglevel=INFO", *quiet],
            out=log.fileno(),
            err=log.fileno(),
            cwd=ROOT,
            environment=environment,
        )
