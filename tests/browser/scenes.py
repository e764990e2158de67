"""What the pictures of the documentation show: batches as people have them.

Each scene is the real thing against the stand-in, with its own home and store below one
folder, so that what is said of places is the same on every machine.
"""

import csv
import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

from jobs.catalogue import builtin
from jobs.ledger.snapshots import BatchSnapshot
from jobs.states import State
from producer.watching.eta import Pace
from producer.watching.status import take_all
from tests.fleet.running import API_KEY, Fleet, fleet
from tests.producer.running import REELMILL, Desk, desk, quick_sandbox, until
from tests.sandbox.running import RunningSandbox

#: Places by names that every machine can have.
PLACES = {"REELMILL_HOME": "home", "REELMILL_STORE": "videos"}

PRODUCTS = ("mug", "lamp", "bag", "chair", "watch", "sneaker")
VIEWS = {
    "orbit": "Slow orbit around the product, soft morning light",
    "push-in": "The camera pushes in until the material fills the frame",
    "dusk": "Dusk falls in the room, still camera",
    "turn": "It turns half way round on a turntable, even studio light",
}
MODELS = ("kling-v2.6-std", "kling-v2.1-std", "kling-v1.6-std", "kling-v3.0-std")

#: What may happen in a night; the answer that is lost has a stranger's beside it.
NIGHT = {
    "outcome_1200": "first 3",
    "outcome_1400": "first 5",
    "outcome_5000": "first 8",
    "submit_429": "first 2",
    "submit_drop_after": "first 1",
    "stranger": "first 1",
}

#: How long the stand-in takes for a video that is watched, and how often it was seen.
GENERATION_S, LEARNT = 4.0, 200

#: A lost answer is settled while somebody waits for the picture.
SOON = {"REELMILL_SUBMIT_TIMEOUT_S": "2", "REELMILL_SETTLING_S": "3"}


def manifest(sandbox: RunningSandbox, views: int, *seasons: str) -> str:
    """A row for each season, each of so many views and each product."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "model", "image", "prompt"])
    for season, view, name in product(seasons, [*VIEWS][:views], PRODUCTS):
        model = MODELS[(len(view) + len(name)) % len(MODELS)]
        picture = f"{sandbox.files_url}/pictures/{name}.jpg"
        writer.writerow(
            [f"{name}-{view}-{season}", model, picture, f"{VIEWS[view]}, {season}"]
        )
    return file.getvalue()


@contextmanager
def demo() -> Iterator[Path]:
    """The report of the demo."""
    with desk() as place:
        environment = {**place.environment, **PLACES}
        subprocess.run(
            [REELMILL, "demo"], cwd=place.folder, env=environment, check=True
        )
        (report,) = place.folder.glob("**/report.html")
        yield report


@contextmanager
def faulty_night() -> Iterator[Path]:
    """The report of a batch to which much has happened."""
    with (
        quick_sandbox(quality="demo", generation_s=1.0, **NIGHT) as sandbox,
        desk(sandbox, **PLACES, **SOON) as place,
    ):
        path = place.write("tonight.csv", manifest(sandbox, 4, "spring"))
        place.run(Path(path.name), "--budget", "20")
        (report,) = place.folder.glob("videos/*/report.html")
        yield report


@contextmanager
def three_nights() -> Iterator[Desk]:
    """A desk whose ledger has three small batches of two teams."""
    with (
        quick_sandbox(generation_s=0.3, outcome_5000="first 3") as sandbox,
        desk(sandbox, **PLACES) as place,
    ):
        for season, team in (
            ("spring", "shoes"),
            ("summer", "shoes"),
            ("sale", "bags"),
        ):
            text = manifest(sandbox, 2, season)
            path = place.write(f"{season}.csv", text)
            place.run(path, "--label", f"team={team}")
        yield place


@contextmanager
def half_way() -> Iterator[tuple[BatchSnapshot, Pace]]:
    """How a batch stands that two workers are half through with, and how it went."""
    with (
        quick_sandbox("--key", API_KEY, generation_s=GENERATION_S) as sandbox,
        fleet(sandbox, REELMILL_CONCURRENT_VIDEOS="16") as made,
    ):
        _teach(made)
        made.ready(made.worker(), made.worker())
        sandbox.configure(outcome_1200="first 2", outcome_5000="first 2")
        text = manifest(sandbox, 4, *(f"look-{number}" for number in range(1, 8)))
        path = made.place.write("spring-shoes.csv", text)
        ended = made.place.reelmill("submit", path, "--yes", "--budget", "60")
        assert ended.code == 0, ended.err
        batches, nows, pace = made.ledger.batches.ids(1), list[BatchSnapshot](), Pace()

        def is_half_way() -> bool:
            nonlocal pace
            nows[:] = take_all(made.ledger, batches, mixed=True)
            pace = pace.after(nows[0])
            return nows[0].count(State.STORED) > 90

        until(is_half_way)
        # Its folder is a temporary one of this machine.
        batch = replace(nows[0].batch, store="videos", manifest=path.name)
        yield replace(nows[0], batch=batch), pace


def _teach(made: Fleet) -> None:
    """Let the ledger know how long videos take, as after some nights."""
    known = [builtin().find(name) for name in MODELS]
    kinds = [(model.id, model.duration_s({})) for model in known]
    learnt = dict.fromkeys(kinds, [GENERATION_S] * LEARNT)
    made.ledger.times.learn(made.chosen.account_id, learnt)
