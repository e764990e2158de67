import json
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.sandbox.desk import LEAST, V21, V26, V30, Desk, open_desk


@pytest.mark.parametrize("model", LEAST)
def test_a_good_request_is_created_and_charged(desk: Desk, model: str) -> None:
    answer = desk.submit(model).json()
    assert (answer["code"], answer["message"]) == (200, "success")
    data = answer["data"]
    assert (data["model"], data["status"], data["outputs"]) == (model, "created", [])
    assert data["urls"]["get"].endswith(f"/predictions/{data['id']}/result")
    assert len(data["id"]) == 32
    assert desk.books()["charged_usd_micros"] in {210_000, 250_000, 420_000}


@pytest.mark.parametrize("model", LEAST)
def test_a_wrong_input_is_400_and_costs_nothing(desk: Desk, model: str) -> None:
    answer = desk.submit(model, LEAST[model] | {"duration": 7.5})
    assert answer.status_code == answer.json()["code"] == 400
    assert "duration: " in answer.json()["message"]
    assert desk.books()["predictions"] == 0


def test_one_model_wants_its_duration_as_a_string_and_the_others_do_not(
    desk: Desk,
) -> None:
    assert desk.start(V21, duration="10")
    assert desk.submit(V21, LEAST[V21] | {"duration": 10}).status_code == 400
    assert desk.submit(V26, LEAST[V26] | {"duration": "10"}).status_code == 400


def test_the_key_is_checked_first_then_the_model_the_body_the_inputs_the_money(
    desk: Desk,
) -> None:
    desk.configure(balance_usd_micros=0, videos_per_minute=1)
    nowhere, path = "/api/v3/kwaivgi/none", f"/api/v3/{V26}"
    assert desk.ask("POST", nowhere, None, content=b"{").status_code == 401
    assert desk.ask("POST", nowhere, content=b"{").status_code == 404
    assert desk.ask("POST", path, content=b"{").status_code == 400
    assert desk.ask("POST", path, content=b"[]").status_code == 400
    assert desk.ask("POST", path, json={}).status_code == 400
    assert desk.submit().status_code == 402
    desk.configure(balance_usd_micros=210_000)
    assert desk.submit(key="other").status_code == 200
    assert desk.submit(key="other").status_code == 402


def test_only_the_named_keys_are_let_in(tmp_path: Path) -> None:
    with open_desk(tmp_path, "right") as desk:
        assert desk.submit(key="right").status_code == 200
        assert desk.submit(key="wrong").status_code == 401
        assert desk.submit(key="").status_code == 401
        assert desk.submit(key=None).status_code == 401


@pytest.mark.parametrize("status", [402, 403])
def test_no_money_is_the_status_that_is_set(desk: Desk, status: int) -> None:
    desk.configure(balance_usd_micros=209_999, insufficient=status)
    answer = desk.submit()
    assert answer.status_code == status
    assert "nsufficient" in answer.json()["message"]


def test_no_money_can_also_be_a_200_with_code_1407(desk: Desk) -> None:
    desk.configure(balance_usd_micros=0, insufficient=200)
    answer = desk.submit()
    assert (answer.status_code, answer.json()["data"]["code"]) == (200, 1407)
    assert not answer.json()["data"]["id"]
    assert desk.books()["predictions"] == 0


def test_a_word_in_prompt_or_model_is_refused_and_costs_nothing(desk: Desk) -> None:
    desk.configure(forbidden_word="poodle", quoted_word="funds")
    assert desk.submit(inputs=LEAST[V26] | {"prompt": "a poodle"}).status_code == 403
    quoted = desk.submit(inputs=LEAST[V26] | {"prompt": "lack of funds"})
    assert quoted.status_code == 400
    assert '"lack of funds"' in quoted.json()["message"]
    assert desk.submit().status_code == 200
    desk.configure(forbidden_word="v2.6")
    assert desk.submit().status_code == 403
    assert desk.submit(V30).status_code == 200


def test_the_rate_is_exact(desk: Desk) -> None:
    desk.configure(tier="bronze", concurrent=100)
    assert desk.submit().status_code == 200
    desk.clock.now_s += 10
    assert desk.submit().status_code == 200
    desk.clock.now_s += 49.999
    assert desk.submit().status_code == 429
    desk.clock.now_s += 0.001
    assert desk.submit().status_code == 200
    assert desk.submit().status_code == 429
    assert desk.submit(key="another").status_code == 200
    assert desk.books()["worst_60s_starts"] == 2


def test_the_concurrency_is_exact(desk: Desk) -> None:
    desk.configure(concurrent=2)
    desk.start()
    desk.start()
    refused = desk.submit()
    assert refused.status_code == 429
    assert refused.json()["message"] == "You have reached your concurrency limit"
    desk.clock.now_s += 19.999
    assert desk.submit().status_code == 429
    desk.clock.now_s += 0.001
    assert desk.submit().status_code == 200
    assert desk.books()["most_concurrent"] == 2


def test_over_the_concurrency_it_can_also_wait_as_created(desk: Desk) -> None:
    desk.configure(concurrent=1, over_concurrency="queue")
    first, second = desk.start(), desk.start()
    desk.clock.now_s += 19
    assert desk.result(first)["status"] == "processing"
    assert desk.result(second)["status"] == "created"
    desk.clock.now_s += 1
    assert desk.result(first)["status"] == "completed"
    desk.clock.now_s += 19.9
    assert desk.result(second)["status"] == "processing"
    desk.clock.now_s += 0.1
    assert desk.result(second)["status"] == "completed"


def test_a_429_says_when_to_come_again_in_the_form_that_is_set(desk: Desk) -> None:
    desk.configure(videos_per_minute=1)
    desk.start()
    desk.clock.now_s += 20
    assert "retry-after" not in desk.submit().headers
    desk.configure(retry_after="seconds")
    assert desk.submit().headers["retry-after"] == "40"
    desk.configure(retry_after="date")
    moment = parsedate_to_datetime(desk.submit().headers["retry-after"])
    assert moment.timestamp() == desk.clock.now_s + 40
    desk.configure(retry_after="absurd")
    assert int(desk.submit().headers["retry-after"]) > 1e9
    desk.configure(retry_after="seconds", retry_after_s=3)
    assert desk.submit().headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("fault", "status"), [("submit_5xx_before", 503), ("submit_429", 429)]
)
def test_some_faults_create_nothing(desk: Desk, fault: str, status: int) -> None:
    desk.configure(**{fault: "first 1"})
    assert desk.submit().status_code == status
    assert desk.books()["predictions"] == 0
    assert desk.submit().status_code == 200


def test_a_502_may_have_created_one(desk: Desk) -> None:
    desk.configure(submit_5xx_after=1)
    assert desk.submit().status_code == 502
    assert desk.books()["charged_usd_micros"] == 210_000
    assert desk.books()["rows"][0]["lost_answer"] is True


def test_a_garbled_answer_is_no_json_and_hides_the_id(desk: Desk) -> None:
    desk.configure(submit_garbled=1)
    answer = desk.submit()
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    row = desk.books()["rows"][0]
    assert row["lost_answer"]
    assert row["id"] not in answer.text


def test_an_answer_without_an_id_is_a_success_all_the_same(desk: Desk) -> None:
    desk.configure(submit_no_id=1)
    answer = desk.submit()
    assert answer.json()["code"] == 200
    row = desk.books()["rows"][0]
    assert "id" not in answer.json()["data"]
    assert row["lost_answer"]
    assert row["id"] not in answer.text


def test_a_stranger_makes_a_prediction_alike_with_another_picture(desk: Desk) -> None:
    desk.configure(stranger=1)
    mine = desk.start(V30, duration=7, sound=True)
    books = desk.books()
    assert (books["predictions"], books["strangers"]) == (1, 1)
    assert books["charged_usd_micros"] == 882_000
    assert books["balance_usd_micros"] == 1_000_000_000 - 2 * 882_000
    own = next(row for row in books["rows"] if not row["stranger"])
    other = next(row for row in books["rows"] if row["stranger"])
    assert own["id"] == mine
    assert other["inputs"] | {"image": own["inputs"]["image"]} == own["inputs"]
    assert other["inputs"]["image"] != own["inputs"]["image"]
    listed = desk.post("predictions")["items"]
    assert {item["id"] for item in listed} == {own["id"], other["id"]}
    assert not any("stranger" in item for item in listed)


def test_the_same_seed_makes_the_same_history(tmp_path: Path) -> None:
    def history() -> list[object]:
        with open_desk(tmp_path) as desk:
            desk.configure(
                seed=11, spread=0.4, outcome_5000=0.3, outcome_1200=0.2, submit_429=0.3
            )
            codes = [desk.submit().status_code for _ in range(30)]
            desk.clock.now_s += 500
            rows = desk.books()["rows"]
            return [*codes, *((row["status"], row["due_at_s"]) for row in rows)]

    first = history()
    assert first == history()
    assert {200, 429} <= set(first)
