"""Rows of a model that this worker's version does not know hold up no others."""

import pytest

from jobs.catalogue import Catalogue
from jobs.states import State
from tests.worker.workshop import MULTI, Workshop
from worker.engine import Engine


def forget(engine: Engine, name: str) -> Catalogue:
    """Let a worker be of a version that lacks a model; its catalogue before."""
    whole = engine.catalogue
    lacked = whole.find(name).id
    left = [model for model in whole.models.values() if model.id != lacked]
    engine.catalogue = Catalogue.of(left)
    return whole


def test_a_row_that_may_start_is_left_to_a_worker_that_knows_its_model(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.submit.UNKNOWN_MODEL_S", 0.5)
    alien, known, other = shop.order(shop.job(0, MULTI), shop.job(1), shop.job(2))
    whole = forget(shop.engine, MULTI)
    shop.submit()
    assert shop.record(alien).state is State.WAITING
    assert shop.record(known).state is State.GENERATING
    assert shop.record(other).state is State.GENERATING
    batch = shop.ledger.batches.read("spring")
    assert batch
    assert whole.find(MULTI).id in batch.note
    assert shop.ledger.workers.lacked(shop.engine.account) == [whole.find(MULTI).id]
    # It keeps neither a slot nor a start, and is not sent for again at once.
    assert shop.ledger.permits.holders(shop.engine.account) == [known, other]
    assert shop.submit() == []
    shop.engine.catalogue = whole
    shop.until_all(State.STORED)
    shop.check()
    assert len(shop.record(alien).attempts) == 1


def test_a_lost_answer_is_left_to_it_and_all_others_are_looked_for(
    shop: Workshop,
) -> None:
    shop.sandbox.configure(history_inputs=True, submit_drop_after=1)
    known, alien = shop.order(shop.job(0), shop.job(1, MULTI))
    shop.submit()
    shop.sandbox.configure(submit_drop_after=0)
    whole = forget(shop.engine, MULTI)
    shop.settle()
    assert shop.record(known).state is State.GENERATING
    assert shop.record(alien).state is State.UNKNOWN
    shop.engine.catalogue = whole
    shop.until_all(State.STORED)
    shop.check()
