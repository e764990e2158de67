"""A whole video passes; everything else that may come instead of one does not."""

import struct
from pathlib import Path
from tempfile import NamedTemporaryFile

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.mp4 import NotAVideoError, check


def film(*, first: bool, sound: bool = False, picture: bool = True) -> bytes:
    """A real MP4 of half a second; its index stands first or last."""
    options = {"movflags": "faststart"} if first else {}
    with NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", format="mp4", options=options) as container:
            if picture:
                screen = container.add_stream("libx264", rate=10)
                screen.width, screen.height, screen.pix_fmt = 160, 120, "yuv420p"
            if sound:
                tone = container.add_stream("aac", rate=44_100, layout="mono")
            if picture:
                for shade in range(5):
                    container.mux(screen.encode(noise(shade)))
                container.mux(screen.encode(None))
            if sound:
                for number in range(4):
                    hush = av.AudioFrame("fltp", "mono", 1_024)
                    hush.sample_rate, hush.pts = 44_100, number * 1_024
                    hush.planes[0].update(bytes(hush.planes[0].buffer_size))
                    container.mux(tone.encode(hush))
                container.mux(tone.encode(None))
        return Path(file.name).read_bytes()


def noise(shade: int) -> av.VideoFrame:
    frame = av.VideoFrame(160, 120, "rgb24")
    size = frame.planes[0].buffer_size
    frame.planes[0].update(bytes((shade * 40 + i * i) % 256 for i in range(size)))
    return frame


FILMS = {
    "index first": film(first=True),
    "index last": film(first=False),
    "with sound": film(first=True, sound=True),
}
WHOLE = FILMS["index first"]


def verdict(path: Path, content: bytes) -> str:
    """What is wrong with it; empty if nothing is."""
    path.write_bytes(content)
    try:
        check(path)
    except NotAVideoError as error:
        return str(error)
    return ""


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(handler: bytes = b"vide") -> bytes:
    hdlr = box(b"hdlr", bytes(8) + handler + bytes(12))
    return box(b"trak", box(b"mdia", hdlr))


def video(*tracks: bytes) -> bytes:
    return box(b"ftyp", b"isom") + box(b"moov", b"".join(tracks)) + box(b"mdat", b"x")


def test_sound_without_a_picture_is_no_video(tmp_path: Path) -> None:
    sound = film(first=True, sound=True, picture=False)
    assert verdict(tmp_path / "v.mp4", sound) == "it has no video track"


@pytest.mark.parametrize("name", FILMS)
def test_a_cut_video_never_passes(tmp_path: Path, name: str) -> None:
    whole = FILMS[name]
    assert verdict(tmp_path / "v.mp4", whole) == ""
    cuts = [*range(0, len(whole), 1_000), *range(len(whole) - 64, len(whole))]
    for cut in cuts:
        assert verdict(tmp_path / "v.mp4", whole[:cut]), cut


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"<!DOCTYPE html><html><body>Not found</body></html>",
        b'{"error": "expired"}',
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"RIFF\x00\x00\x00\x00AVI LIST",
        bytes(10_000),
        b"\xff" * 10_000,
    ],
)
def test_what_hosts_send_instead_of_a_video_does_not_pass(
    tmp_path: Path, content: bytes
) -> None:
    assert verdict(tmp_path / "v.mp4", content)


def test_boxes_nested_too_deep_do_not_pass(tmp_path: Path) -> None:
    nested = b""
    for _ in range(2_000):
        nested = box(b"trak", nested)
    assert "too deep" in verdict(tmp_path / "v.mp4", video(nested))


@pytest.mark.parametrize(
    "ending",
    [
        struct.pack(">I4s", 0, b"mdat") + b"to the end of the file",
        struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + b"large",
        struct.pack(">I4sQ", 1, b"mdat", 16),
    ],
)
def test_sizes_in_every_form_are_read(tmp_path: Path, ending: bytes) -> None:
    start = box(b"ftyp", b"isom") + box(b"moov", track(b"soun") + track())
    assert verdict(tmp_path / "v.mp4", start + ending) == ""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mp4") / "v.mp4"


@given(st.binary(max_size=400))
def test_random_bytes_never_pass_and_never_hang(path: Path, content: bytes) -> None:
    assert verdict(path, content)


def test_boxes_without_end_are_no_video(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(box(b"ftyp") + box(b"free") * 20_000)
    with pytest.raises(NotAVideoError, match="more than 10000 boxes"):
        check(path)
