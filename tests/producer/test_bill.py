"""What is to be paid: counted by what decides it, compared to the last micro-dollar."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import catalogue
from producer.account import Balance
from producer.bill import Bill, balance_usd_micros
from tests.producer.asking import NEW, STD, Wanted, a_job


def test_jobs_are_told_apart_by_what_decides_their_price_alone() -> None:
    wanted = Wanted().add(3).add(2, duration=5).add(4, duration=10)
    wanted.add(2, NEW).add(1, NEW, sound=False, cfg_scale=0.7).add(5, NEW, sound=True)
    # Nothing documents how several shots are billed.
    shots = [{"prompt": "a"}, {"prompt": "b"}]
    wanted.add(1, NEW, duration=10, multi_prompt=shots)
    assert {one.key: one.jobs for one in wanted.bill.lines} == {
        "kling-v2.6-std 5 s": 5,
        "kling-v2.6-std 10 s": 4,
        "kling-v3.0-std 5 s": 3,
        "kling-v3.0-std 5 s, sound": 5,
        "kling-v3.0-std 10 s, multi_prompt": 1,
    }


def test_many_jobs_are_one_question() -> None:
    bill, model = Bill(), catalogue.builtin().find(STD)
    for number in range(1_000):
        bill.add(a_job(number), model)
    assert bill.questions == {"kling-v2.6-std 5 s": (model, a_job(0).inputs)}


def test_without_a_price_all_that_may_decide_one_tells_jobs_apart() -> None:
    model = replace(catalogue.builtin().find(NEW), price=None)
    bill = Bill()
    for number, sound in enumerate((True, False, False)):
        job = replace(a_job(number, NEW, sound=sound), price_usd_micros=None)
        bill.add(job, model)
    assert {one.option: one.jobs for one in bill.lines} == {
        "5 s, sound": 1,
        "5 s": 2,
    }
    assert bill.lines[0].each_usd_micros is None


def test_a_quote_counts_and_else_the_list() -> None:
    wanted = Wanted().add(100).add(10, NEW).add(1, NEW, sound=True)
    bill = wanted.quoted({"kling-v2.6-std 5 s": 230_000}).bill
    assert bill.cost_usd_micros == 23_000_000 + 4_200_000 + 630_000
    assert [line.key for line in bill.unquoted] == [
        "kling-v3.0-std 5 s",
        "kling-v3.0-std 5 s, sound",
    ]


def test_a_job_takes_the_quote_of_those_that_cost_the_same() -> None:
    model = catalogue.builtin().find(NEW)
    keys = ("kling-v3.0-std 5 s", "kling-v3.0-std 5 s, sound")
    bill = Wanted().add(1, NEW).quoted({keys[0]: 500_000, keys[1]: "HTTP 503"}).bill
    alike, loud = a_job(2, NEW), a_job(3, NEW, sound=True)
    assert bill.priced(alike, model) == replace(
        alike, price_usd_micros=500_000, quoted=True
    )
    assert bill.priced(loud, model) == loud


def test_what_may_be_paid_later_is_asked_for_and_not_counted() -> None:
    model = catalogue.builtin().find(NEW)
    bill = Wanted().add(1).bill
    bill.see(later := a_job(2, NEW), model)
    assert [*bill.questions] == ["kling-v2.6-std 5 s", "kling-v3.0-std 5 s"]
    assert [line.key for line in bill.lines] == ["kling-v2.6-std 5 s"]
    bill.take_quotes({"kling-v3.0-std 5 s": 1})
    assert bill.priced(later, model).price_usd_micros == 1


def test_what_has_no_price_is_neither_nothing_nor_counted() -> None:
    model = replace(catalogue.builtin().find(STD), price=None)
    wanted = Wanted().add(2, NEW)
    wanted.bill.add(replace(a_job(9), price_usd_micros=None), model)
    bill = wanted.bill
    assert (bill.unpriced, bill.priced_jobs, bill.cost_usd_micros) == (1, 2, 840_000)
    wanted.quoted({"kling-v2.6-std 5 s": 200_000})
    assert (bill.unpriced, bill.priced_jobs, bill.cost_usd_micros) == (0, 3, 1_040_000)


@given(st.integers(0, 50), st.integers(-(10**6), 10**8))
def test_money_covers_as_many_videos_as_it_pays_for(count: int, held: int) -> None:
    covered = Wanted().add(count).bill.covered(held)
    assert 0 <= covered <= count
    assert covered * 210_000 <= max(0, held)
    assert covered == count or (covered + 1) * 210_000 > held


@pytest.mark.parametrize(
    ("told", "micros"),
    [(12.4, 12_400_000), (0.1 + 0.2, 300_000), (0.0000019, 1), (None, None)],
)
def test_a_balance_is_never_taken_for_more_than_it_is(
    told: float | None, micros: int | None
) -> None:
    assert balance_usd_micros(Balance(usd=told)) == micros
