"""The sandbox answers as the provider's pages describe."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import wavespeed

from sandbox.models import MODELS
from tests.sandbox.desk import (
    BEGAN_S,
    LEAST,
    MULTI,
    PICTURE,
    V16,
    V21,
    V26,
    V30,
    Desk,
    open_desk,
)
from tests.sandbox.running import RunningSandbox, running_sandbox

KEY = {"authorization": "Bearer k"}
SHOTS = [{"prompt": "p", "duration": 3}, {"prompt": "q"}]
FILE = b"\xff\xd8 picture \r\n--not a boundary\r\n \r \n \x00"

FULL: dict[str, dict[str, Any]] = {
    V26: {"prompt": "p", "negative_prompt": "n", "duration": 10},
    V16: {"prompt": "p" * 2500, "negative_prompt": "", "guidance_scale": 1},
    V21: {"image": PICTURE, "guidance_scale": 0.5, "duration": "10"},
    V30: {
        "prompt": "",
        "multi_prompt": SHOTS,
        "duration": 15,
        "cfg_scale": 0,
        "sound": True,
        "shot_type": "intelligent",
        "element_list": [{"element_id": "e"}],
    },
    MULTI: {"images": [PICTURE] * 4, "duration": 10, "aspect_ratio": "9:16"},
}


@pytest.mark.parametrize("model", LEAST)
def test_a_request_as_on_the_model_s_page_is_created(desk: Desk, model: str) -> None:
    data = desk.submit(model).json()["data"]
    assert (data["model"], data["status"], data["outputs"]) == (model, "created", [])
    assert data["urls"]["get"].endswith(f"/api/v3/predictions/{data['id']}/result")
    assert len(data["id"]) == 32
    desk.start(model, **FULL[model])


def test_unknown_inputs_can_be_dropped_in_silence_as_the_provider_does(
    desk: Desk,
) -> None:
    desk.configure(drop_unknown=True, result_inputs=True)
    started = desk.start(V26, sead=7)
    assert desk.result(started)["input"] == LEAST[V26]
    assert desk.provider.dropped_inputs == 1


@pytest.mark.parametrize(
    ("model", "inputs", "field"),
    [
        *((model, {"seed": 1}, "seed") for model in LEAST),
        (V26, {"image": None}, "image"),
        (V26, {"image": "file:///etc/passwd"}, "image"),
        (V26, {"duration": "5"}, "duration"),
        (V26, {"duration": 7}, "duration"),
        (V16, {"prompt": "p" * 2501}, "prompt"),
        (V16, {"guidance_scale": 1.01}, "guidance_scale"),
        (V21, {"duration": 5}, "duration"),
        (V30, {"sound": 1}, "sound"),
        (V30, {"multi_prompt": SHOTS}, "prompt"),
        (V30, {"prompt": ""}, "prompt"),
        (V30, {"prompt": "", "multi_prompt": SHOTS, "end_image": PICTURE}, "multi"),
        (V30, {"multi_prompt": [{"duration": 99}]}, "multi_prompt[0].duration"),
        (MULTI, {"images": [PICTURE] * 5}, "images"),
        (MULTI, {"images": [PICTURE, 7]}, "images[1]"),
    ],
)
def test_any_other_input_is_400_by_its_name_and_costs_nothing(
    desk: Desk, model: str, inputs: dict[str, Any], field: str
) -> None:
    answer = desk.submit(model, **inputs)
    assert answer.status_code == answer.json()["code"] == 400
    assert answer.json()["message"].startswith(f"invalid input: {field}")
    assert desk.books()["charged_usd_micros"] == 0


@pytest.mark.parametrize(
    ("model", "inputs", "usd_micros"),
    [
        (V26, {}, 210_000),
        (V26, {"duration": 10}, 420_000),
        (V16, {"duration": 10}, 500_000),
        (V21, {"duration": "10"}, 500_000),
        (MULTI, {"duration": 10}, 500_000),
        (V30, {"duration": 3}, 252_000),
        (V30, {"duration": 15, "sound": True}, 1_890_000),
    ],
)
def test_a_prediction_costs_what_its_page_and_its_quote_say(
    desk: Desk, model: str, inputs: dict[str, Any], usd_micros: int
) -> None:
    quote = desk.post("model/price", model_id=model, inputs=inputs)
    assert quote["discounted_price"] == usd_micros / 1_000_000
    assert desk.books()["charged_usd_micros"] == 0
    desk.start(model, **inputs)
    assert desk.books()["charged_usd_micros"] == usd_micros
    desk.configure(price_percent=50)
    desk.start(model, **inputs)
    assert desk.books()["charged_usd_micros"] == usd_micros + usd_micros // 2


def test_key_model_body_inputs_and_money_are_checked_in_this_order(
    tmp_path: Path,
) -> None:
    with open_desk(tmp_path, "k") as desk:
        desk.configure(balance_usd_micros=0)
        nowhere, path = "/api/v3/kwaivgi/none", f"/api/v3/{V26}"
        for key in (None, "", "wrong"):
            assert desk.ask("POST", nowhere, key, content=b"{").status_code == 401
        assert desk.ask("POST", nowhere, content=b"{").status_code == 404
        for body in (b"{", b"[]", b"{}"):
            assert desk.ask("POST", path, content=body).status_code == 400
        assert desk.submit().status_code == 402
        desk.configure(insufficient=403)
        assert desk.submit().status_code == 403
        desk.configure(insufficient=200)
        assert desk.submit().json()["data"]["code"] == 1407
        assert desk.ask("PUT", "/api/v3/balance").json()["code"] == 405


def test_a_result_goes_from_created_to_completed(desk: Desk) -> None:
    started = desk.start()
    for passed_s, status in ((0, "created"), (5, "processing"), (15, "completed")):
        desk.now_s += passed_s
        assert desk.result(started)["status"] == status
    done = desk.result(started)
    assert (done["error"], done["code"], "input" in done) == ("", 0, False)
    assert done["outputs"] == [f"http://files.test/predictions/{started}/1.mp4"]
    assert done["executionTime"] == done["timings"]["inference"] == 20_000
    assert done["created_at"] == "2027-01-15T08:00:00.000000000Z"
    short = desk.ask("GET", f"/api/v3/predictions/{started}")
    assert short.json()["data"] == done
    path = f"/api/v3/predictions/{started}/result"
    assert desk.ask("GET", path, "other").status_code == 404
    desk.configure(result_inputs=True)
    assert desk.result(started)["input"] == LEAST[V26]


def test_a_word_is_refused_or_flagged_and_a_deleted_prediction_is_gone(
    desk: Desk,
) -> None:
    desk.configure(forbidden_word="poodle", quoted_word="funds", flagged_word="blood")
    assert desk.submit(prompt="a poodle").status_code == 403
    assert '"lack of funds"' in desk.submit(prompt="lack of funds").json()["message"]
    flagged, gone = desk.start(prompt="A Blood Orange"), desk.start()
    desk.now_s += 20
    assert desk.result(flagged)["code"] == 1200
    assert desk.post("predictions/delete", ids=[gone, "x"]) == {"deleted_count": 1}
    assert desk.result(gone)["status"] == "deleted"
    assert [item["id"] for item in desk.post("predictions")["items"]] == [flagged]


def test_history_is_newest_first_in_pages_and_can_be_filtered(desk: Desk) -> None:
    def listed(**body: object) -> list[str]:
        return [item["id"] for item in desk.post("predictions", **body)["items"]]

    old, new = desk.start(V26), ""
    desk.now_s += 20
    new = desk.start(V16)
    desk.now_s += 5
    middle = datetime.fromtimestamp(BEGAN_S + 10, UTC).isoformat()
    assert listed() == [new, old]
    assert listed(page=2, page_size=1) == listed(model=V26) == [old]
    assert listed(status="completed") == listed(created_before=middle) == [old]
    assert listed(status="processing") == listed(created_after=middle) == [new]
    desk.configure(page_cap=1, history_inputs=True, history_lag_s=5.1)
    assert desk.post("predictions")["items"][0]["input"] == LEAST[V26]
    assert listed() == [old]


def test_billing_is_in_pages_and_can_be_filtered(desk: Desk) -> None:
    def rows(**body: object) -> list[tuple[str, str]]:
        page = desk.post("billings/search", **body)
        return [
            (row["billing_type"], row["prediction"]["uuid"]) for row in page["items"]
        ]

    desk.configure(outcome_5000="first 1", refund_delay_s=10)
    one, two = desk.start(V26), desk.start(V30)
    both = [("deduct", two), ("deduct", one)]
    assert rows() == both
    assert desk.post("billings/search")["items"][0]["order"]["state"] == "pre"
    desk.now_s += 30
    assert rows() == [("refund", one), *both]
    assert rows(sort="created_at ASC") == [*both[::-1], ("refund", one)]
    assert rows(billing_type="refund") == [("refund", one)]
    assert rows(model_uuid=V30) == [("deduct", two)]
    assert rows(prediction_uuids=[one, "x"]) == [("refund", one), ("deduct", one)]
    late = datetime.fromtimestamp(BEGAN_S + 1, UTC).isoformat()
    assert rows(start_time=late) == [("refund", one)]
    assert rows(end_time=late) == both
    page = desk.post("billings/search", page_size=2)
    assert (len(page["items"]), page["has_more"]) == (2, True)
    desk.configure(billing_lag_s=30.5)
    assert rows() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("predictions", {"page": "1"}),
        ("predictions", {"page_size": 101}),
        ("predictions", {"created_after": "2026-01-01T00:00:00"}),
        ("billings/search", {"billing_type": "gift"}),
        ("predictions/delete", {"ids": "x"}),
        ("model/price", {"model_id": V26, "inputs": {"duration": 7}}),
        ("media/uploads", {"filename": "x", "size": "7"}),
        (f"{V26}?webhook=ftp%3A%2F%2Fx", LEAST[V26]),
    ],
)
def test_a_question_that_means_nothing_is_400(
    desk: Desk, path: str, body: dict[str, object]
) -> None:
    assert desk.ask("POST", f"/api/v3/{path}", json=body).status_code == 400


def test_every_model_is_listed_with_a_plain_schema(desk: Desk) -> None:
    listed = desk.ask("GET", "/api/v3/models").json()["data"]
    assert [model["model_id"] for model in listed] == list(MODELS)
    assert "$ref" not in json.dumps(listed)
    assert "title" not in json.dumps(listed)
    run = next(m for m in listed if m["model_id"] == V30)["api_schema"]["api_schemas"][
        0
    ]
    schema = run["request_schema"]
    assert (run["api_path"], schema["required"]) == (f"/api/v3/{V30}", ["image"])
    duration = {"type": "integer", "minimum": 3, "maximum": 15, "default": 5}
    assert schema["properties"]["duration"] == duration
    shot = schema["properties"]["multi_prompt"]["items"]
    assert shot["properties"]["duration"] == duration
    assert shot["additionalProperties"] is schema["additionalProperties"] is False


def test_a_429_says_when_to_come_again_in_the_form_that_is_set(desk: Desk) -> None:
    desk.configure(videos_per_minute=1)
    desk.start()
    desk.now_s += 20
    assert "retry-after" not in desk.submit().headers
    desk.configure(retry_after="seconds")
    assert desk.submit().headers["retry-after"] == "40"
    desk.configure(retry_after="date")
    moment = parsedate_to_datetime(desk.submit().headers["retry-after"])
    assert moment.timestamp() == desk.now_s + 40
    desk.configure(retry_after="absurd")
    assert int(desk.submit().headers["retry-after"]) > 1e9


def test_a_file_is_put_by_its_ticket_and_kept_for_seven_days(desk: Desk) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield FILE

    ticket = desk.post("media/uploads", filename="..\\a/my mug.jpg", size=len(FILE))
    url, upload = ticket["download_url"], ticket["upload"]
    assert (upload["method"], url.endswith("/my%20mug.jpg")) == ("PUT", True)
    headers = upload["headers"]
    assert desk.ask("GET", url, None).status_code == 404

    def put(content: Any, **changes: str) -> int:
        given = {"headers": headers | changes, "content": content}
        return desk.ask("PUT", upload["url"], None, **given).status_code

    assert put(FILE[:-1]) == put(FILE, **{"Content-Type": "text/css"}) == 400
    assert put(FILE, **{"X-Upload-Seal": "x"}) == 403
    assert put(pieces()) == 411
    assert put(FILE) == 200
    got = desk.ask("GET", url, None)
    assert (got.content, got.headers["content-type"]) == (FILE, "image/jpeg")
    desk.now_s += 7 * 86_400
    assert desk.ask("GET", url, None).status_code == 200
    desk.now_s += 1
    assert desk.ask("GET", url, None).status_code == 404


def test_a_key_that_is_sent_to_the_files_is_refused_and_counted(desk: Desk) -> None:
    url = "http://files.test/pictures/mug.jpg"
    assert desk.ask("GET", url, None).content.startswith(b"\xff\xd8")
    assert desk.ask("GET", url, "secret").status_code == 400
    books = desk.books()
    assert (books["key_leaks"], "secret" in str(books)) == (1, False)


def test_the_vendor_s_own_client_uploads_renders_and_is_told_of_a_failure(
    process: RunningSandbox, tmp_path: Path
) -> None:
    client = wavespeed.Client(api_key="sdk", base_url=process.url)
    path = tmp_path / "watch & chain.jpg"
    path.write_bytes(httpx.get(f"{process.files_url}/pictures/watch.jpg").content)
    url = client.upload(str(path))
    assert httpx.get(url).content == path.read_bytes()
    inputs = {"image": url, "prompt": "p", "duration": "5"}
    (video,) = client.run(V21, inputs, poll_interval=0.05, timeout=20)["outputs"]
    assert httpx.get(video).content[4:8] == b"ftyp"
    part = httpx.get(video, headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    gone = {"image": f"{process.files_url}/pictures/none.jpg"}
    failed = client.run_no_throw(V26, gone, poll_interval=0.05, timeout=20)
    assert "Media access failed" in failed["error"]
    assert process.books()["key_leaks"] == 0


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--set=tire=gold", "tire: no such setting"),
        ("--fault=submit_429", "submit_429: write it as NAME=VALUE"),
        ("--port={}", "name another port with --port"),
        ("--books={older}", "name a new file with --books"),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_exit_code_2(
    process: RunningSandbox, tmp_path: Path, argument: str, words: str
) -> None:
    taken, older = process.url.rpartition(":")[2], tmp_path / "older.jsonl"
    older.write_text('{"owner": "0", "id": "1"}\n')
    command = [sys.executable, "-m", "sandbox", "--port=0"]
    command.append(argument.format(taken, older=older))
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=20
    )
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert words in ended.stderr


def test_arguments_become_settings_and_a_signal_ends_it_well() -> None:
    arguments = ["--tier=bronze", "--history-lag-s=3", "--balance=12.5", "--key=k"]
    pairs = ["--fault=submit_429=first 1", "--set=insufficient=403"]
    with running_sandbox(*arguments, *pairs) as sandbox:
        settings = sandbox.configure()
        assert (settings["tier"], settings["history_lag_s"]) == ("bronze", 3)
        assert settings["balance_usd_micros"] == 12_500_000
        assert settings["submit_429"] == "first 1"
        assert sandbox.configure(**settings) == settings
        sandbox.process.send_signal(2)
        assert sandbox.process.wait(5) == 0


def test_books_and_uploads_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "books.jsonl"
    words = (f"--books={path}", "--generation-s=0")
    with running_sandbox(*words) as first, httpx.Client(headers=KEY) as client:

        def submit(sandbox: RunningSandbox) -> str:
            answer = client.post(f"{sandbox.url}/api/v3/{V26}", json=LEAST[V26])
            return str(answer.json()["data"]["id"])

        made, gone = submit(first), submit(first)
        url = f"{first.url}/api/v3/predictions/delete"
        client.post(url, json={"ids": [gone]}).raise_for_status()
        asked = {"filename": "mug.jpg", "size": len(FILE)}
        ticket = client.post(f"{first.url}/api/v3/media/uploads", json=asked)
        data = ticket.json()["data"]
        headers = data["upload"]["headers"]
        httpx.put(data["download_url"], content=FILE, headers=headers)
        before = first.books()
    # As a process leaves it that is killed while it writes.
    with path.open("a") as file:
        file.write('{"owner": "0')
    assert '"k"' not in path.read_text()
    with running_sandbox(*words) as second, httpx.Client(headers=KEY) as client:
        after = second.books()
        for name in ("predictions", "charged_usd_micros", "balance_usd_micros"):
            assert after[name] == before[name]
        for prediction_id, status in ((made, "completed"), (gone, "deleted")):
            url = f"{second.url}/api/v3/predictions/{prediction_id}/result"
            assert client.get(url).json()["data"]["status"] == status
        upload = second.files_url + data["download_url"].removeprefix(first.files_url)
        assert httpx.get(upload).content == FILE
        assert submit(second) not in {made, gone}
