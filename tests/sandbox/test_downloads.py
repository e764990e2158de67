import socket
from typing import Any
from urllib.parse import urlsplit

import av
import httpx
import pytest

from tests.sandbox.desk import LEAST, V26
from tests.sandbox.running import RunningSandbox


def output(process: RunningSandbox, **inputs: object) -> str:
    """URL of a new video; predictions take no time in this process."""
    headers = {"authorization": "Bearer k"}
    url = f"{process.url}/api/v3/{V26}"
    answer = httpx.post(url, headers=headers, json=LEAST[V26] | inputs)
    outputs: list[str] = []
    while not outputs:
        # It is not over before its picture has been looked at.
        result = httpx.get(answer.json()["data"]["urls"]["get"], headers=headers)
        outputs = result.json()["data"]["outputs"]
    return outputs[0]


def test_a_video_comes_whole_with_its_length_and_type(process: RunningSandbox) -> None:
    answer = httpx.get(output(process))
    assert answer.headers["content-type"] == "video/mp4"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.content[4:8] == b"ftyp"


def test_a_part_of_a_video_can_be_asked_for(process: RunningSandbox) -> None:
    url = output(process)
    part = httpx.get(url, headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_a_video_of_the_own_sample_begins_with_it(process: RunningSandbox) -> None:
    url = output(process, image=f"{process.files_url}/pictures/mug.jpg")
    with av.open(url) as file:
        first: Any = next(file.decode(video=0))
    red, green, blue = first.to_image().getpixel((4, 4))
    assert red > green > blue > 150


def test_a_key_is_refused_and_counted(process: RunningSandbox) -> None:
    before = process.books()["key_leaks"]
    answer = httpx.get(output(process), headers={"authorization": "Bearer k"})
    assert answer.status_code == 400
    assert process.books()["key_leaks"] == before + 1


def test_an_unknown_or_unfinished_video_is_404(process: RunningSandbox) -> None:
    nothing = f"{process.files_url}/predictions/none/1.mp4"
    assert httpx.get(nothing).status_code == 404
    process.configure(generation_s=60)
    headers = {"authorization": "Bearer k"}
    data = httpx.post(
        f"{process.url}/api/v3/{V26}", headers=headers, json=LEAST[V26]
    ).json()["data"]
    process.configure(generation_s=0)
    early = f"{process.files_url}/predictions/{data['id']}/1.mp4"
    assert httpx.get(early).status_code == 404


def test_the_first_requests_can_be_404(process: RunningSandbox) -> None:
    url = output(process)
    process.configure(download_404_first=2)
    codes = [httpx.get(url).status_code for _ in range(3)]
    process.configure(download_404_first=0)
    assert codes == [404, 404, 200]


@pytest.mark.parametrize(
    ("fault", "status"), [("download_5xx", 503), ("download_redirect", 302)]
)
def test_a_download_can_be_refused_once(
    process: RunningSandbox, fault: str, status: int
) -> None:
    url = output(process)
    process.configure(**{fault: "first 1"})
    assert [httpx.get(url).status_code for _ in range(2)] == [status, 200]


def test_an_expired_link_stays_expired(process: RunningSandbox) -> None:
    url = output(process)
    process.configure(download_403=1)
    codes = {httpx.get(url).status_code for _ in range(3)}
    process.configure(download_403=0)
    assert codes == {403}


def test_a_web_page_can_come_instead(process: RunningSandbox) -> None:
    url = output(process)
    process.configure(download_html="first 1")
    page = httpx.get(url)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


def test_a_download_can_break_off(process: RunningSandbox) -> None:
    url = output(process)
    whole = httpx.get(url).content
    process.configure(download_truncated="first 1")
    with httpx.stream("GET", url) as answer:
        assert int(answer.headers["content-length"]) == len(whole)
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


def test_a_length_can_be_a_lie(process: RunningSandbox) -> None:
    url = urlsplit(output(process))
    whole = httpx.get(url.geturl()).content
    process.configure(download_wrong_length="first 1")
    with socket.create_connection((url.hostname, url.port)) as line:
        line.sendall(f"GET {url.path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(whole) // 2}".encode() in head
    assert body == whole


def test_a_download_can_drip_or_never_end(process: RunningSandbox) -> None:
    url = output(process)
    whole = httpx.get(url).content
    process.configure(download_drip="first 1", drip_bytes_per_s=400)
    with httpx.stream("GET", url) as answer:
        first = next(answer.iter_raw())
    assert first == whole[:100]
    process.configure(download_endless="first 1")
    got = 0
    with httpx.stream("GET", url) as answer:
        assert "content-length" not in answer.headers
        for chunk in answer.iter_raw():
            got += len(chunk)
            if got > len(whole) + 100_000:
                break
    assert got > len(whole)


def test_it_ends_at_once_in_the_middle_of_a_download(process: RunningSandbox) -> None:
    url = output(process)
    process.configure(download_endless=1)
    with httpx.stream("GET", url) as answer:
        next(answer.iter_raw())
        process.process.terminate()
        assert process.process.wait(5) == 0
