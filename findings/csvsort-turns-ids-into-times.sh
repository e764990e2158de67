#!/usr/bin/env bash
# csvsort rewrites the ids of a table by which it does not sort.
#
# Expected: a table sorted by its prompts has its ids as they were; csvkit guesses types to
# sort numbers as numbers. It writes the guesses out: `12d` and `3h`, sizes and versions in a
# shop, are spans of time, `1/2` is a day of 2001, `mon` and `sun` are days of the year 1.
# `csvcut` of the same package leaves them alone, and so does `csvsort --no-inference`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check csvkit==2.2.0 agate==1.14.2
cd "$folder"
venv/bin/python - <<'PYTHON'
import csv
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

COLUMNS = {"spans": ["12d", "3h", "5m"], "parts": ["1/2", "3/4", "5/6"], "days": ["mon", "sun", "wed"]}


def ids(*command: str) -> list[str]:
    """The ids that a command of csvkit prints of ids.csv."""
    done = subprocess.run(
        [f"venv/bin/{command[0]}", *command[1:], "ids.csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr, done.stderr
    return [row["id"] for row in csv.DictReader(done.stdout.splitlines())]


print(f"csvkit {version('csvkit')}, agate {version('agate')}")
found = {}
for name, written in COLUMNS.items():
    lines = [f"{each},prompt {n}" for n, each in enumerate(written)]
    Path("ids.csv").write_text("\n".join(["id,prompt", *lines]) + "\n")
    found[name] = ids("csvsort", "-c", "prompt")
    print(f"  {written}: csvsort prints {found[name]}")
    assert ids("csvcut", "-c", "id,prompt") == written
    assert ids("csvsort", "--no-inference", "-c", "prompt") == written
expected = {
    "spans": ["12 days, 0:00:00", "3:00:00", "0:05:00"],
    "parts": ["2001-01-02", "2001-03-04", "2001-05-06"],
    "days": ["0001-01-08", "0001-01-07", "0001-01-03"],
}
print("as found" if found == expected else "CHANGED")
sys.exit(found != expected)
PYTHON
