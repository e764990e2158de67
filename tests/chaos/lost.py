"""How lost answers were lost and settled, read from the ledger server's own log.

The ledger keeps what an attempt is, not what it was. The append-only file keeps every
write in order, so the whole life of each attempt can be read from it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

#: Why an answer was lost, by what its failure says; the first that fits counts.
KINDS = {
    r"process that sent it ended": "sender killed",
    r"no answer within": "no answer in time",
    r"without a usable id": "200 without an id",
    r"HTTP 5\d\d": "5xx",
    r".": "line dropped",
}
SETTLED = {"generating": "adopted", "absent": "proven absent"}

ATTEMPT = re.compile(r"attempt:\d+")


def settled(ledger_folder: Path) -> Counter[tuple[str, str]]:
    """How many were lost in which way and settled in which, over all attempts."""
    unknown: dict[tuple[str, str], str] = {}
    found: Counter[tuple[str, str]] = Counter()
    for job, name, attempt in _attempts(ledger_folder):
        outcome = attempt["outcome"]
        if outcome == "unknown":
            reason = (attempt.get("failure") or {}).get("message", "")
            unknown.setdefault((job, name), _kind(reason))
        elif (job, name) in unknown:
            kind = unknown.pop((job, name))
            found[kind, SETTLED.get(outcome, outcome)] += 1
    found.update((kind, "left open") for kind in unknown.values())
    return found


def _kind(reason: str) -> str:
    return next(kind for words, kind in KINDS.items() if re.search(words, reason + " "))


def _attempts(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every write of an attempt, in order: key of the job, name, the attempt."""
    for path in sorted(folder.glob("**/*.incr.aof")):
        with path.open("rb") as file:
            for words in _commands(file):
                if words[0].upper() != b"HSET":
                    continue
                pairs = zip(words[2::2], words[3::2], strict=True)
                for name, value in pairs:
                    if ATTEMPT.fullmatch(name.decode()):
                        yield words[1].decode(), name.decode(), json.loads(value)


def _commands(file: BinaryIO) -> Iterator[list[bytes]]:
    """The commands of an append-only file, up to one that was cut off by a kill."""
    while (line := file.readline()).startswith((b"*", b"#")):
        if line.startswith(b"#"):
            continue
        words = []
        for _ in range(int(line[1:])):
            length = file.readline()
            word = file.read(int(length[1:]) + 2)
            words.append(word[:-2])
        yield words
