from hypothesis import given
from hypothesis import strategies as st

from sandbox.books import Books
from sandbox.predictions import COMPLETED, Prediction


def prediction(number: int, at_s: float) -> Prediction:
    return Prediction(str(number), number, "m", {}, 7, at_s, at_s, at_s, COMPLETED)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=20),
    st.lists(st.floats(0, 110), max_size=5).map(sorted),
)
def test_a_refund_counts_from_its_time_in_whatever_order_it_was_booked(
    deals: list[tuple[float, float]], looks_s: list[float]
) -> None:
    books = Books(1_000)
    deals = sorted(deals)
    for number, (at_s, delay_s) in enumerate(deals):
        one = prediction(number, at_s)
        books.deduct(one)
        books.refund(one, at_s + delay_s)
    for now_s in looks_s:
        due = sum(at_s + delay_s <= now_s for at_s, delay_s in deals)
        assert books.balance_usd_micros(now_s) == 1_000 - 7 * len(deals) + 7 * due


def test_a_refund_dated_into_the_past_counts_at_once() -> None:
    books = Books(100)
    early, late = prediction(1, 1.0), prediction(2, 2.0)
    books.deduct(early)
    books.deduct(late)
    books.refund(late, 10.0)
    assert books.balance_usd_micros(20.0) == 93
    books.refund(early, 5.0)
    assert books.balance_usd_micros(20.0) == 100


def test_rows_come_in_the_order_of_time_either_way() -> None:
    books = Books(100)
    for number, at_s in enumerate((1.0, 2.0, 3.0)):
        one = prediction(number, at_s)
        books.deduct(one)
        books.refund(one, at_s + 1.5)
    newest = list(books.rows(2.0, 4.0, None, newest_first=True))
    assert [row.at_s for row in newest] == [3.5, 3.0, 2.5, 2.0]
    assert list(books.rows(2.0, 4.0, None, newest_first=False)) == newest[::-1]
