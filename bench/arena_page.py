"""What the arena found, for people: tables, and ratios beside what is aimed at.

Everything here is computed from the numbers of `arena`.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from bench.results import Cell, Page, Table

OURS = "reelmill"

#: How much of another contender's CPU ours may take at most.
CPU_SHARES: Mapping[str, tuple[float, str]] = {
    "celery_retry": (1 / 8, "1/8"),
    "aiohttp_script": (2.0, "2"),
}

#: The contender that polls at a fixed spacing and is held up least by itself.
FIXED = "aiohttp_script"

#: From this generation time on, polls shall be half of those at a fixed spacing.
POLLS_FROM_S = 60.0

COLUMNS = (
    ("CPU s per 1,000", "cpu_s_per_1000"),
    ("… broker", "broker_cpu_s_per_1000"),
    ("… producer", "producer_cpu_s_per_1000"),
    ("peak MB", "peak_mb"),
    ("GETs per job", "gets_per_job"),
    ("lag p50 s", "lag_p50_s"),
    ("p95", "lag_p95_s"),
    ("max", "lag_max_s"),
    ("wall s", "wall_s"),
    ("ideal", "ideal_s"),
    ("lost", "lost"),
    ("server cores", "server_cores"),
)

_KILL_COLUMNS = (
    ("under way at the kill", "at_kill_under_way"),
    ("paid by then", "at_kill_paid"),
    ("stored by then", "at_kill_stored"),
    ("lost", "lost"),
    ("jobs paid twice", "paid_twice"),
    ("predictions too many", "paid_too_many"),
    ("never fetched", "paid_for_nothing"),
    ("first request after s", "again_s"),
    ("last video after s", "last_video_s"),
    ("ended", "ended"),
)

#: What was counted, and how; a paragraph is a note. In brackets stands what it is about
#: and may not have run.
_NOTES = """
(rounds)
Medians over {rounds} rounds, the order of contenders turned in each, a fresh server
and a fresh broker for each run. The machine has {cores} cores for contender and
server together; {rest}.

Generation times are log-normal (sigma {spread:g}) and in one round the same for every
contender; nothing limits how many are under way. Polls are {poll_s:g} s apart.

(rounds)
CPU is that of all processes of a contender and its broker, in their own code and in
the kernel, from the word `go`, with everything up, until all is stored. For reelmill
that is the whole command `submit`, Python's start included, and the report of the
batch.

Videos are written to memory (/dev/shm), brokers to the disk.

(rounds)
Memory is the most that all of them held together, each shared page once, asked for
every second.

(rounds)
GETs are polls of predictions, downloads apart. Lag is from the end of a generation by
the server's clock to the time of the file. The ideal wall time is the longest
generation.

(reelmill)
reelmill is as it comes, after a batch of {lesson} jobs that is not counted, from which
it learnt generation times.

(celery_retry)
celery_retry has two processes.

(kills)
Killed is once half of the jobs are being generated; what is missing {kill_bound_s:g}
s later is lost. Celery's visibility time-out was {visibility_s:g} s in these runs; by
default what a dead worker had taken, retries that wait included, stands still for an
hour. What reelmill was about to send is looked for in the provider's history for 180
s, its default, before it counts as never sent.
"""


def page(numbers: Mapping[str, Any]) -> Page:
    """The whole page."""
    times = sorted({each["median_s"] for each in numbers["medians"]})
    return Page(
        title="reelmill beside other ways to render a batch",
        tables=[
            *(_costs(numbers, median_s) for median_s in times),
            aims(numbers),
            *([_kills(numbers["kills"])] if numbers["kills"] else []),
        ],
        notes=_notes(numbers),
    )


def _costs(numbers: Mapping[str, Any], median_s: float) -> Table:
    rows = [
        [each["contender"], *(each.get(figure) for _, figure in COLUMNS)]
        for each in _at(numbers["medians"], median_s)
    ]
    title = f"{numbers['jobs']:,} jobs, {median_s:g} s generation (median)"
    return Table(title, ["", *(name for name, _ in COLUMNS)], rows)


def _at(medians: Sequence[Any], median_s: float) -> list[Any]:
    return [each for each in medians if each["median_s"] == median_s]


def aims(numbers: Mapping[str, Any]) -> Table:
    """What is aimed at, and whether it was reached."""
    columns = ["", "generation s", "aimed at", "found", "reached"]
    rows: list[list[Cell]] = []
    for ours in (each for each in numbers["medians"] if each["contender"] == OURS):
        others = {
            each["contender"]: each
            for each in _at(numbers["medians"], ours["median_s"])
        }
        for what, aim, found, reached in _aims(ours, others):
            name = f"{ours['contender']}: {what}"
            rows.append([name, ours["median_s"], aim, found, reached])
    for kill in numbers["kills"]:
        if kill["contender"] == OURS and "failed" not in kill:
            found = kill["lost"] + kill["paid_twice"]
            name = f"{kill['contender']}: lost or paid twice after a kill"
            rows.append([name, kill["median_s"], "0", found, found == 0])
    return Table("What is aimed at", columns, rows)


def _aims(
    ours: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, float, bool]]:
    for name, (most, shown) in CPU_SHARES.items():
        if name in others:
            share = ours["cpu_s_per_1000"] / others[name]["cpu_s_per_1000"]
            yield f"CPU of {name}'s", f"≤ {shown}", share, share <= most
    if FIXED not in others or ours["median_s"] < POLLS_FROM_S:
        return
    fixed = others[FIXED]
    share = ours["gets_per_job"] / fixed["gets_per_job"]
    yield "GETs of a fixed spacing's", "≤ 1/2", share, share <= 1 / 2
    lag_s, most_s = ours["lag_p50_s"], fixed["lag_p50_s"]
    yield "lag p50, s", f"≤ {most_s:.2f}", lag_s, lag_s <= most_s


def _kills(kills: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [each["contender"], *(each.get(figure) for _, figure in _KILL_COLUMNS)]
        for each in kills
    ]
    title = "SIGKILL of all but the broker, half of the jobs under way"
    return Table(title, ["", *(name for name, _ in _KILL_COLUMNS)], rows)


def _notes(numbers: Mapping[str, Any]) -> list[str]:
    machine = numbers["machine"]
    rest = ", ".join(f"{k} {v}" for k, v in machine.items() if k != "cores")
    told = _NOTES.format(rest=rest, cores=machine["cores"], **numbers)
    ran = {run["contender"] for run in [*numbers["runs"], *numbers["kills"]]}
    ran |= {
        name for name, key in (("rounds", "runs"), ("kills", "kills")) if numbers[key]
    }
    notes = [note.replace("\n", " ") for note in told.strip().split("\n\n")]
    failed = [
        f"{run['contender']} failed in a run: {run['failed'].splitlines()[0]}"
        for run in [*numbers["runs"], *numbers["kills"]]
        if "failed" in run
    ]
    return [*filter(None, (_about(note, ran) for note in notes)), *failed]


def _about(note: str, ran: Container[str]) -> str:
    """A note without what it is about; empty if that did not run.

    >>> _about("(kills) Killed is once ...", {"rounds"})
    ''
    """
    about, bracket, rest = note.removeprefix("(").partition(") ")
    if not (note.startswith("(") and bracket):
        return note
    return rest if about in ran else ""
