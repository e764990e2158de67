"""One kill in the middle of a run, for each contender, and what it lost by it.

Everything of the contender but its broker is ended by SIGKILL once half of the jobs are
being generated, and started again at once, as an operator would. What a job was paid
and what is there for it is counted at the end.
"""

import time
from typing import Any

from bench.judging import accounts
from bench.rounds import Scene, Setting, scene
from bench.running import await_true

_LOOK_S = 0.05


def play(
    name: str, setting: Setting, *, visibility_s: float, bound_s: float
) -> dict[str, object]:
    """One run with a kill in it, and its figures.

    Args:
        name: which contender.
        setting: what the run is made of.
        visibility_s: after so long Celery's broker delivers anew.
        bound_s: how long all may take from the kill on; what is missing then is lost.
    """
    with scene(name, setting, visibility_s=visibility_s) as made:
        entrant = made.entrant
        entrant.go()
        half = await_true(lambda: _half_is_under_way(made), setting.bound_s, _LOOK_S)
        before = made.server.counts()
        stored_before = len(entrant.place.stored())
        killed_at_s = time.time()
        entrant.kill()
        heard = _heard(made.server.counts())
        entrant.again()
        await_true(lambda: _heard(made.server.counts()) > heard, bound_s, _LOOK_S)
        again_s = time.time() - killed_at_s
        over = await_true(entrant.ended, bound_s - again_s, _LOOK_S)
        outcome = made.outcome()
    last_s = max(outcome.stored_at_s.values(), default=killed_at_s)
    return {
        "contender": name,
        "median_s": setting.median_s,
        "jobs": setting.jobs,
        "at_kill_under_way": before["at_once"] if half else 0,
        "at_kill_paid": before["created"],
        "at_kill_stored": stored_before,
        **accounts(outcome),
        "again_s": again_s,
        "last_video_s": last_s - killed_at_s,
        "ended": over,
    }


def _half_is_under_way(made: Scene) -> bool:
    counts = made.server.counts()
    if not made.entrant.handed_over():
        return False
    return bool(
        counts["at_once"] >= made.setting.jobs / 2
        or counts["created"] >= made.setting.jobs
    )


def _heard(counts: dict[str, Any]) -> int:
    """How many requests the provider has had."""
    return int(counts["posts"] + counts["gets"] + counts["files"])
