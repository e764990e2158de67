"""How much the stand-in can do at most: `python -m bench ceiling`.

It loads it from another process with one kind of request at a time and prints how many
a second were answered, and what one cost the stand-in in CPU. On two cores the load
takes as much as the stand-in, so what is printed is rather too low than too high.
"""

import argparse
import json
import subprocess
import sys

import psutil

from bench.standin.load import REQUESTS
from bench.standin.starting import Standin, started

#: Every video is complete at once, and may be asked for.
_AT_ONCE = "--median-s=0.000001"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load")
    parser.add_argument("--video-bytes", type=int, default=200_000)


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Load it with each kind of request."""
    return ceiling(asked.connections, asked.seconds, asked.video_bytes)


def ceiling(
    connections: int = 16, seconds: float = 3.0, video_bytes: int = 200_000
) -> dict[str, object]:
    """What a stand-in on this machine answers at most, under a load in one process."""
    told: dict[str, object] = {
        "question": "the ceiling of the stand-in server",
        "connections": connections,
        "video_bytes": video_bytes,
    }
    with started(_AT_ONCE, f"--video-bytes={video_bytes}") as standin:
        for kind in REQUESTS:
            per_s, cpu_ms = _loaded(standin, kind, connections, seconds)
            told |= {f"{kind}_per_s": round(per_s), f"cpu_ms_per_{kind[:-1]}": cpu_ms}
    return told


def _loaded(
    standin: Standin, kind: str, connections: int, seconds: float
) -> tuple[float, float]:
    """Answers a second, and milliseconds of the stand-in's CPU for each."""
    process = psutil.Process(standin.pid)
    command = [sys.executable, "-m", "bench.standin.load", standin.url, kind]
    options = [f"--connections={connections}", f"--seconds={seconds}"]
    before = process.cpu_times()
    ended = subprocess.run(  # noqa: S603 - a list that the bench made, no shell
        [*command, *options], check=True, stdout=subprocess.PIPE
    )
    after = process.cpu_times()
    told = json.loads(ended.stdout)
    if told["refused"] or not told["answers"]:
        raise RuntimeError(f"the stand-in refused {kind}: {told}")
    cpu_s = after.user + after.system - before.user - before.system
    per_s = told["answers"] / told["wall_s"]
    return per_s, round(1_000 * cpu_s / told["answers"], 4)
