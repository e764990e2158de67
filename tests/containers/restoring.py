"""A backup of the ledger, taken and put back by the commands of the documentation.

They are read from `docs/operations.md` and given as they stand there.
"""

import csv
import io
import re
import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping

from tests.containers.engine import SETTLING_S, EngineError, Fleet, say, until
from tests.containers.files import ROOT


def documented() -> tuple[list[str], list[str]]:
    """The commands that take a backup, and those that put one back."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (section,) = re.findall(r"^## Backups$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    take, put_back = re.findall(
        r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL
    )
    return _commands(take), _commands(put_back)


def _commands(block: str) -> list[str]:
    """The commands of a block; each begins a line with `docker`."""
    return re.split(r"\n(?=docker )", block.strip())


def back_up(fleet: Fleet) -> None:
    """Take a backup while everybody goes on."""
    say(f"take a backup; {fleet.sent()} rows are sent")
    for command in documented()[0]:
        fleet.shell(command)


def put_back(fleet: Fleet) -> None:
    """Put the backup back, though more was sent since.

    Raises:
        EngineError: a command of the documentation does not do what stands there.
    """
    say(f"put the backup back; {fleet.sent()} rows are sent")
    stop, lay, start, doctor, rebuild = documented()[1]
    fleet.shell(stop)
    fleet.keep_logs()
    for command in (lay, start):
        fleet.shell(command)
    found = fleet.shell(doctor, 2)
    if "older than what was sent" not in found:
        raise EngineError(f"the doctor does not say that the ledger is older:\n{found}")
    say("rebuild what the ledger forgot")
    # 3: rows are not over yet.
    say(fleet.shell(rebuild, 0, 3).strip().splitlines()[-1])


def decide(table: str, made: Mapping[str, str]) -> str:
    """The words for a table of candidates: a row's prediction is told by its prompt."""
    file = io.StringIO()
    sheet = csv.writer(file)
    sheet.writerow(("job", "prediction"))
    for row in csv.DictReader(table.splitlines()):
        sheet.writerow((row["job"], made.get(row["prompt"], "absent")))
    return file.getvalue()


def settle_by_hand(fleet: Fleet, batch: str) -> int:
    """Settle what only a person can, by a table, once workers settle nothing more.

    The person looks at the pictures; here the stand-in's books tell.

    Returns:
        How many rows had to be settled so.
    """
    until("rows are over", nothing_goes_on(fleet, batch, quiet_s=1.5 * SETTLING_S))
    left = fleet.counts(batch)["unresolved"]
    if left:
        say(f"settle {left} rows by hand")
        _by_table(fleet, batch)
    return left


def nothing_goes_on(fleet: Fleet, batch: str, quiet_s: float) -> Callable[[], bool]:
    """A condition: every row is stored, or has waited for a person for so long."""
    last: Counter[str] = Counter()
    since_s = time.monotonic()

    def reached() -> bool:
        nonlocal last, since_s
        counts = fleet.counts(batch)
        if counts != last:
            last, since_s = counts, time.monotonic()
        over = +counts == {"stored": counts.total()}
        resting = not (counts.keys() - {"stored", "unresolved"})
        return over or (resting and time.monotonic() > since_s + quiet_s)

    return reached


def _by_table(fleet: Fleet, batch: str) -> None:
    reelmill = 'docker compose run --rm -T -v "$PWD:/in:ro" worker reelmill'
    resolve = f"{reelmill} resolve {shlex.quote(batch)}"
    fleet.shell(f"{resolve} --absent", 0, 3)
    fleet.shell(f"{resolve} --candidates > candidates.csv", 0, 3)
    table = (fleet.folder / "candidates.csv").read_text("utf-8-sig")
    made = {row["inputs"]["prompt"]: row["id"] for row in fleet.books()["rows"]}
    (fleet.folder / "decisions.csv").write_text(decide(table, made))
    fleet.shell(f"{resolve} --decisions /in/decisions.csv", 0, 3)
