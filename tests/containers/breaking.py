"""What is done to a fleet while a batch goes on.

Each fault finds rows that are still to be sent: else it would try nothing.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.containers.engine import EngineError, Fleet, docker, for_s, say, until
from tests.containers.rows import LEFT_MODEL, REMOVED, ROWS_OF_A_MODEL

#: Workers of another version, that does not know one of the models.
OTHER = """
services:
  worker: {{ image: {image}, build: !reset null }}
"""
OTHER_IMAGE = f"""
FROM reelmill
USER root
RUN python -c "import jobs.catalogue, pathlib; \\
p = pathlib.Path(jobs.catalogue.__file__).with_name('catalogue.toml'); \\
parts = p.read_text().split('[[model]]'); \\
left = [each for each in parts if 'name = \\"{REMOVED}\\"' not in each]; \\
assert len(left) == len(parts) - 1; p.write_text('[[model]]'.join(left))"
USER reelmill
"""


def derive(folder: Path, name: str, text: str) -> str:
    """Build an image from ours; its name."""
    place = folder / name
    place.mkdir()
    (place / "Dockerfile").write_text(text)
    docker("build", "--quiet", "--tag", name, str(place))
    return name


def break_things(fleet: Fleet, batch: str) -> None:
    """One fault after the other, while the batch goes on.

    Args:
        fleet: what is broken.
        batch: id of the batch.

    Raises:
        EngineError: nothing was left to be sent.
    """
    until("the first videos", lambda: fleet.counts(batch)["stored"] >= 3)
    first, second, *_ = fleet.containers("worker")
    with cut_off(fleet, second, 30):
        kill(first, 0)
        for service, away_s in (("s3", 15), ("valkey", 2)):
            (name,) = fleet.containers(service)
            kill(name, away_s)
    pause_provider(fleet, batch, 90)


@contextmanager
def cut_off(fleet: Fleet, container: str, away_s: float) -> Iterator[None]:
    """Take a container off its networks for so long, and do other things meanwhile."""
    say(f"cut {container} off for {away_s} s, and meanwhile:")
    networks = [f"{fleet.name}_fleet", f"{fleet.name}_store"]
    for network in networks:
        docker("network", "disconnect", network, container)
    began_s = time.monotonic()
    yield
    for_s(began_s + away_s - time.monotonic())
    for network in networks:
        docker("network", "connect", network, container)


def kill(container: str, away_s: float) -> None:
    """Kill a container, and start it again later."""
    say(f"kill {container}, start it again after {away_s} s")
    docker("kill", container)
    for_s(away_s)
    docker("start", container)


def pause_provider(fleet: Fleet, batch: str, away_s: float) -> None:
    """Pause the stand-in, so that it deals late with what is sent meanwhile."""
    must_have_rows_to_send(fleet, batch)
    (name,) = fleet.containers("sandbox")
    say(f"pause the provider for {away_s} s")
    most = fleet.counts(batch)["unknown"] + 5
    docker("pause", name)
    began_s = time.monotonic()
    until("answers lost", lambda: fleet.counts(batch)["unknown"] > most, away_s)
    for_s(began_s + away_s - time.monotonic())
    docker("unpause", name)


def replace_workers(fleet: Fleet, batch: str, image: str) -> None:
    """All workers become ones of a version that lacks a model.

    Raises:
        EngineError: nothing of that model was left to be sent.
    """
    must_have_rows_to_send(fleet, batch)
    say(f"replace the workers by ones that do not know {REMOVED}")
    fleet.compose("stop", "worker")
    fleet.keep_logs()
    fleet.more["other.yml"] = OTHER.format(image=image)
    scale = ("--scale", "worker=3")
    fleet.compose("up", "--detach", "--no-deps", *scale, "worker")
    until("the other model goes on", lambda: fleet.sent(LEFT_MODEL) >= ROWS_OF_A_MODEL)
    if fleet.sent(REMOVED) >= ROWS_OF_A_MODEL:
        raise EngineError(f"no row of {REMOVED} was left for workers that lack it")
    del fleet.more["other.yml"]


def must_have_rows_to_send(fleet: Fleet, batch: str) -> None:
    """Return if a fault can still harm something."""
    if not fleet.counts(batch)["waiting"]:
        raise EngineError("all rows are sent; nothing is left that a fault could harm")
