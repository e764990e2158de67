"""`make fleet-test`: the compose file in real containers, while things break.

A batch is rendered by three workers while the stand-in loses answers, containers are
killed, cut off and paused, a clock is set, and the workers are replaced by ones that
lack a model. At the end every row is stored and paid once. Prints a tally; exit code 0
if all is well, 1 if not, 3 where no container engine answers.
"""

import io
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from tests.containers.engine import (
    FLOWER_URL,
    METRICS_URL,
    EngineError,
    Fleet,
    docker,
    engine_answers,
    remove_images,
)

ROWS = 120
MODELS = ("kling-v2.6-std", "kling-v1.6-std")

#: The model that newer workers lack.
REMOVED = "kling-v1.6-i2v-standard"

#: A condition that does not come true in this time never does.
PATIENCE_S = 600.0

#: A worker whose clock is read from a file; the clock that cannot be set is not faked.
CLOCKED = """
services:
  worker-clock:
    extends: {{ file: {root}/docker-compose.yml, service: worker }}
    image: {image}
    pull_policy: never
    build: !reset null
    command: reelmill worker --name clocked
    environment:
      LD_PRELOAD: /faketime.so
      FAKETIME_TIMESTAMP_FILE: /clock/offset
      FAKETIME_NO_CACHE: "1"
      FAKETIME_DONT_FAKE_MONOTONIC: "1"
    volumes: ["{clock}:/clock:ro"]
"""
CLOCKED_IMAGE = """
FROM reelmill
USER root
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libfaketime \\
 && ln -s "$(find /usr/lib -name libfaketimeMT.so.1)" /faketime.so
USER reelmill
"""

#: Workers of another version, that does not know one of the models.
OTHER = """
services:
  worker: { image: IMAGE, pull_policy: never, build: !reset null }
"""
OTHER_IMAGE = """
FROM reelmill
USER root
RUN python -c "import jobs.catalogue, pathlib; \\
p = pathlib.Path(jobs.catalogue.__file__).with_name('catalogue.toml'); \\
parts = p.read_text().split('[[model]]'); \\
left = [each for each in parts if 'name = \\"REMOVED\\"' not in each]; \\
assert len(left) == len(parts) - 1; p.write_text('[[model]]'.join(left))"
USER reelmill
"""


def say(text: str) -> None:
    """Tell what is done, and when."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def until(what: str, true: Callable[[], Any], patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true.
    """
    end_s = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{what}: not within {patience_s:.0f} s")
        time.sleep(1.0)


def for_s(seconds: float) -> None:
    """Let something that was broken stay so: that is the fault, not a wait for it."""
    time.sleep(seconds)


def picture(number: int) -> bytes:
    """A picture that no other row has, and that is told apart at a glance."""
    drawn = random.Random(number)  # noqa: S311 - pictures are no secrets
    image = Image.new("RGB", (480, 480), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        left, top = drawn.randrange(0, 320), drawn.randrange(0, 320)
        colour = tuple(drawn.randrange(256) for _ in range(3))
        pen.rectangle((left, top, left + 150, top + 150), fill=colour)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def manifest(folder: Path) -> Path:
    """A manifest of rows with pictures and prompts of their own."""
    lines = ["id,model,image,prompt"]
    for number in range(ROWS):
        (folder / f"p{number}.jpg").write_bytes(picture(number))
        model = MODELS[number % len(MODELS)]
        lines.append(f"r{number:03},{model},p{number}.jpg,orbit {number}")
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    folder.chmod(0o755)
    return path


def derived(folder: Path, name: str, text: str) -> str:
    """Build an image from ours; its name."""
    place = folder / name
    place.mkdir()
    (place / "Dockerfile").write_text(text)
    docker("build", "--quiet", "--tag", name, str(place))
    return name


def counts(fleet: Fleet, batch: str) -> Counter[str]:
    """How many rows are in which state."""
    found = [each for each in fleet.reelmill("list") if each["batch"] == batch]
    return Counter(found[0]["jobs"]) if found else Counter()


def stored_more(fleet: Fleet, batch: str, more: int) -> Callable[[], bool]:
    """A condition: so many more rows are stored than now."""
    goal = min(ROWS, counts(fleet, batch)["stored"] + more)

    def reached() -> bool:
        try:
            return counts(fleet, batch)["stored"] >= goal
        except EngineError:  # the ledger is away, which is part of it
            return False

    return reached


def break_things(fleet: Fleet, folder: Path, batch: str) -> None:
    """One fault after the other, while the batch goes on."""
    until("the first videos", stored_more(fleet, batch, 5))
    first, second, *_ = fleet.containers("worker")
    say(f"kill {first}")
    docker("kill", first)
    docker("start", first)
    say(f"cut {second} off for 30 s")
    networks = [f"{fleet.name}_fleet", f"{fleet.name}_store"]
    for network in networks:
        docker("network", "disconnect", network, second)
    for_s(30)
    for network in networks:
        docker("network", "connect", network, second)
    for service, away_s in (("valkey", 2), ("s3", 15)):
        (name,) = fleet.containers(service)
        say(f"kill {name}, start it again after {away_s} s")
        docker("kill", name)
        for_s(away_s)
        docker("start", name)
        until("more videos", stored_more(fleet, batch, 3))
    step_a_clock(folder)
    until("more videos", stored_more(fleet, batch, 3))
    (sandbox,) = fleet.containers("sandbox")
    say("pause the provider for 90 s")
    docker("pause", sandbox)
    for_s(90)
    docker("unpause", sandbox)
    until("more videos", stored_more(fleet, batch, 1))


def step_a_clock(folder: Path) -> None:
    """Set the clock of one worker back by ten minutes, and right again later."""
    say("set a worker's clock back by 10 minutes, then right again")
    for offset in ("-600", "+0"):
        (folder / "clock" / "next").write_text(offset)
        (folder / "clock" / "next").rename(folder / "clock" / "offset")
        for_s(10)


def replace_workers(fleet: Fleet, batch: str, image: str) -> None:
    """Workers of a version that lacks a model, and back."""
    say(f"replace the workers by ones that do not know {REMOVED}")
    fleet.more["other.yml"] = OTHER.replace("IMAGE", image)
    scale = ("--scale", "worker=3")
    fleet.compose("up", "--detach", "--no-deps", *scale, "worker")
    until("the other model goes on", stored_more(fleet, batch, 2))
    del fleet.more["other.yml"]
    say("replace them again")
    fleet.compose("up", "--detach", "--no-deps", "--no-build", *scale, "worker")


def wrong(fleet: Fleet, batch: str) -> list[str]:
    """What is not as it should be at the end."""
    found = []
    states = counts(fleet, batch)
    if states != {"stored": ROWS}:
        found.append(f"not every row is stored: {dict(states)}")
    rows = [row for row in fleet.books()["rows"] if not row["stranger"]]
    paid = Counter(row["inputs"]["prompt"] for row in rows if not row["refunded"])
    twice = {prompt: n for prompt, n in paid.items() if n > 1}
    if twice or len(paid) != ROWS:
        found.append(f"{len(paid)} rows are paid; more than once: {twice}")
    report = fleet.reelmill("report", batch)
    charged = round(float(report["cost"]["charged_usd"]) * 1_000_000)
    booked = sum(row["price_usd_micros"] for row in rows)
    if charged != booked:
        found.append(f"the report says {charged}, the provider's books {booked}")
    auth = ("ann", fleet.password)
    tasks = httpx.get(f"{FLOWER_URL}/api/tasks", auth=auth, trust_env=False).json()
    names = {task["name"] for task in tasks.values()}
    if not {"reelmill.submit", "reelmill.poll", "reelmill.collect"} <= names:
        found.append(f"Flower shows {sorted(names)} only")
    metrics = httpx.get(f"{METRICS_URL}/metrics", trust_env=False).text
    if "\nreelmill_" not in metrics:
        found.append("the metrics have no figures of reelmill")
    logs = fleet.compose("logs", "--no-color", "worker", "scheduler", "metrics")
    traces = [line for line in logs.splitlines() if "Traceback" in line]
    if traces:
        found.append(f"{len(traces)} tracebacks in the logs, the first: {traces[0]}")
    return found


def the_health_check_tells_a_wrong_password(fleet: Fleet) -> list[str]:
    """Nothing, or that the ledger counts as well though nobody could ask it."""
    wrong_words = ("-e", "VALKEYCLI_AUTH=wrong", "-e", "REDISCLI_AUTH=wrong")
    check = ("sh", "-c", "valkey-cli ping | grep -q PONG")
    try:
        fleet.compose("exec", "-T", *wrong_words, "valkey", *check)
    except EngineError:
        return []
    return ["the ledger counts as well with a wrong password"]


def tell(fleet: Fleet, batch: str, began_s: float) -> None:
    """The tally."""
    books = fleet.books()
    rows = books["rows"]
    lost = sum(row["lost_answer"] for row in rows)
    say(
        f"{ROWS} rows, {dict(counts(fleet, batch))}; "
        f"{len(rows)} predictions, {lost} answers lost, "
        f"${books['charged_usd_micros'] / 1e6:.2f} charged, "
        f"{books['worst_60s_starts']} starts in the worst minute; "
        f"{time.monotonic() - began_s:.0f} s"
    )


def exercise(fleet: Fleet, folder: Path) -> list[str]:
    """Everything, from the build to the tally; what is wrong in the end."""
    began_s = time.monotonic()
    say("build the image, and two derived from it")
    fleet.compose("build")
    clocked = derived(folder, f"{fleet.name}-clock", CLOCKED_IMAGE)
    other_text = OTHER_IMAGE.replace("REMOVED", REMOVED)
    other = derived(folder, f"{fleet.name}-other", other_text)
    clock = folder / "clock"
    clock.mkdir(mode=0o755)
    (clock / "offset").write_text("+0")
    root = Path(__file__).parent.parent.parent
    fleet.more["clock.yml"] = CLOCKED.format(root=root, image=clocked, clock=clock)
    say("start the fleet")
    fleet.compose("up", "--detach", "--no-build", "--scale", "worker=3")
    until("every container is well", lambda: not fleet.unwell())
    faults = {"submit_drop_after": 0.05, "submit_5xx_after": 0.03}
    fleet.configure_sandbox(**faults, generation_s=8.0, tier="silver")
    rows = folder / "rows"
    rows.mkdir()
    batch = fleet.submit(manifest(rows))
    say(f"{batch}: {ROWS} rows")
    break_things(fleet, folder, batch)
    replace_workers(fleet, batch, other)
    until("every row is stored", lambda: counts(fleet, batch) == {"stored": ROWS})
    until("every container is well", lambda: not fleet.unwell())
    tell(fleet, batch, began_s)
    return [*wrong(fleet, batch), *the_health_check_tells_a_wrong_password(fleet)]


def main() -> int:
    """Run it; the exit code."""
    if not engine_answers():
        say("no container engine with Compose answers, so nothing was tried")
        return 3
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        fleet = Fleet(folder)
        try:
            found = exercise(fleet, folder)
        except (EngineError, TimeoutError, httpx.HTTPError) as error:
            found = [str(error)]
        finally:
            keep = Path(tempfile.gettempdir()) / "fleet-test.log"
            with suppress(EngineError):
                keep.write_text(fleet.compose("logs", "--no-color"))
            with suppress(EngineError):
                fleet.down()
            remove_images(f"{fleet.name}-clock", f"{fleet.name}-other")
    for each in found:
        say(f"WRONG: {each}")
    say("all is well" if not found else f"the logs are in {keep}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
