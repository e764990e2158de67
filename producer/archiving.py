"""Archiving batches by a person's word: `archive`.

A worker does the same by itself once a batch has rested long enough; how it is done
stands in `jobs.ledger.archiving`, and the way back in `recalling`.
"""

import re
import time
from dataclasses import dataclass
from functools import partial

from jobs.ledger import Ledger, archiving
from jobs.ledger.archive_file import BadArchive
from jobs.ledger.archives import NotNow, Sealed, Unreported
from jobs.moves import Ref
from jobs.records import BatchRecord
from jobs.settings import Settings
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

#: For so long no worker reports a batch that is being reported here.
LEASE_S = 600.0


def archive(batches: tuple[str, ...], *, older_than: str | None, json: bool) -> int:
    """Archive these batches, or all that have rested for so long."""
    if bool(batches) == (older_than is not None):
        raise Stop("name batches, or say --older-than 30d, not both or neither")
    rest_s = _seconds(older_than) if older_than else None
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        names = batches
        if rest_s is not None:
            account = find_account(ledger, chosen)
            names = tuple(ledger.archives.rested(account, rest_s, ledger.now_s()))
        found = [find_batch(ledger, name, whole=False) for name in names]
        done = [_archive(ledger, chosen, batch, json=json) for batch in found]
    if json:
        print_json_list(each.told for each in done)
    elif not done:
        tables.say(f"no batch is over and has rested for {older_than}")
    return max((each.code for each in done), default=Exit.STORED)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if not found:
        raise Stop(f"--older-than {text}: write it as 12h, 30d or 8w")
    return float(found[1]) * UNITS_S[found[2]]


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of one batch."""

    told: dict[str, object]
    code: Exit


def _archive(
    ledger: Ledger, chosen: Settings, batch: BatchRecord, *, json: bool
) -> _Done:
    """Archive a batch and tell what came of it."""
    told: dict[str, object] = {"batch": batch.id, "jobs": batch.total}
    try:
        store = Store(batch.store)
        sealed = _reported_and_archived(ledger, chosen, store, batch)
    except (NotNow, BadArchive, StoreError) as error:
        tables.say(f"{batch.id} is not archived: {error}")
        away = isinstance(error, StoreError)
        code = Exit.UNREACHABLE if away else Exit.INCOMPLETE
        return _Done(told | {"archived": None, "why_not": str(error)}, code)
    place = store.place(sealed.key)
    if not json:
        tables.say(f"{batch.id}: {counted(batch.total)} archived as {place}")
    return _Done(told | {"archived": place, "why_not": None}, Exit.STORED)


def _reported_and_archived(
    ledger: Ledger, chosen: Settings, store: Store, batch: BatchRecord
) -> Sealed:
    archive_it = partial(
        archiving.archive, ledger, store, batch.id, reuse_days=chosen.reuse_days
    )
    try:
        return archive_it()
    except Unreported:
        # As a worker does it: what happens to the batch meanwhile makes it due anew.
        ledger.due.extend(batch.account, [Ref(batch.id, "")], LEASE_S)
        version = ledger.due.report_version(batch.id)
        keep_report(ledger, batch.id, time.time())
        if chosen.notifies:
            over = ledger.batches.read(batch.id)
            ledger.tellings.add_batch(over, chosen.report_url)
        ledger.due.drop_batch(batch.account, batch.id, version)
        return archive_it()
