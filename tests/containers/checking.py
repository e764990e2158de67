"""What must be true of a fleet in the end, whatever was done to it."""

import re
from collections import Counter
from collections.abc import Iterator

import httpx

from tests.containers.engine import FLOWER_URL, METRICS_URL, USER, EngineError, Fleet
from tests.containers.files import health_of
from tests.containers.rows import ROWS

#: What a line of a log looks like that tells of an error.
ERROR = re.compile(r"\b(?:ERROR|CRITICAL|FATAL|Traceback)\b|^\[E |panic:")

#: Errors that are told because the ledger's server was killed and stopped, and because
#: a backup was put back.
EXPLAINED = re.compile(
    r"Cannot connect to redis|Failed to capture events: 'Error |"
    r"reelmill\.marks the ledger is older than what was sent"
)


def wrong(fleet: Fleet, batch: str) -> list[str]:
    """What is not as it should be, a sentence each."""
    return [
        *_of_rows(fleet, batch),
        *_of_flower(fleet),
        *_of_metrics(batch),
        *_of_logs(fleet),
        *_of_a_wrong_password(fleet),
    ]


def _of_rows(fleet: Fleet, batch: str) -> Iterator[str]:
    """Each is stored and paid once, and the report says what the books say."""
    states = fleet.counts(batch)
    if states != {"stored": ROWS}:
        yield f"not every row is stored: {dict(states)}"
    rows = [row for row in fleet.books()["rows"] if not row["stranger"]]
    made = Counter(row["inputs"]["prompt"] for row in rows)
    if len(made) != ROWS or len(rows) != ROWS:
        twice = {prompt: n for prompt, n in made.items() if n > 1}
        yield f"{len(made)} rows have a prediction; more than one: {twice}"
    cost = fleet.reelmill("report", batch)["cost"]
    charged = round(float(cost["charged_usd"]) * 1_000_000)
    booked = sum(row["price_usd_micros"] for row in rows)
    if charged != booked:
        yield f"the report says {charged}, the provider's books {booked}"


def _of_flower(fleet: Fleet) -> Iterator[str]:
    """It shows tasks, and workers by the names of their containers."""
    with httpx.Client(
        base_url=FLOWER_URL, auth=(USER, fleet.password), trust_env=False, timeout=30
    ) as client:
        tasks = client.get("/api/tasks").raise_for_status().json()
        workers = client.get("/workers", params={"json": "1"}).raise_for_status().json()
    names = {task["name"] for task in tasks.values()}
    if not {"reelmill.submit", "reelmill.poll", "reelmill.collect"} <= names:
        yield f"Flower shows {sorted(names)} only"
    live = {each["hostname"] for each in workers["data"] if each["status"]}
    ids = {f"worker@{each}" for each in fleet.container_ids("worker")}
    if live != ids:
        yield f"workers are {sorted(ids)}, Flower shows {sorted(live)}"


def _of_metrics(batch: str) -> Iterator[str]:
    """They are scraped, and say what the ledger says."""
    text = httpx.get(f"{METRICS_URL}/metrics", trust_env=False, timeout=30).text
    lines = [line for line in text.splitlines() if f'batch="{batch}"' in line]
    stored = [line for line in lines if 'state="stored"' in line]
    if [float(line.split()[-1]) for line in stored] != [ROWS]:
        yield f"the metrics say of stored rows: {stored}"


def _of_logs(fleet: Fleet) -> Iterator[str]:
    """No container told of an error that has no reason."""
    fleet.keep_logs()
    lines = {line for text in fleet.said for line in text.splitlines()}
    errors = sorted(x for x in lines if ERROR.search(x) and not EXPLAINED.search(x))
    for line in errors[:10]:
        yield f"a log says: {line}"
    if len(errors) > 10:
        yield f"the logs tell of {len(errors)} errors"


def _of_a_wrong_password(fleet: Fleet) -> Iterator[str]:
    """The ledger does not count as well where nobody can ask it."""
    words = ("-e", "VALKEYCLI_AUTH=wrong", "-e", "REDISCLI_AUTH=wrong")
    try:
        fleet.compose("exec", "-T", *words, "valkey", *health_of("valkey"))
    except EngineError:
        return
    yield "the ledger counts as well with a wrong password"
