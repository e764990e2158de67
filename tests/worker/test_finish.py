"""The finish task: the report of what a worker really did is as its schema says."""

import json
from itertools import count
from typing import Any

import pytest

from jobs import transitions
from jobs.storage import Store
from jobs.transitions import Ref
from tests.worker.workshop import Workshop
from worker.finish import finish


def reported(shop: Workshop) -> dict[str, Any]:
    """What the report of the batch says that a worker writes."""
    due = shop.ledger.delay_queue.lease(shop.engine.account, 10, 30.0)
    shop.engine.run(finish(shop.engine, [ref for ref, _ in due]))
    path = shop.store / "spring" / "spring" / "report.json"
    return dict(json.loads(path.read_text("utf-8")))


def test_a_batch_that_changes_while_it_is_reported_is_reported_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = shop.order(shop.job(0), budget_usd_micros=0)
    shop.submit()
    with monkeypatch.context() as patch:
        puts, keep = count(), Store.put_chunks

        def cancelled_meanwhile(store: Store, *args: Any) -> int:
            if next(puts) == 0:
                cancel = transitions.cancel(ref.batch, shop.record(ref))
                shop.ledger.transitions.apply([cancel])
                shop.ledger.delay_queue.extend(
                    shop.engine.account, [Ref(ref.batch, "")], 30.0
                )
            return keep(store, *args)

        patch.setattr(Store, "put_chunks", cancelled_meanwhile)
        assert reported(shop)["rows"][0]["state"] == "waiting"
    assert reported(shop)["rows"][0]["state"] == "cancelled"
    assert shop.ledger.delay_queue.count(shop.engine.account) == 0
