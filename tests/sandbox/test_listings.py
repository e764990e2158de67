from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.desk import BEGAN_S, LEAST, V16, V26, V30, Desk


def moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]


def rows(page: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["billing_type"], row["prediction"]["uuid"]) for row in page["items"]]


def test_history_is_newest_first_and_in_pages(desk: Desk) -> None:
    started = []
    for _ in range(5):
        started.append(desk.start())
        desk.clock.now_s += 1
    newest_first = started[::-1]
    assert ids(desk.post("predictions")) == newest_first
    assert ids(desk.post("predictions", page=2, page_size=2)) == newest_first[2:4]
    assert ids(desk.post("predictions", page=4, page_size=2)) == []
    desk.configure(page_cap=1)
    assert ids(desk.post("predictions", page=2, page_size=100)) == newest_first[1:2]


def test_history_is_chosen_by_model_status_and_time(desk: Desk) -> None:
    old = desk.start(V26)
    desk.clock.now_s += 20
    new = desk.start(V16)
    desk.clock.now_s += 5
    assert ids(desk.post("predictions", model=V26)) == [old]
    assert ids(desk.post("predictions", status="processing")) == [new]
    assert ids(desk.post("predictions", status="completed")) == [old]
    middle = moment(BEGAN_S + 10)
    assert ids(desk.post("predictions", created_after=middle)) == [new]
    assert ids(desk.post("predictions", created_before=middle)) == [old]
    assert ids(desk.post("predictions", created_after="2030-01-01T00:00:00Z")) == []


def test_history_can_lag_and_show_inputs(desk: Desk) -> None:
    desk.configure(history_lag_s=5)
    started = desk.start()
    desk.clock.now_s += 4.9
    assert ids(desk.post("predictions")) == []
    desk.clock.now_s += 0.1
    assert ids(desk.post("predictions")) == [started]
    assert "input" not in desk.post("predictions")["items"][0]
    desk.configure(history_inputs=True)
    assert desk.post("predictions")["items"][0]["input"] == LEAST[V26]


@pytest.mark.parametrize("path", ["predictions", "billings/search"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page", "1"),
        ("page", 0),
        ("page", True),
        ("page_size", 101),
        ("page_size", 0),
        ("page_size", "20"),
    ],
)
def test_a_wrong_page_is_400_by_its_name(
    desk: Desk, path: str, name: str, value: object
) -> None:
    answer = desk.ask("POST", f"/api/v3/{path}", json={name: value})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("predictions", {"created_after": "yesterday"}),
        ("predictions", {"created_after": "2026-01-01T00:00:00"}),
        ("predictions", {"model": 7}),
        ("billings/search", {"billing_type": "gift"}),
        ("billings/search", {"sort": "price"}),
        ("billings/search", {"prediction_uuids": "x"}),
        ("model/price", {"model_id": V26, "inputs": {"duration": 7}}),
        ("model/price", {"model_id": V26, "inputs": []}),
    ],
)
def test_a_question_that_means_nothing_is_400(
    desk: Desk, path: str, body: dict[str, object]
) -> None:
    assert desk.ask("POST", f"/api/v3/{path}", json=body).status_code == 400


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ("history_5xx", "predictions"),
        ("billing_5xx", "billings/search"),
        ("price_5xx", "model/price"),
        ("price_5xx", "model/pricing"),
    ],
)
def test_a_listing_can_be_out_of_order(desk: Desk, fault: str, path: str) -> None:
    desk.configure(**{fault: "first 1"})
    body = {"model_id": V26, "inputs": {}}
    assert desk.ask("POST", f"/api/v3/{path}", json=body).status_code == 503
    assert desk.ask("POST", f"/api/v3/{path}", json=body).status_code == 200


def test_billing_shows_a_deduction_at_once_and_a_refund_in_its_time(
    desk: Desk,
) -> None:
    desk.configure(outcome_5000=1, refund_delay_s=100)
    failed = desk.start()
    assert rows(desk.post("billings/search")) == [("deduct", failed)]
    assert desk.post("billings/search")["items"][0]["order"]["state"] == "pre"
    desk.clock.now_s += 119.9
    assert rows(desk.post("billings/search")) == [("deduct", failed)]
    assert desk.books()["refunded_usd_micros"] == 210_000
    assert desk.books()["balance_usd_micros"] == 999_790_000
    desk.clock.now_s += 0.1
    both = [("refund", failed), ("deduct", failed)]
    assert rows(desk.post("billings/search")) == both
    assert rows(desk.post("billings/search", sort="created_at ASC")) == both[::-1]
    assert desk.books()["balance_usd_micros"] == 1_000_000_000


def test_billing_is_chosen_by_kind_prediction_model_and_time(desk: Desk) -> None:
    desk.configure(outcome_5000="first 1")
    one = desk.start(V26)
    two = desk.start(V30)
    desk.clock.now_s += 30
    search = "billings/search"
    assert rows(desk.post(search, billing_type="refund")) == [("refund", one)]
    assert rows(desk.post(search, model_uuid=V30)) == [("deduct", two)]
    chosen = desk.post(search, prediction_uuids=[one, "unknown"])
    assert rows(chosen) == [("refund", one), ("deduct", one)]
    late = desk.post(search, start_time=moment(BEGAN_S + 1))
    assert rows(late) == [("refund", one)]
    early = desk.post(search, end_time=moment(BEGAN_S + 1), prediction_uuids=[one])
    assert rows(early) == [("deduct", one)]


def test_billing_says_whether_there_is_more_or_how_many(desk: Desk) -> None:
    for _ in range(3):
        desk.start()
    page = desk.post("billings/search", page_size=2)
    assert (len(page["items"]), page["has_more"]) == (2, True)
    last = desk.post("billings/search", page_size=2, page=2)
    assert (len(last["items"]), last["has_more"]) == (1, False)
    desk.configure(billing_total=True)
    assert desk.post("billings/search", page_size=2)["total"] == 3


def test_billing_can_lag(desk: Desk) -> None:
    desk.configure(billing_lag_s=60)
    desk.start()
    desk.clock.now_s += 59
    assert desk.post("billings/search")["items"] == []
    desk.clock.now_s += 1
    assert len(desk.post("billings/search")["items"]) == 1


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(LEAST)), st.floats(0, 15)), max_size=12),
    st.integers(0, 99),
)
def test_the_books_are_the_sums_of_the_billing(
    desk: Desk, starts: list[tuple[str, float]], seed: int
) -> None:
    key = f"key {seed} {len(starts)} {len(desk.provider.accounts)}"
    desk.configure(
        seed=seed, outcome_5000=0.3, outcome_1200=0.2, refund_delay_s=7, stranger=0.2
    )
    for model, gap_s in starts:
        desk.clock.now_s += gap_s
        assert desk.submit(model, key=key).status_code == 200
    desk.clock.now_s += 30
    billed = {"deduct": Decimal(0), "refund": Decimal(0)}
    answer = desk.ask(
        "POST", "/api/v3/billings/search", key, json={"page_size": 100}
    ).json()["data"]
    for row in answer["items"]:
        billed[row["billing_type"]] += Decimal(str(row["price"]))
    account = desk.provider.accounts[key]
    rows_of_books = [row for row in desk.books()["rows"] if row["key"] == account.name]
    charged = sum(row["price_usd_micros"] for row in rows_of_books)
    refunded = sum(row["refunded_usd_micros"] for row in rows_of_books)
    assert billed["deduct"] * 1_000_000 == charged
    assert billed["refund"] * 1_000_000 == refunded
    left = desk.ask("GET", "/api/v3/balance", key).json()["data"]["balance"]
    assert Decimal(str(left)) * 1_000_000 == 1_000_000_000 - charged + refunded
    sheet = desk.books()["by_key"][account.name]
    own = [row for row in rows_of_books if not row["stranger"]]
    assert sheet["charged_usd_micros"] == sum(r["price_usd_micros"] for r in own)
    assert sheet["refunded_usd_micros"] == sum(r["refunded_usd_micros"] for r in own)
    assert sheet["predictions"] == sheet["completed"] + sheet["failed"] == len(starts)


def test_a_price_may_differ_from_the_list_and_is_what_is_charged(desk: Desk) -> None:
    desk.configure(price_percent=90)
    inputs = {"duration": 10}
    quote = desk.post("model/price", model_id=V26, inputs=inputs)
    assert (quote["price"], quote["discounted_price"]) == (0.42, 0.378)
    desk.start(V26, **inputs)
    (row,) = desk.books()["rows"]
    assert row["price_usd_micros"] == 378_000


def test_an_older_provider_quotes_prices_in_the_older_way(desk: Desk) -> None:
    desk.configure(newer_routes=False)
    question = {"model_id": V26, "inputs": {}}
    assert desk.ask("POST", "/api/v3/model/price", json=question).status_code == 404
    quote = desk.post("model/pricing", **question)
    assert quote == {"model_id": V26, "unit_price": 0.21, "currency": "USD"}


def test_a_price_is_quoted_without_a_charge(desk: Desk) -> None:
    inputs = {"duration": 15, "sound": True}
    quote = desk.post("model/price", model_id=V30, inputs=inputs)
    assert (quote["price"], quote["discounted_price"]) == (1.89, 1.89)
    assert desk.books()["charged_usd_micros"] == 0
    unknown = desk.ask("POST", "/api/v3/model/price", json={"model_id": "none"})
    assert unknown.status_code == 404


def test_every_model_is_listed_with_its_schema(desk: Desk) -> None:
    listed = desk.ask("GET", "/api/v3/models").json()["data"]
    assert {model["model_id"] for model in listed} == set(LEAST)
    run = listed[0]["api_schema"]["api_schemas"][0]
    assert run["api_path"] == f"/api/v3/{listed[0]['model_id']}"
    assert run["request_schema"]["type"] == "object"
