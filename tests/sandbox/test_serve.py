import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import wavespeed

from tests.sandbox.desk import LEAST, V21, V26
from tests.sandbox.running import RunningSandbox, running_sandbox


def submit(process: RunningSandbox, key: str = "k") -> httpx.Response:
    url = f"{process.url}/api/v3/{V26}"
    return httpx.post(
        url, headers={"authorization": f"Bearer {key}"}, json=LEAST[V26], timeout=5
    )


def look(process: RunningSandbox, prediction_id: str) -> httpx.Response:
    url = f"{process.url}/api/v3/predictions/{prediction_id}/result"
    return httpx.get(url, headers={"authorization": "Bearer k"})


def test_the_vendors_own_client_runs_a_prediction(process: RunningSandbox) -> None:
    client = wavespeed.Client(api_key="sdk", base_url=process.url)
    inputs = {"image": f"{process.files_url}/pictures/lamp.jpg", "prompt": "p"}
    done = client.run(V21, inputs | {"duration": "5"}, poll_interval=0.05, timeout=20)
    (url,) = done["outputs"]
    assert httpx.get(url).content[4:8] == b"ftyp"


def test_the_vendors_own_client_uploads_a_picture_and_uses_it(
    process: RunningSandbox, tmp_path: Path
) -> None:
    client = wavespeed.Client(api_key="sdk", base_url=process.url)
    path = tmp_path / "watch & chain.jpg"
    path.write_bytes(httpx.get(f"{process.files_url}/pictures/watch.jpg").content)
    url = client.upload(str(path))
    assert httpx.get(url).content == path.read_bytes()
    done = client.run(V26, {"image": url}, poll_interval=0.05, timeout=20)
    assert done["outputs"]
    assert process.books()["key_leaks"] == 0


def test_the_vendors_own_client_is_told_of_a_failure(process: RunningSandbox) -> None:
    client = wavespeed.Client(api_key="sdk", base_url=process.url)
    nothing = {"image": f"{process.files_url}/pictures/none.jpg"}
    failed = client.run_no_throw(V26, nothing, poll_interval=0.05, timeout=20)
    assert failed["status"] == "failed"
    assert "Media access failed" in failed["error"]


def test_a_line_dropped_before_leaves_nothing_behind(process: RunningSandbox) -> None:
    before = process.books()["predictions"]
    process.configure(submit_drop_before="first 1")
    with pytest.raises(httpx.TransportError):
        submit(process)
    books = process.books()
    assert books["predictions"] == before
    assert books["answers"]["dropped"] == 1


def test_a_line_dropped_after_leaves_a_charged_prediction(
    process: RunningSandbox,
) -> None:
    before = process.books()
    process.configure(submit_drop_after="first 1")
    with pytest.raises(httpx.TransportError):
        submit(process)
    books = process.books(rows=True)
    assert books["predictions"] == before["predictions"] + 1
    assert books["charged_usd_micros"] == before["charged_usd_micros"] + 210_000
    assert books["rows"][-1]["lost_answer"] is True


def test_a_late_answer_comes_late_to_those_who_wait(process: RunningSandbox) -> None:
    process.configure(submit_late="first 2", submit_late_s=0.05)
    assert submit(process).status_code == 200
    assert process.books(rows=True)["rows"][-1]["lost_answer"] is False
    process.configure(submit_late_s=60)
    url, headers = f"{process.url}/api/v3/{V26}", {"authorization": "Bearer k"}
    before = process.books()["predictions"]
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, headers=headers, json=LEAST[V26], timeout=0.3)
    assert process.books()["predictions"] == before + 1


def test_a_look_can_be_dropped(process: RunningSandbox) -> None:
    started = submit(process).json()["data"]["id"]
    process.configure(result_drop="first 1")
    with pytest.raises(httpx.TransportError):
        look(process, started)
    assert look(process, started).status_code == 200


def test_a_reader_who_follows_with_the_key_is_found_out(
    process: RunningSandbox,
) -> None:
    started = submit(process).json()["data"]["id"]
    process.configure(result_redirect="first 1")
    location = look(process, started).headers["location"]
    assert location.startswith(process.files_url)
    leaks = process.books()["key_leaks"]
    httpx.get(location, headers={"authorization": "Bearer k"})
    assert process.books()["key_leaks"] == leaks + 1


def test_a_taken_port_is_one_sentence_and_exit_code_2(process: RunningSandbox) -> None:
    port = process.url.rpartition(":")[2]
    ended = run_sandbox("--port", port)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "--port" in ended.stderr


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--set=tire=gold", "tire: no such setting"),
        ("--fault=submit_429=2", "submit_429: give a number from 0 to 1"),
        ("--fault=submit_429", "submit_429: write it as NAME=VALUE"),
        ("--generation-s=soon", "generation_s: must be float"),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_exit_code_2(
    argument: str, words: str
) -> None:
    ended = run_sandbox("--port=0", argument)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_arguments_become_settings() -> None:
    arguments = ["--tier=bronze", "--seed=5", "--balance=12.5", "--key=right"]
    pairs = ["--fault=submit_429=first 1", "--set=over_concurrency=queue"]
    with running_sandbox(*arguments, *pairs, history_lag_s=3) as sandbox:
        settings = sandbox.configure()
        assert settings["tier"] == "bronze"
        assert settings["balance_usd_micros"] == 12_500_000
        assert settings["submit_429"] == "first 1"
        assert (settings["over_concurrency"], settings["history_lag_s"]) == ("queue", 3)
        codes = [submit(sandbox, key).status_code for key in ("x", "right", "right")]
        assert codes == [401, 429, 200]
        sandbox.process.send_signal(2)
        assert sandbox.process.wait(5) == 0


def test_it_ends_with_its_parent() -> None:
    start = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-m', 'sandbox',"
        " '--port=0', '--with-parent']).stdout; sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        parent.kill()
        # The line is held open by the sandbox alone now; its end is the sandbox's.
        assert parent.stdout.read() == ""


def run_sandbox(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_books_that_are_kept_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "books.jsonl"
    words = (f"--books={path}", "--generation-s=0")
    with running_sandbox(*words) as first:
        made = submit(first).json()["data"]["id"]
        gone = submit(first).json()["data"]["id"]
        url = f"{first.url}/api/v3/predictions/delete"
        headers = {"authorization": "Bearer k"}
        httpx.post(url, headers=headers, json={"ids": [gone]}).raise_for_status()
        before = first.books()
    # As a process leaves it that is killed while it writes.
    with path.open("a") as file:
        file.write('{"owner": "0')
    assert '"k"' not in path.read_text()
    with running_sandbox(*words) as second:
        after = second.books()
        for name in ("predictions", "charged_usd_micros", "balance_usd_micros"):
            assert after[name] == before[name]
        assert look(second, made).json()["data"]["status"] == "completed"
        assert look(second, gone).json()["data"]["status"] == "deleted"
        assert submit(second).status_code == 200


def test_pictures_that_were_handed_over_outlive_a_restart(tmp_path: Path) -> None:
    words = (f"--books={tmp_path / 'books.jsonl'}",)
    with running_sandbox(*words) as first:
        url = hand_over(first, b"a picture")
        path = url.removeprefix(first.files_url)
    # As a process leaves it that is killed while it writes.
    (tmp_path / "books.uploads" / "0.new").write_bytes(b'{"path')
    with running_sandbox(*words) as second:
        got = httpx.get(second.files_url + path, trust_env=False)
        assert (got.content, got.headers["content-type"]) == (
            b"a picture",
            "image/jpeg",
        )
        hand_over(second, b"another one")


def hand_over(sandbox: RunningSandbox, body: bytes) -> str:
    """Upload a picture; its address."""
    answer = httpx.post(
        f"{sandbox.url}/api/v3/media/upload/binary",
        headers={"authorization": "Bearer k"},
        files={"file": ("my mug.jpg", body, "image/jpeg")},
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["data"]["download_url"])
