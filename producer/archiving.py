"""Archiving batches by a person's word: `archive`.

A worker does the same by itself once a batch has rested long enough; how it is done
stands in `jobs.archiving`, and the way back in `recalling`.
"""

import re
import time
from collections.abc import Iterator

from jobs import archiving
from jobs.archive import BadArchive
from jobs.ledger import Ledger
from jobs.ledger.archives import NotNow, Sealed, Unreported
from jobs.moves import Ref
from jobs.records import BatchRecord
from jobs.storage import Store, StoreError
from producer import tables
from producer.choosing import chosen_settings
from producer.consent import counted
from producer.exits import Exit, Stop
from producer.finding import find_account, find_batch
from producer.printing import print_json_list
from producer.private import ledger_of
from producer.rendering import keep_report

UNITS_S = {"h": 3_600, "d": 86_400, "w": 604_800}

#: Batches that are looked up at a time, and for how long nobody else takes them.
BLOCK = 50
LEASE_S = 600.0


def archive(batches: tuple[str, ...], *, older_than: str | None, json: bool) -> int:
    """Archive these batches, or all that have rested for so long."""
    if bool(batches) == (older_than is not None):
        raise Stop("name batches, or say --older-than 30d, not both or neither")
    rest_s = _seconds(older_than) if older_than else None
    chosen = chosen_settings()
    done: list[dict[str, object]] = []
    with ledger_of(chosen, alone=False) as ledger:
        names: Iterator[str] = iter(batches)
        if rest_s is not None:
            names = _rested(ledger, find_account(ledger, chosen), rest_s)
        for name in names:
            batch = find_batch(ledger, name, whole=False)
            done.append(_archive(ledger, batch, json=json))
    if json:
        print_json_list(iter(done))
    elif not done:
        tables.say(f"no batch is over and has rested for {older_than}")
    left = any(each["archived"] is None for each in done)
    return Exit.INCOMPLETE if left else Exit.STORED


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if not found:
        raise Stop(f"--older-than {text}: write it as 12h, 30d or 8w")
    return float(found[1]) * UNITS_S[found[2]]


def _rested(ledger: Ledger, account_id: str, rest_s: float) -> Iterator[str]:
    """Batches that are over and reported for so long, each once."""
    while names := ledger.archives.ripe(account_id, rest_s, BLOCK, LEASE_S):
        yield from names


def _archive(ledger: Ledger, batch: BatchRecord, *, json: bool) -> dict[str, object]:
    """Archive a batch and tell what came of it."""
    told: dict[str, object] = {"batch": batch.id, "jobs": batch.total}
    try:
        store = Store(batch.store)
        place = store.place(_reported_and_archived(ledger, store, batch).key)
    except (NotNow, BadArchive) as error:
        tables.say(f"{batch.id} is not archived: {error}")
        return told | {"archived": None, "why_not": str(error)}
    except StoreError as error:
        raise Stop(
            f"{batch.id} cannot be archived: {error}", Exit.UNREACHABLE
        ) from None
    if not json:
        tables.say(f"{batch.id}: {counted(batch.total)} archived as {place}")
    return told | {"archived": place, "why_not": None}


def _reported_and_archived(ledger: Ledger, store: Store, batch: BatchRecord) -> Sealed:
    try:
        return archiving.archive(ledger, store, batch.id)
    except Unreported:
        # As a worker does it: what happens to the batch meanwhile makes it due anew.
        ledger.due.extend(batch.account, [Ref(batch.id, "")], LEASE_S)
        keep_report(ledger, batch.id, time.time())
        ledger.due.drop_batch(batch.account, batch.id)
        return archiving.archive(ledger, store, batch.id)
