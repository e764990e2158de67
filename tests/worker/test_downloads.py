"""Fetching from hosts that nobody knows: whole videos come through, nothing else."""

import asyncio
import gzip
import hashlib
import os
import stat
import struct
import time
from pathlib import Path

import pytest
from aiohttp import ThreadedResolver

from tests.jobs.provider.hosts import (
    CHUNKED,
    Answer,
    Host,
    header,
    host,
    in_turn,
    page,
    repeats,
    reset,
    sends,
    silent,
)
from worker.downloads import (
    LEFT_AFTER_S,
    MAX_REDIRECTS,
    DownloadError,
    Fetched,
    Files,
    partial_file,
)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


TRACK = box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + b"vide" + bytes(12))))
VIDEO = box(b"ftyp", b"isom") + box(b"moov", TRACK) + box(b"mdat", bytes(50_000))
#: A provider on this machine, as the sandbox is.
LOCAL = "127.0.0.1"
NEAR = f"http://{LOCAL}"


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def fetch(
    answer: Answer,
    path: Path,
    timeout_s: float = 5.0,
    url: str = "{url}/v.mp4",
    provider: str = NEAR,
) -> tuple[Fetched, Host]:
    async def run() -> tuple[Fetched, Host]:
        async with host(answer) as there:
            files = Files(timeout_s, provider)
            try:
                return await files.fetch([url.format(url=there.url)], path), there
            finally:
                await files.close()

    return asyncio.run(run())


def part(first: int, last: int, size: int) -> bytes:
    told = f"Content-Range: bytes {first}-{last}/{size}"
    return page(VIDEO[first : last + 1], "206 Partial Content", told)


WHOLE: dict[str, Answer] = {
    "labelled as text": sends(page(VIDEO, "200 OK", "Content-Type: text/plain")),
    "as a range of all": sends(part(0, len(VIDEO) - 1, len(VIDEO))),
    "without a type": sends(page(VIDEO)),
    "in chunks": sends(CHUNKED, chunk(VIDEO[:7]), chunk(VIDEO[7:]), b"0\r\n\r\n"),
    "until the end": sends(b"HTTP/1.1 200 OK\r\n\r\n", VIDEO),
    "packed": sends(page(gzip.compress(VIDEO), "200 OK", "Content-Encoding: gzip")),
    "bit by bit": sends(page(VIDEO)[:99], page(VIDEO)[99:20_000], page(VIDEO)[20_000:]),
}


@pytest.mark.parametrize("way", WHOLE)
def test_a_whole_video_comes_through(tmp_path: Path, way: str) -> None:
    path = tmp_path / "v.mp4"
    fetched, there = fetch(WHOLE[way], path)
    assert path.read_bytes() == VIDEO
    assert fetched == Fetched(path, len(VIDEO), hashlib.sha256(VIDEO).hexdigest())
    (request,) = there.requests
    for name in ("authorization", "cookie", "proxy-authorization"):
        assert header(request, name) is None


HTML = b"<html><body>Please log in</body></html>"
SHORT = page(VIDEO)[:-1_000]

NO_VIDEO: dict[str, tuple[Answer, str]] = {
    "404": (sends(page(b"", "404 Not Found")), "HTTP 404"),
    "500": (sends(page(VIDEO, "500 Oh")), "HTTP 500"),
    "206": (sends(page(VIDEO, "206 Partial Content")), "HTTP 206"),
    "the first half": (sends(part(0, len(VIDEO) // 2, len(VIDEO))), "HTTP 206, a part"),
    "304": (sends(b"HTTP/1.1 304 Not Modified\r\n\r\n"), "HTTP 304"),
    "a page that says video": (
        sends(page(HTML, "200 OK", "Content-Type: video/mp4")),
        "no MP4 video: .*begins with: <html><body>Please",
    ),
    "json": (sends(page(b"{}")), "begins with: {}"),
    "webm": (
        sends(page(b"\x1aE\xdf\xa3" + bytes(2 << 20))),
        "does not begin like an MP4",
    ),
    "nothing": (sends(page(b"")), "begins with: nothing"),
    "a video cut by its host": (sends(page(VIDEO[:-1])), "cut off"),
    "a body cut on the way": (sends(SHORT), r"\w"),
    "chunks cut on the way": (sends(CHUNKED, chunk(VIDEO)), r"\w"),
    "a connection torn down": (reset, r"\w"),
    "a connection closed": (sends(), r"\w"),
    "garbage for a status": (sends(b"\x00\xff\x00\r\n\r\n"), r"\w"),
    "garbage for a chunk": (sends(CHUNKED, b"zz\r\n"), r"\w"),
    "what is not packed": (
        sends(page(VIDEO, "200 OK", "Content-Encoding: gzip")),
        r"\w",
    ),
    "a header without end": (repeats(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4_096), r"\w"),
}


@pytest.mark.parametrize("what", NO_VIDEO)
def test_anything_else_is_not_fetched(tmp_path: Path, what: str) -> None:
    answer, said = NO_VIDEO[what]
    with pytest.raises(DownloadError, match=said):
        fetch(answer, tmp_path / "v.mp4")


@pytest.mark.parametrize(
    "answer",
    [
        silent,
        repeats(CHUNKED, chunk(bytes(16))),
        repeats(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"\x00"),
    ],
    ids=["silence", "chunks without end", "a slow drip"],
)
def test_the_whole_has_a_deadline(tmp_path: Path, answer: Answer) -> None:
    with pytest.raises(DownloadError, match=r"not whole after 0\.2 s"):
        fetch(answer, tmp_path / "v.mp4", timeout_s=0.2)


def redirects(location: str, status: str = "302 Found") -> Answer:
    return sends(page(b"", status, f"Location: {location}"))


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/v.mp4",
        "gopher://127.0.0.1:1/",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "http://",
        "http://[",
        "http://[::1",
        "//[x]/v.mp4",
        "http://a b/",
        "http://user@:80/",
    ],
)
def test_a_redirect_to_what_is_no_web_address_is_not_followed(
    tmp_path: Path, location: str
) -> None:
    with pytest.raises(DownloadError):
        fetch(redirects(location), tmp_path / "v.mp4")


@pytest.mark.parametrize("status", ["301 M", "302 M", "303 M", "307 M", "308 M"])
def test_a_redirect_is_followed_a_few_times(tmp_path: Path, status: str) -> None:
    left = [redirects("/v.mp4?again", status)] * MAX_REDIRECTS
    _, there = fetch(in_turn(*left, sends(page(VIDEO))), tmp_path / "v.mp4")
    assert len(there.requests) == MAX_REDIRECTS + 1
    with pytest.raises(DownloadError, match="redirected more than 10 times"):
        fetch(in_turn(*left, left[0], sends(page(VIDEO))), tmp_path / "v.mp4")


def test_a_host_on_a_private_address_is_asked_only_beside_the_provider(
    tmp_path: Path,
) -> None:
    with pytest.raises(DownloadError, match="private address"):
        fetch(sends(page(VIDEO)), tmp_path / "v.mp4", provider="https://8.8.8.8")


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "168.63.129.16"]
)
def test_a_metadata_service_is_never_asked(tmp_path: Path, host: str) -> None:
    with pytest.raises(DownloadError, match="link-local address"):
        fetch(redirects(f"http://{host}/v"), tmp_path / "v.mp4")


def test_a_name_is_looked_up_once_and_what_was_judged_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    async def resolve(
        _self: ThreadedResolver, name: str, port: int, family: int
    ) -> list[dict[str, object]]:
        looked_up.append(name)
        number = "169.254.169.254" if name == "bad.example" or looked_up[1:] else LOCAL
        found = {"hostname": name, "host": number, "port": port, "family": family}
        return [found | {"proto": 0, "flags": 0}]

    async def fetched(name: str) -> None:
        async with host(sends(page(VIDEO))) as there:
            files = Files(5.0, NEAR)
            url = there.url.replace(LOCAL, name)
            try:
                await files.fetch([f"{url}/v"], tmp_path / "v.mp4")
            finally:
                await files.close()

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    asyncio.run(fetched("good.example"))
    assert looked_up == ["good.example"]
    with pytest.raises(DownloadError, match="link-local"):
        asyncio.run(fetched("bad.example"))


def test_a_redirect_to_another_host_carries_nothing_along(tmp_path: Path) -> None:
    async def run() -> Host:
        answer = sends(page(VIDEO, "200 OK", "Set-Cookie: a=b; Path=/"))
        async with host(answer) as there:
            onward = sends(
                page(
                    b"", "302 F", f"Location: {there.url}/v", "Set-Cookie: a=b; Path=/"
                )
            )
            async with host(onward) as first:
                files = Files(5.0, NEAR)
                await files.fetch([f"{first.url}/v"], tmp_path / "1.mp4")
                await files.fetch([f"{first.url}/v"], tmp_path / "2.mp4")
                await files.close()
            return there

    for request in asyncio.run(run()).requests:
        assert header(request, "cookie") is None
        assert header(request, "authorization") is None


@pytest.mark.parametrize("url", ["", "x", "file:///etc/passwd", "http://", "http://["])
def test_what_is_no_web_address_is_not_asked_for(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="not a web address"):
        fetch(sends(page(VIDEO)), tmp_path / "v.mp4", url=url)


def test_a_login_for_the_host_is_not_shown_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = tmp_path / "netrc"
    logins.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(logins))
    _, there = fetch(sends(page(VIDEO)), tmp_path / "v.mp4")
    assert header(there.requests[0], "authorization") is None


def test_a_partial_file_is_in_the_home_and_its_owners_alone(home: Path) -> None:
    with partial_file(home / "new") as path:
        path.write_bytes(b"half")
        assert path.parent == home / "new" / "partial"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(OSError, match="the line broke"), partial_file(home / "new"):
        raise OSError("the line broke")
    assert list(path.parent.iterdir()) == []


def test_the_first_download_clears_out_what_dead_workers_left(home: Path) -> None:
    folder = home / "partial"
    folder.mkdir()
    for name, age_s in (
        ("old.mp4", LEFT_AFTER_S + 60),
        ("new.mp4", 60),
        ("old.txt", 1),
    ):
        (folder / name).touch()
        at_s = time.time() - age_s
        os.utime(folder / name, (at_s, at_s))
    with partial_file(home) as path:
        left = {each.name for each in folder.iterdir()}
    assert left == {"new.mp4", "old.txt", path.name}
