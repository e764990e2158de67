"""The finish task: the report of what a worker really did is as its schema says."""

import json
from itertools import count
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # no types

from jobs import transitions
from jobs.report.document import schema
from jobs.states import State
from jobs.storage import Store
from jobs.transitions import Ref
from tests.worker.workshop import Workshop
from worker.finish import finish

V3 = "kling-v3.0-std"


def reported(shop: Workshop) -> dict[str, Any]:
    """What the report of the batch says that a worker writes."""
    due = shop.ledger.delay_queue.lease(shop.engine.account, 10, 30.0)
    shop.engine.run(finish(shop.engine, [ref for ref, _ in due]))
    path = shop.store / "spring" / "spring" / "report.json"
    return dict(json.loads(path.read_text("utf-8")))


def test_a_real_report_keeps_its_schema_and_tells_what_happened(
    shop: Workshop,
) -> None:
    shop.sandbox.configure(submit_429="first 3")
    loud = shop.job(1, V3, sound=True)
    shop.order(shop.job(0), loud, shop.job(2, duration=7))
    shop.until_all(State.STORED, State.FAILED)
    told = reported(shop)
    Draft202012Validator(json.loads(schema())).validate(told)
    assert told["attempts"]["throttled"] == 3
    limits = shop.ledger.permits.read(shop.engine.account).limits
    assert limits
    assert told["limits"]["concurrent_videos"] == limits.concurrent_videos
    lines = [(b["model"], b["duration_s"], b["options"]) for b in told["by_model"]]
    assert lines == [
        (shop.job(0).model, 5, ""),
        (shop.job(0).model, 7, ""),
        (loud.model, 5, "sound"),
    ]
    stored = [row for row in told["rows"] if row["state"] == "stored"]
    assert len(stored) == 2
    (reason,) = told["failures"]
    assert (reason["code"], reason["ids"]) == ("refused", ["r2"])
    assert all(row["generated_s"] > 0 for row in stored)
    assert sum(told["timeline"]["starts"]) == told["attempts"]["total"] == 3
    assert sum(told["timeline"]["finished"]) == 3


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
