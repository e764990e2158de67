"""Whatever clients do, the books are the billing's sums, and no limit is exceeded."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.state import (
    COMPLETED,
    WINDOW_S,
    Billing,
    Prediction,
    RateWindow,
    take_slot,
)
from tests.sandbox.desk import LEAST, V26, Desk, open_desk

gaps_s = st.floats(0, 40)


def prediction(number: int, at_s: float) -> Prediction:
    return Prediction(str(number), number, "m", {}, 7, at_s, at_s, at_s, COMPLETED)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=20),
    st.lists(st.floats(0, 110), max_size=5).map(sorted),
)
def test_a_refund_counts_from_its_time_in_whatever_order_it_was_booked(
    deals: list[tuple[float, float]], looks_s: list[float]
) -> None:
    billing = Billing(1_000)
    made = [(prediction(n, at_s), delay_s) for n, (at_s, delay_s) in enumerate(deals)]
    for one, _ in sorted(made, key=lambda pair: pair[0].created_at_s):
        billing.deduct(one)
    for one, delay_s in made:
        billing.refund(one, one.created_at_s + delay_s)
    for now_s in looks_s:
        due = sum(at_s + delay_s <= now_s for at_s, delay_s in deals)
        assert billing.left_usd_micros(now_s) == 1_000 - 7 * len(deals) + 7 * due
    rows = list(billing.rows(0, 200, newest_first=True))
    assert [row.at_s for row in rows] == sorted((r.at_s for r in rows), reverse=True)
    assert list(billing.rows(0, 200, newest_first=False)) == rows[::-1]


@given(st.lists(gaps_s, min_size=1, max_size=60), st.integers(1, 5))
def test_no_60_seconds_see_more_starts_than_the_limit(
    waits_s: list[float], limit: int
) -> None:
    window, now_s, starts = RateWindow(), 0.0, []
    for wait_s in waits_s:
        now_s += wait_s
        if window.wait_s(now_s, limit) <= 0:
            window.add(now_s)
            starts.append(now_s)
    most = max(
        sum(start - WINDOW_S < other <= start for other in starts) for start in starts
    )
    assert most == window.worst <= limit


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 30))), st.integers(1, 4))
def test_no_more_work_than_slots_and_none_idle_while_work_waits(
    jobs: list[tuple[float, float]], limit: int
) -> None:
    ends_s: list[float] = []
    spans: list[tuple[float, float]] = []
    now_s = 0.0
    for gap_s, length_s in jobs:
        now_s += gap_s
        starts_s = take_slot(ends_s, now_s, length_s, limit)
        assert starts_s >= now_s
        assert sum(start <= starts_s < end for start, end in spans) < limit
        if starts_s > now_s:
            assert any(end == pytest.approx(starts_s) for _, end in spans)
        spans.append((starts_s, starts_s + length_s))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(LEAST)), st.floats(0, 15)), max_size=12),
    st.integers(0, 99),
)
def test_the_books_are_the_sums_of_the_billing(
    starts: list[tuple[str, float]], seed: int
) -> None:
    with TemporaryDirectory() as folder, open_desk(Path(folder)) as desk:
        desk.configure(
            seed=seed,
            outcome_5000=0.3,
            outcome_1200=0.2,
            refund_delay_s=7,
            stranger=0.2,
        )
        for model, gap_s in starts:
            desk.now_s += gap_s
            desk.start(model)
        desk.now_s += 30
        billed = {"deduct": Decimal(0), "refund": Decimal(0)}
        for row in desk.post("billings/search", page_size=100)["items"]:
            billed[row["billing_type"]] += Decimal(str(row["price"]))
        left = desk.ask("GET", "/api/v3/balance").json()["data"]["balance"]
        books = desk.books()
    charged = sum(row["price_usd_micros"] for row in books["rows"])
    refunded = sum(row["refunded_usd_micros"] for row in books["rows"])
    assert billed["deduct"] * 1_000_000 == charged
    assert billed["refund"] * 1_000_000 == refunded
    assert Decimal(str(left)) * 1_000_000 == 1_000_000_000 - charged + refunded
    own = [row for row in books["rows"] if not row["stranger"]]
    assert books["charged_usd_micros"] == sum(row["price_usd_micros"] for row in own)
    assert books["refunded_usd_micros"] == sum(
        row["refunded_usd_micros"] for row in own
    )
    assert books["predictions"] == books["completed"] + books["failed"] == len(starts)
    assert books["strangers"] == len(books["rows"]) - len(own)


def test_the_rate_is_exact_and_each_key_has_its_own(desk: Desk) -> None:
    desk.configure(tier="bronze", concurrent=100)
    codes = []
    for passed_s in (0, 10, 49.999, 0.001, 0):
        desk.now_s += passed_s
        codes.append(desk.submit().status_code)
    assert codes == [200, 200, 429, 200, 429]
    assert desk.submit(key="another").status_code == 200
    books = desk.books()
    assert (books["predictions"], books["worst_60s_starts"]) == (4, 2)
    assert [sheet["predictions"] for sheet in books["by_key"].values()] == [3, 1]
    assert books["requests"] == {"submit": 6}
    assert books["answers"] == {"200": 4, "429": 2}


def test_the_concurrency_is_exact(desk: Desk) -> None:
    desk.configure(concurrent=2)
    codes = []
    for passed_s in (0, 0, 0, 19.999, 0.001):
        desk.now_s += passed_s
        codes.append(desk.submit().status_code)
    assert codes == [200, 200, 429, 429, 200]
    assert desk.books()["most_concurrent"] == 2


def test_over_the_concurrency_it_can_also_wait_as_created(desk: Desk) -> None:
    desk.configure(concurrent=1, over_concurrency="queue")
    first, second = desk.start(), desk.start()
    seen = []
    for passed_s in (19, 1, 19.9, 0.1):
        desk.now_s += passed_s
        seen.append([desk.result(each)["status"] for each in (first, second)])
    assert seen == [
        ["processing", "created"],
        ["completed", "created"],
        ["completed", "processing"],
        ["completed", "completed"],
    ]


def test_what_was_never_polled_is_settled_all_the_same(desk: Desk) -> None:
    desk.configure(refund_delay_s=100, outcome_5000="first 1")
    desk.start(V26)
    desk.start(V26)
    desk.now_s += 119.9
    books = desk.books()
    assert (books["completed"], books["failed"]) == (1, 1)
    assert books["refunded_usd_micros"] == 210_000
    assert books["balance_usd_micros"] == 1_000_000_000 - 420_000
    desk.now_s += 0.1
    assert desk.books()["balance_usd_micros"] == 1_000_000_000 - 210_000
