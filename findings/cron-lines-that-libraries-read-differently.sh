#!/usr/bin/env bash
# Three libraries, one line of crontab, other days: a day that begins with `*`, and a night.
#
# Expected: libraries that read a crontab's five fields agree on when `0 9 */2 * 1` and
# `30 2 * * *` are due. But in two of them `*/2` as a day joins the weekday by "and" and
# in one by "or"; the same days spelt `1-31/2` change sides in only one of them. And the
# hour that comes twice in October runs a nightly job twice in one of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cronsim==2.8 croniter==7.0.0 cron-converter==2.0.2 tzdata
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from datetime import datetime
from importlib.metadata import version
from zoneinfo import ZoneInfo

from cron_converter import Cron
from croniter import croniter
from cronsim import CronSim

BERLIN = ZoneInfo("Europe/Berlin")
NOVEMBER = datetime(2026, 11, 1, tzinfo=BERLIN)
NIGHT = datetime(2026, 10, 24, 12, tzinfo=BERLIN)


def by_cronsim(line: str, start: datetime) -> list[datetime]:
    times = CronSim(line, start)
    return [next(times) for _ in range(3)]


def by_croniter(line: str, start: datetime) -> list[datetime]:
    times = croniter(line, start)
    return [times.get_next(datetime) for _ in range(3)]


def by_cron_converter(line: str, start: datetime) -> list[datetime]:
    times = Cron(line).schedule(start)
    return [times.next() for _ in range(3)]


LIBRARIES = {
    "cronsim": by_cronsim,
    "croniter": by_croniter,
    "cron-converter": by_cron_converter,
}
EVERY_OTHER_AND, EVERY_OTHER_OR = ["11-09", "11-23", "12-07"], ["11-01", "11-02", "11-03"]
ONCE, TWICE = ["10-25", "10-26", "10-27"], ["10-25", "10-25", "10-26"]
FOUND = {
    ("0 9 */2 * 1", NOVEMBER): (EVERY_OTHER_AND, EVERY_OTHER_OR, EVERY_OTHER_AND),
    ("0 9 1-31/2 * 1", NOVEMBER): (EVERY_OTHER_OR, EVERY_OTHER_OR, EVERY_OTHER_AND),
    ("30 2 * * *", NIGHT): (ONCE, TWICE, ONCE),
}
same = True
print(", ".join(f"{name} {version(name)}" for name in LIBRARIES))
for (line, start), expected in FOUND.items():
    print(f"{line!r} in Europe/Berlin after {start:%Y-%m-%d %H:%M}:")
    for (name, due), days in zip(LIBRARIES.items(), expected, strict=True):
        found = [f"{time:%m-%d}" for time in due(line, start)]
        print(f"  {name:15}{' '.join(found)}")
        same = same and found == days
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
