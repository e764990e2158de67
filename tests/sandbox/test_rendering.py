import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from sandbox.rendering import Film, render
from sandbox.uploads import samples


def picture(size: tuple[int, int] = (480, 480)) -> Image.Image:
    mug = Image.open(io.BytesIO(samples()["/pictures/mug.jpg"]))
    return mug.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def decoded(path: Path) -> list[Any]:
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, of 255."""
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((480, 480), None, (480, 480)),
        ((384, 480), None, (384, 480)),
        ((480, 193), None, (480, 192)),
        ((480, 480), Fraction(16, 9), (480, 270)),
        ((480, 480), Fraction(9, 16), (270, 480)),
    ],
)
def test_the_first_frame_is_the_picture(
    tmp_path: Path,
    size: tuple[int, int],
    aspect: Fraction | None,
    expected: tuple[int, int],
) -> None:
    image = picture(size)
    render(png(image), Film(3, False, aspect, 480, 12), tmp_path / "v.mp4")
    frames = decoded(tmp_path / "v.mp4")
    first = frames[0].to_image()
    assert first.size == expected
    scaled = ImageOps.fit(image, expected, Image.Resampling.LANCZOS)
    assert difference(first, scaled) < 2.5
    assert difference(frames[18].to_image(), scaled) > 4
    assert len(frames) == 36


@pytest.mark.parametrize("sound", [False, True])
def test_the_video_is_playable_from_its_first_bytes(
    tmp_path: Path, sound: bool
) -> None:
    path = tmp_path / "v.mp4"
    render(png(picture((160, 160))), Film(3, sound, None, 160, 5), path)
    raw = path.read_bytes()
    assert raw[4:8] == b"ftyp"
    assert 0 < raw.index(b"moov") < raw.index(b"mdat")
    with av.open(str(path)) as file:
        kinds = [stream.codec_context.name for stream in file.streams]
        assert kinds == (["h264", "aac"] if sound else ["h264"])
        assert file.streams.video[0].codec_context.pix_fmt == "yuv420p"
        for stream in file.streams:
            assert stream.duration is not None
            assert stream.time_base is not None
            assert float(stream.duration * stream.time_base) == pytest.approx(3, 0.03)


@pytest.mark.parametrize(("duration_s", "frames"), [(5, 25), (10, 50)])
def test_the_video_is_as_long_as_was_asked(
    tmp_path: Path, duration_s: int, frames: int
) -> None:
    film = Film(duration_s, False, None, 160, 5)
    render(png(picture((160, 160))), film, tmp_path / "v.mp4")
    assert len(decoded(tmp_path / "v.mp4")) == frames
