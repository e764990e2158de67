"""Posters of real videos, kept beside them; and that none ever costs a video."""

import hashlib
import io
import json
import logging
import struct
from base64 import b64decode
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from jobs.attempt.reconciling import NEAR
from jobs.job import Job
from jobs.records import Attempt, BatchRecord, JobRecord
from jobs.states import State
from jobs.storage import Store
from sandbox.media import Clip, render, samples, shrunk
from tests.worker.test_frames import distance
from tests.worker.test_mp4 import film
from worker import decoder, decoding
from worker.decoder import DecodeError
from worker.decoding import HEIGHT_PX, WIDTH_PX
from worker.downloads import Download
from worker.inspection import Wanted
from worker.storing import Kept, keep

MUG = next(content for name, content in samples().items() if "mug" in name)


def frame_of(picture: Image.Image) -> av.VideoFrame:
    made: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # av has none
    return made


def encoded(path: Path, *shown: av.VideoFrame, **options: str) -> Path:
    """A video of these frames, 24 a second."""
    with av.open(str(path), "w", format="mp4", options=options) as file:
        # Few frames in memory, however large they are.
        quick = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
        stream = file.add_stream("libx264", rate=24, options=quick)
        stream.width, stream.height = shown[0].width, shown[0].height
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(shown):
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def filmed(path: Path, aspect: Fraction | None, long_side_px: int) -> Path:
    film = Clip(1, sound=True, aspect=aspect, long_side_px=long_side_px, frames_per_s=8)
    render(shrunk(MUG, "picture", check=True), film, path)
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video of the mug, as a provider would make it."""
    return filmed(tmp_path_factory.mktemp("film") / "mug.mp4", None, 320).read_bytes()


def poster_of(video: Path) -> bytes:
    return b64decode(decoding.inspect(video)["poster"])


def opened(poster: bytes) -> Image.Image:
    return Image.open(io.BytesIO(poster))


@pytest.mark.parametrize(
    ("aspect", "long_side_px", "size"),
    [
        (Fraction(16, 9), 1280, (WIDTH_PX, 270)),
        (Fraction(9, 16), 1280, (360, HEIGHT_PX)),
        (None, 160, (160, 160)),
    ],
)
def test_a_poster_is_a_small_picture_of_the_beginning(
    tmp_path: Path, aspect: Fraction | None, long_side_px: int, size: tuple[int, int]
) -> None:
    made = filmed(tmp_path / "mug.mp4", aspect, long_side_px)
    poster = poster_of(made)
    (tmp_path / "poster.jpg").write_bytes(poster)
    assert (opened(poster).format, opened(poster).size) == ("JPEG", size)
    assert b"Exif" not in poster
    assert len(poster) < 40_000
    assert distance(made, tmp_path / "poster.jpg") < NEAR / 2


def test_a_video_that_begins_black_shows_what_comes_then(tmp_path: Path) -> None:
    black, red = (Image.new("RGB", (320, 180), name) for name in ("black", "red"))
    red.paste("white", (100, 40, 220, 140))
    shown = [frame_of(black if number < 30 else red) for number in range(60)]
    made = poster_of(encoded(tmp_path / "a.mp4", *shown))
    middle = opened(made).convert("L").crop((150, 80, 170, 100))
    assert min(middle.tobytes()) > 200
    # Nothing else is there to show.
    dark = poster_of(encoded(tmp_path / "b.mp4", *shown[:3]))
    assert opened(dark).size == (320, 180)


def lying(path: Path) -> Path:
    """A film whose index says that its large frames are small."""
    content = bytearray(path.read_bytes())
    place = content.index(b"avc1" + bytes(6))
    struct.pack_into(">HH", content, place + 28, 640, 360)
    path.write_bytes(content)
    return path


def test_bombs_are_not_decoded(tmp_path: Path) -> None:
    small, large = (av.VideoFrame(*size) for size in ((64, 64), (4_224, 2_304)))
    large_one = encoded(tmp_path / "large.mp4", large)
    sound_alone = tmp_path / "sound.mp4"
    sound_alone.write_bytes(film(first=True, sound=True, picture=False))
    with pytest.raises(DecodeError, match="too large: 4224x2304"):
        poster_of(large_one)
    with pytest.raises(DecodeError, match="too large: 4224x2304"):
        poster_of(lying(large_one))
    with pytest.raises(DecodeError, match="cannot be decoded"):
        poster_of(sound_alone)
    assert poster_of(encoded(tmp_path / "small.mp4", small))


def collect(
    root: Path, content: bytes, prediction_id: str = "p1", *, poster: bool = True
) -> tuple[Path, Kept, dict[str, object]]:
    """Keep a video as `collect` does; its poster's place, and what is told of it."""
    batch = BatchRecord(
        *("spring", "spring.csv", "acme", str(root / "store"), 1, 3, None, 0.0),
        complete=True,
    )
    job = Job("mug", 2, "kling", {}, 210_000, "spring/mug.mp4")
    attempt = Attempt(
        *(1, 0.0, "completed", 210_000, 210_000), prediction_id=prediction_id
    )
    record = JobRecord(job, State.GENERATED, (attempt,))
    download = Download(root / "partial.mp4", is_video=True)
    download.pending += content
    kept = keep(batch, record, download, Wanted(poster))
    assert Path(kept.place).read_bytes() == content
    assert hashlib.sha256(content).hexdigest() == kept.fetched.sha256
    told = json.loads(Path(kept.place).with_suffix(".json").read_text())
    return Path(kept.place).with_suffix(".poster.jpg"), kept, told


Collected = Callable[..., tuple[Path, Kept, dict[str, object]]]


@pytest.fixture
def collected(tmp_path: Path, video: bytes) -> Collected:
    """Keeps the video of the mug, or another."""

    def collect_it(
        content: bytes = video, prediction_id: str = "p1", *, poster: bool = True
    ) -> tuple[Path, Kept, dict[str, object]]:
        return collect(tmp_path, content, prediction_id, poster=poster)

    return collect_it


def test_a_video_that_is_collected_twice_has_the_same_poster(
    collected: Collected,
) -> None:
    place, kept, told = collected()
    poster = place.read_bytes()
    assert (kept.poster, told["poster"]) == ("spring/mug.poster.jpg", "mug.poster.jpg")
    # Also where the second worker makes none.
    for wanted in (True, False):
        assert collected(poster=wanted) == (place, kept, told)
    assert place.read_bytes() == poster
    beside, other, _ = collected(prediction_id="p2")
    assert other.poster == "spring/mug-p2.poster.jpg"
    assert beside.read_bytes() == poster


def test_a_worker_that_dies_before_the_poster_leaves_it_to_the_next(
    tmp_path: Path, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Store.put

    def die(store: Store, key: str, *rest: Any, **named: Any) -> None:
        if key.endswith(".poster.jpg"):
            raise KeyboardInterrupt
        put(store, key, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", die)
        with pytest.raises(KeyboardInterrupt):
            collected()
    told = tmp_path / "store" / "spring" / "mug.json"
    assert told.exists()
    assert not told.with_suffix(".poster.jpg").exists()
    place, kept, now_told = collected()
    assert (kept.poster, now_told["poster"]) == (
        "spring/mug.poster.jpg",
        "mug.poster.jpg",
    )
    assert place.exists()


def test_a_worker_that_dies_while_it_inspects_leaves_all_to_the_next(
    tmp_path: Path, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Path) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoder, "poster", die)
        with pytest.raises(KeyboardInterrupt):
            collected()
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    place, kept, _ = collected()
    assert kept.poster == "spring/mug.poster.jpg"
    assert place.exists()


def test_a_stranger_who_has_the_name_of_a_poster_keeps_it(collected: Collected) -> None:
    place, *_ = collected(poster=False)
    place.write_bytes(b"somebody's picture")
    _, kept, told = collected()
    assert (kept.poster, told["poster"]) == (None, None)
    assert place.read_bytes() == b"somebody's picture"


def test_a_video_that_cannot_be_decoded_is_kept_without_a_poster(
    collected: Collected, video: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    mdat = video.index(b"mdat") + 4
    damaged = video[:mdat] + bytes(len(video) - mdat)
    with caplog.at_level(logging.INFO, "reelmill.collect"):
        place, kept, told = collected(damaged)
    assert (kept.poster, told["poster"], place.exists()) == (None, None, False)
    (said,) = caplog.messages
    assert said.startswith("the video of job mug is not inspected: ")
