"""Each fault happens as often as its odds say, and does what its description says."""

import json
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.settings import FAULTS, Faults, Settings
from sandbox.state import OUTCOMES
from tests.sandbox.desk import LEAST, V26, V30, Desk
from tests.sandbox.running import RunningSandbox

KEY = {"authorization": "Bearer k"}


def faults_with(**changes: object) -> Faults:
    faults = Faults()
    faults.change(changes)
    return faults


@given(st.sampled_from(sorted(FAULTS)), st.integers(0, 9), st.integers(0, 99))
def test_a_fault_happens_as_its_odds_say(name: str, first: int, seed: int) -> None:
    every = {0: 0, 1: 20, f"first {first}": first}
    for odds, times in every.items():
        faults = faults_with(**{name: odds})
        assert sum(faults.happens(name) for _ in range(20)) == times
    other = faults_with(seed=seed, result_5xx=0.5, result_429=0.5)
    alone = faults_with(seed=seed, result_5xx=0.5)
    for _ in range(50):
        other.happens("result_429")
        assert other.happens("result_5xx") is alone.happens("result_5xx")


def test_settings_and_faults_are_changed_while_it_runs(desk: Desk) -> None:
    path = "/sandbox/settings"
    answer = desk.ask("POST", path, None, json={"submit_429": "first 2", "seed": 9})
    shown = desk.ask("GET", path, None).json()
    assert answer.json() == shown
    assert set(shown) == {*Settings.model_fields, *FAULTS}
    assert (shown["submit_429"], shown["seed"]) == ("first 2", 9)
    wrong = desk.ask("POST", path, None, json={"submit_429": 0, "tire": "gold"})
    assert (wrong.status_code, "tire: no such" in wrong.text) == (400, True)
    assert [desk.submit().status_code for _ in range(3)] == [429, 429, 200]


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_ends_a_prediction_and_is_refunded_or_not(
    desk: Desk, name: str
) -> None:
    desk.configure(**{name: "first 1"})
    started, well = desk.start(), desk.start()
    assert desk.result(started)["status"] == "created"
    desk.now_s += 20
    ended, outcome = desk.result(started), OUTCOMES[name]
    assert (ended["status"], ended["code"]) == (outcome.status, outcome.code)
    assert ended["outputs"] == []
    assert desk.result(well)["status"] == "completed"
    books = desk.books()
    refunded = name not in {"outcome_1200", "outcome_deleted", "outcome_never"}
    assert books["refunded_usd_micros"] == 210_000 * refunded
    assert books["failed"] == (name != "outcome_never")


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("submit_5xx_before", V26, 503),
        ("submit_429", V26, 429),
        ("history_5xx", "predictions", 503),
        ("billing_5xx", "billings/search", 503),
        ("price_5xx", "model/price", 503),
    ],
)
def test_a_request_is_refused_and_creates_nothing(
    desk: Desk, name: str, path: str, status: int
) -> None:
    desk.configure(**{name: "first 1"})
    bodies = {V26: LEAST[V26], "media/uploads": {"filename": "x", "size": 7}}
    body = bodies.get(path, {"model_id": V26} if path == "model/price" else {})
    codes = [desk.ask("POST", f"/api/v3/{path}", json=body).status_code for _ in "ab"]
    assert codes == [status, 200]
    assert desk.books()["predictions"] == (path == V26)


@pytest.mark.parametrize("name", ["submit_5xx_after", "submit_garbled", "submit_no_id"])
def test_a_charged_answer_is_lost_without_a_trace_of_its_id(
    desk: Desk, name: str
) -> None:
    desk.configure(**{name: 1})
    answer = desk.submit()
    (row,) = desk.books()["rows"]
    assert (row["lost_answer"], row["price_usd_micros"]) == (True, 210_000)
    assert row["id"] not in answer.text
    assert name != "submit_no_id" or answer.json()["message"] == "success"
    assert answer.status_code == (502 if name == "submit_5xx_after" else 200)
    if name == "submit_garbled":
        with pytest.raises(json.JSONDecodeError):
            answer.json()


def test_another_client_makes_a_similar_prediction(desk: Desk) -> None:
    desk.configure(stranger=1)
    mine = desk.start(V30, duration=7, sound=True)
    books = desk.books()
    assert (books["predictions"], books["strangers"]) == (1, 1)
    assert books["balance_usd_micros"] == 1_000_000_000 - 2 * 882_000
    rows = {row["stranger"]: row for row in books["rows"]}
    own, other = rows[False], rows[True]
    assert own["id"] == mine
    assert other["inputs"] | {"image": own["inputs"]["image"]} == own["inputs"]
    assert other["inputs"] != own["inputs"]
    assert {item["id"] for item in desk.post("predictions")["items"]} == {
        own["id"],
        other["id"],
    }


RESULTS: dict[str, Callable[[httpx.Response], object]] = {
    "result_5xx": lambda answer: answer.status_code == 503,
    "result_429": lambda answer: answer.status_code == 429,
    "result_404": lambda answer: answer.status_code == 404,
    "result_html": lambda answer: "text/html" in answer.headers["content-type"],
    "result_huge": lambda answer: len(answer.content) > 10 * 1024 * 1024,
    "result_redirect": lambda answer: "files.test" in answer.headers["location"],
    "result_redirect_scheme": lambda answer: "file:" in answer.headers["location"],
    "result_wrong_types": lambda answer: answer.json()["data"]["id"] == 7,
    "result_unknown_status": lambda answer: "warming_up" in answer.text,
    "result_id_slashes": lambda answer: "../../" in answer.json()["data"]["id"],
    "result_url_scheme": lambda answer: "file:///etc/passwd" in answer.text,
    "status_upper": lambda answer: '"COMPLETED"' in answer.text,
    "status_synonym": lambda answer: '"Succeeded"' in answer.text,
    "outputs_null": lambda answer: '[null,"","http' in answer.text,
    "outputs_cover": lambda answer: "mug.jpg" in answer.json()["data"]["outputs"][0],
    "outputs_object": lambda answer: '"video":{"url"' in answer.text,
    "outputs_space": lambda answer: "my clip.mp4" in answer.text,
    "outputs_none": lambda answer: answer.json()["data"]["outputs"] == [],
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_has_the_form_of_its_fault(desk: Desk, name: str) -> None:
    started = desk.start()
    desk.now_s += 20
    path = f"/api/v3/predictions/{started}/result"
    assert desk.result(started)["status"] == "completed"
    desk.configure(**{name: 1, "unknown_status_looks": 2})
    assert RESULTS[name](desk.ask("GET", path))
    if name == "result_unknown_status":
        assert desk.result(started)["status"] == "completed"
    if name.startswith("status"):
        listed = desk.post("predictions")["items"][0]["status"]
        assert listed in {"COMPLETED", "Succeeded"}


@pytest.mark.parametrize("name", ["submit_drop_before", "submit_drop_after"])
def test_a_line_is_dropped_before_or_after_the_charge(
    process: RunningSandbox, name: str
) -> None:
    before = process.books()
    process.configure(**{name: "first 1"})
    with pytest.raises(httpx.TransportError):
        submit(process)
    after = process.books()
    charged = after["charged_usd_micros"] - before["charged_usd_micros"]
    assert charged == (210_000 if name == "submit_drop_after" else 0)
    assert after["answers"]["dropped"] == before["answers"].get("dropped", 0) + 1


def test_an_answer_can_be_late_or_a_poll_dropped(process: RunningSandbox) -> None:
    process.configure(submit_late="first 2", submit_late_s=0.05)
    started = submit(process)
    assert process.books(rows=True)["rows"][-1]["lost_answer"] is False
    process.configure(submit_late_s=60, result_drop="first 1")
    before = process.books()["predictions"]
    with pytest.raises(httpx.ReadTimeout):
        submit(process, timeout_s=0.3)
    assert process.books()["predictions"] == before + 1
    url = f"{process.url}/api/v3/predictions/{started}/result"
    with pytest.raises(httpx.TransportError):
        httpx.get(url, headers=KEY)
    assert httpx.get(url, headers=KEY).status_code == 200


def submit(process: RunningSandbox, timeout_s: float = 10) -> str:
    answer = httpx.post(
        f"{process.url}/api/v3/{V26}", headers=KEY, json=LEAST[V26], timeout=timeout_s
    )
    return str(answer.raise_for_status().json()["data"]["id"])


@pytest.fixture
def video(process: RunningSandbox) -> str:
    """The URL of a video."""
    return f"{process.files_url}/predictions/{submit(process)}/1.mp4"


def test_a_download_is_cut_or_has_a_wrong_length(
    process: RunningSandbox, video: str
) -> None:
    whole = httpx.get(video).content
    process.configure(download_truncated="first 1")
    with httpx.stream("GET", video) as answer:
        assert int(answer.headers["content-length"]) == len(whole)
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    process.configure(download_wrong_length="first 1")
    url = urlsplit(video)
    with socket.create_connection((str(url.hostname), url.port or 80)) as line:
        line.sendall(f"GET {url.path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: line.recv(65_536), b"")).partition(
            b"\r\n\r\n"
        )
    assert f"content-length: {len(whole) // 2}".encode() in head
    assert body == whole
    process.configure(download_html="first 1", download_drip=1, drip_bytes_per_s=400)
    assert "text/html" in httpx.get(video).headers["content-type"]
    with httpx.stream("GET", video) as answer:
        assert next(answer.iter_raw()) == whole[:100]
    process.configure(download_drip=0)
