import pytest

from sandbox.results import HUGE_BYTES
from tests.sandbox.desk import V26, Desk

DONE_S = 20.0


def test_a_result_goes_from_created_to_completed(desk: Desk) -> None:
    started = desk.start()
    assert desk.result(started)["status"] == "created"
    desk.clock.now_s += 5
    assert desk.result(started)["status"] == "processing"
    assert desk.result(started)["outputs"] == []
    desk.clock.now_s += 15
    done = desk.result(started)
    assert (done["status"], done["error"], done["code"]) == ("completed", "", 0)
    assert done["outputs"] == [f"http://files.test/predictions/{started}/1.mp4"]
    assert done["executionTime"] == done["timings"]["inference"] == 20_000
    assert done["created_at"] == "2027-01-15T08:00:00.000000000Z"
    assert "input" not in done


def test_both_addresses_of_a_result_say_the_same(desk: Desk) -> None:
    started = desk.start()
    answer = desk.ask("GET", f"/api/v3/predictions/{started}")
    assert answer.json()["data"] == desk.result(started)


def test_a_result_shows_the_inputs_when_that_is_set(desk: Desk) -> None:
    desk.configure(result_inputs=True)
    assert desk.result(desk.start(prompt="p"))["input"]["prompt"] == "p"


def test_an_unknown_id_is_404_and_so_is_that_of_another_key(desk: Desk) -> None:
    started = desk.start()
    path = f"/api/v3/predictions/{started}/result"
    assert desk.ask("GET", path, "other").status_code == 404
    assert desk.ask("GET", path, None).status_code == 401
    assert desk.ask("GET", "/api/v3/predictions/nothing/result").status_code == 404


@pytest.mark.parametrize(
    ("fault", "status", "code", "refunded"),
    [
        ("outcome_1200", "failed", 1200, False),
        ("outcome_1400", "failed", 1400, True),
        ("outcome_1402", "failed", 1402, True),
        ("outcome_5000", "failed", 5000, True),
        ("outcome_5003", "failed", 5003, True),
        ("outcome_timeout", "timeout", 5004, True),
        ("outcome_cancelled", "cancelled", 0, True),
        ("outcome_deleted", "deleted", 0, False),
    ],
)
def test_a_failure_is_told_with_200_and_refunded_or_not(
    desk: Desk, fault: str, status: str, code: int, *, refunded: bool
) -> None:
    desk.configure(**{fault: 1})
    started = desk.start()
    assert desk.result(started)["status"] == "created"
    desk.clock.now_s += DONE_S
    failed = desk.result(started)
    assert (failed["status"], failed["code"]) == (status, code)
    assert failed["error"]
    assert failed["outputs"] == []
    books = desk.books()
    assert (books["completed"], books["failed"]) == (0, 1)
    assert books["refunded_usd_micros"] == (210_000 if refunded else 0)
    assert books["rows"][0]["refunded"] is refunded


def test_a_deleted_prediction_is_gone_from_the_history(desk: Desk) -> None:
    kept, gone = desk.start(), desk.start()
    assert desk.post("predictions/delete", ids=[gone, "x"]) == {"deleted_count": 1}
    assert desk.post("predictions/delete", ids=[gone]) == {"deleted_count": 0}
    assert desk.result(gone)["status"] == "deleted"
    assert [item["id"] for item in desk.post("predictions")["items"]] == [kept]
    wrong = desk.ask("POST", "/api/v3/predictions/delete", json={"ids": gone})
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("fault", "status"), [("result_5xx", 503), ("result_429", 429)]
)
def test_a_look_can_be_refused_for_a_while(desk: Desk, fault: str, status: int) -> None:
    started = desk.start()
    desk.configure(**{fault: "first 2"})
    path = f"/api/v3/predictions/{started}/result"
    codes = [desk.ask("GET", path).status_code for _ in range(3)]
    assert codes == [status, status, 200]


def test_a_result_can_be_a_web_page_or_very_large(desk: Desk) -> None:
    path = f"/api/v3/predictions/{desk.start()}/result"
    desk.configure(result_html="first 1", result_huge=1)
    page = desk.ask("GET", path)
    assert page.headers["content-type"].startswith("text/html")
    huge = desk.ask("GET", path)
    assert len(huge.content) == HUGE_BYTES
    assert huge.json()["code"] == 200


def test_a_result_can_have_other_types(desk: Desk) -> None:
    path = f"/api/v3/predictions/{desk.start()}/result"
    desk.configure(result_wrong_types=1)
    data = desk.ask("GET", path).json()["data"]
    assert not any(isinstance(data[name], str) for name in ("id", "status", "outputs"))


@pytest.mark.parametrize("fault", ["result_redirect", "result_redirect_scheme"])
def test_a_result_can_point_elsewhere(desk: Desk, fault: str) -> None:
    path = f"/api/v3/predictions/{desk.start()}/result"
    desk.configure(**{fault: 1})
    answer = desk.ask("GET", path)
    assert answer.status_code == 307
    assert not answer.headers["location"].startswith(desk.provider.url)


def test_an_unknown_status_passes_after_some_looks(desk: Desk) -> None:
    started = desk.start()
    desk.configure(result_unknown_status=1, unknown_status_looks=2)
    desk.clock.now_s += DONE_S
    words = [desk.result(started)["status"] for _ in range(3)]
    assert words == ["warming_up", "warming_up", "completed"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("status_upper", ["CREATED", "PROCESSING", "COMPLETED"]),
        ("status_synonym", ["IN_QUEUE", "in-progress", "Succeeded"]),
    ],
)
def test_a_status_can_have_another_form_wherever_it_is_told(
    desk: Desk, fault: str, words: list[str]
) -> None:
    desk.configure(**{fault: 1})
    started, told = desk.start(), []
    for passed_s in (0, 5, DONE_S):
        desk.clock.now_s += passed_s
        told.append(desk.result(started)["status"])
        assert desk.post("predictions")["items"][0]["status"] == told[-1]
    assert told == words


def test_outputs_can_have_other_forms(desk: Desk) -> None:
    started = desk.start()
    desk.clock.now_s += DONE_S
    (url,) = desk.result(started)["outputs"]
    picture = "http://files.test/pictures/mug.jpg"
    for fault, outputs in {
        "outputs_null": [None, "", url],
        "outputs_cover": [picture, url],
        "outputs_object": [{"cover": picture, "video": {"url": url}}],
        "outputs_space": [f"{url}?name=my clip.mp4"],
        "outputs_none": [],
    }.items():
        desk.configure(**{fault: 1})
        assert desk.result(started)["outputs"] == outputs
        desk.configure(**{fault: 0})


def test_a_prediction_can_go_on_for_good_or_be_unknown(desk: Desk) -> None:
    desk.configure(outcome_never="first 1", result_404="first 1")
    endless, well = desk.start(), desk.start()
    desk.clock.now_s += 1000 * DONE_S
    assert desk.result(well)["status"] == "completed"
    path = f"/api/v3/predictions/{endless}/result"
    assert [desk.ask("GET", path).status_code for _ in range(2)] == [404, 404]
    desk.configure(result_404=0)
    assert desk.result(endless)["status"] == "processing"
    assert desk.books()["completed"] == 1


def test_an_id_or_an_output_can_be_a_trap(desk: Desk) -> None:
    started = desk.start()
    desk.configure(result_id_slashes=1, result_url_scheme=1)
    desk.clock.now_s += DONE_S
    trap = desk.result(started)
    assert trap["id"] == f"../../{started}"
    assert trap["outputs"] == ["file:///etc/passwd"]


def test_what_was_never_polled_is_settled_all_the_same(desk: Desk) -> None:
    for _ in range(3):
        desk.start(V26)
    desk.clock.now_s += DONE_S
    assert desk.books()["completed"] == 3
