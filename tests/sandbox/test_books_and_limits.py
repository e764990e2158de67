"""Whatever clients do, the books are the billing's sums, and no limit is exceeded."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.state import WINDOW_S, RateWindow
from tests.sandbox.desk import LEAST, V26, Desk, open_desk


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60), st.integers(1, 5))
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
