"""Which batch a manifest is, and what is left to pay of it.

A batch is known by its content, so the same manifest is the same batch.
"""

import hashlib
import re
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

from jobs.ledger import Ledger
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.storage import StoreError, normal
from producer import account
from producer.exits import CommandError
from producer.load import STORE_CURE, budget_of
from producer.lookup import deleted_words
from producer.options import BatchOptions, given_labels
from producer.price_view import PriceView, finish
from producer.survey import Survey, weigh

#: Digits of the digest that a batch id carries.
DIGEST_DIGITS = 8

MAX_STEM = 40


def batch_id(found: Survey, account_id: str, store: str) -> str:
    """Name of the batch of a manifest: its file's, and a digest of what it asks.

    Account and store belong to it: the same rows for another account or another
    store are another batch.
    """
    name = PurePosixPath(found.source.rstrip("/")).name
    stem = name.rpartition(".")[0] or name
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:MAX_STEM]
    try:
        asked = f"{found.digest}\n{account_id}\n{normal(store)}"
    except StoreError as error:
        raise CommandError(f"{error}; {STORE_CURE}") from None
    digits = hashlib.sha256(asked.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{stem or 'batch'}-{digits}"


def resolve_batch_id(ledger: Ledger, first: str, *, fresh: bool) -> str:
    """Which batch of one manifest is meant: the newest, or with `fresh` a new one.

    Each time that all is rendered afresh is a batch of its own: `first`, `first-2`, …
    One that is not over yet is gone on with by the same word, so that an interrupted
    one is not paid again from its beginning; without the word nobody pays for it.
    """
    names = [first]
    while ledger.batches.read(following := f"{first}-{len(names) + 1}"):
        names.append(following)
    there = ledger.batches.read(names[-1])
    if fresh and there and there.is_over:
        return following
    if not fresh and there and there.fresh and not there.is_over:
        return names[-2] if len(names) > 1 else f"{first}-0"
    return names[-1]


def new_batch(
    found: Survey, settings: Settings, name: str, *, fresh: bool, now_s: float
) -> BatchRecord:
    """The batch that a survey is to become, as long as there is none of that name."""
    return BatchRecord(
        id=name,
        manifest=encodable(found.source),
        account=settings.account_id,
        store=normal(settings.store),
        priority=1,
        attempts=settings.attempts,
        budget_usd_micros=None,
        created_at_s=now_s,
        complete=False,
        fresh=fresh,
        folder=encodable(str(Path.cwd())),
    )


def encodable(name: str) -> str:
    r"""Text with what UTF-8 has not, such as bytes of a file's name, as escapes.

    >>> encodable("caf\udce9.csv")
    'caf\\udce9.csv'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def weighed_batch(
    ledger: Ledger, found: Survey, chosen: Settings, spending: BatchOptions
) -> BatchRecord:
    """The batch that a manifest is or becomes, weighed against what is there.

    One whose job records are deleted is as it is; nothing of it is sent again.
    """
    first = batch_id(found, chosen.account_id, chosen.store)
    name = resolve_batch_id(ledger, first, fresh=spending.fresh)
    batch = new_batch(found, chosen, name, fresh=spending.fresh, now_s=time.time())
    there = ledger.batches.read(name)
    if there and there.deleted_at_s:
        return there
    fresh = there.fresh if there else spending.fresh
    weigh(found, None if fresh else ledger, batch, alone=not chosen.redis_url)
    return replace(
        batch,
        fresh=fresh,
        budget_usd_micros=budget_of(spending),
        priority=spending.priority,
        labels=given_labels(spending.label),
    )


def nothing_is_sent(batch: BatchRecord) -> str:
    """What is said of a batch whose job records are deleted."""
    return f"{deleted_words(batch)}; nothing was sent, --fresh renders all anew"


def quote(
    found: Survey, ledger: Ledger, chosen: Settings, batch: BatchRecord
) -> PriceView:
    """What it costs and when it is done, with the provider's word where it has one."""
    balance = None
    if chosen.api_key:
        questions = found.bill.questions
        balance, quotes = account.balance_and_quotes(chosen, questions)
        found.bill.take_quotes(quotes)
    known = ledger.permits.read(chosen.account_id)
    done = finish(
        found.bill,
        chosen,
        now_s=time.time(),
        learnt={
            (line.model.id, line.duration_s): ledger.times.learnt(
                chosen.account_id, line.model.id, line.duration_s
            )
            for line in found.bill.lines
        },
        slots_in_use=known.slots_in_use,
        today_usd_micros=known.today_usd_micros,
    )
    return PriceView(found, done, chosen, balance, batch.budget_usd_micros)
