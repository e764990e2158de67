"""How near a first frame is to a picture, with real videos and pictures."""

import io
from base64 import b64decode
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from jobs.attempt.reconciling import CLEARLY, NEAR
from sandbox.media import Clip, render, samples, shrunk
from tests.worker.workshop import drawing, jpeg
from worker import decoding, first_frame_match
from worker.decoder import DecodeError

SAMPLES = {Path(name).stem: content for name, content in samples().items()}

#: Products on the same white table, which a mean over the picture takes for alike.
WHITE_TABLE = {
    "teal mug": drawing("mug", "#2a8f8f"),
    "green mug": drawing("mug", "#2a8f5f"),
    "red mug": drawing("mug", "#c03030"),
    "beige mug": drawing("mug", "#d8c8b0"),
    "teal ball": drawing("ball", "#2a8f8f"),
}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], Path]:
    """The video of a picture, as a provider would make it, only smaller."""
    folder = tmp_path_factory.mktemp("videos")

    @cache
    def made(picture: bytes) -> Path:
        path = folder / f"{hash(picture)}.mp4"
        film = Clip(2, sound=False, aspect=None, long_side_px=160, frames_per_s=5)
        render(shrunk(picture, "picture", check=True), film, path)
        return path

    return made


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[bytes], Path]:
    def kept(content: bytes) -> Path:
        path = tmp_path / f"{hash(content)}.jpg"
        path.write_bytes(content)
        return path

    return kept


def distance(video: Path, picture: Path) -> float:
    """How far first frame and picture are apart."""
    first = decoding.first_frame(video)
    (still,) = decoding.shrunk(picture, [first["width"] / first["height"]])
    pixels = map(b64decode, (first["pixels"], still))
    return first_frame_match.distance(*pixels)


def altered(content: bytes, change: Callable[[Image.Image], Image.Image]) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return jpeg(change(image.convert("RGB")))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_clip_begins_with_its_own_picture_and_with_no_other(
    name: str,
    video: Callable[[bytes], Path],
    picture: Callable[[bytes], Path],
) -> None:
    far = {
        other: distance(video(SAMPLES[name]), picture(content))
        for other, content in SAMPLES.items()
    }
    own = far.pop(name)
    assert own < NEAR / 2
    assert min(far.values()) > NEAR + CLEARLY


@pytest.mark.parametrize("name", WHITE_TABLE)
def test_small_products_before_white_are_not_taken_for_each_other(
    name: str,
    video: Callable[[bytes], Path],
    picture: Callable[[bytes], Path],
) -> None:
    far = {
        other: distance(video(WHITE_TABLE[name]), picture(content))
        for other, content in WHITE_TABLE.items()
    }
    assert far.pop(name) < NEAR / 2
    assert min(far.values()) > NEAR


def test_a_tall_picture_is_compared_by_what_a_square_clip_shows_of_it(
    video: Callable[[bytes], Path], picture: Callable[[bytes], Path]
) -> None:
    def on_tall_paper(image: Image.Image) -> Image.Image:
        paper = Image.new("RGB", (image.width, 2 * image.height), "black")
        paper.paste(image, (0, image.height // 2))
        return paper

    tall = altered(SAMPLES["mug"], on_tall_paper)
    assert distance(video(SAMPLES["mug"]), picture(tall)) < NEAR


def test_a_picture_that_lies_on_its_side_is_turned_first(
    video: Callable[[bytes], Path], tmp_path: Path
) -> None:
    path = tmp_path / "turned.jpg"
    with Image.open(io.BytesIO(SAMPLES["chair"])) as image:
        turned = image.rotate(90, expand=True)
        exif = turned.getexif()
        exif[0x0112] = 6
        turned.save(path, exif=exif)
    assert distance(video(SAMPLES["chair"]), path) < NEAR


def test_the_length_of_a_clip_is_told(video: Callable[[bytes], Path]) -> None:
    length_s = decoding.first_frame(video(SAMPLES["mug"]))["length_s"]
    assert length_s == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("content", [b"", b"<html>gone</html>", SAMPLES["mug"][:5_000]])
def test_what_cannot_be_decoded_is_not_compared(
    content: bytes, video: Callable[[bytes], Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(content)
    with pytest.raises(DecodeError):
        distance(video(SAMPLES["mug"]), broken)
    with pytest.raises(DecodeError):
        distance(broken, broken)


def test_a_picture_of_too_many_pixels_is_left_alone(
    video: Callable[[bytes], Path], tmp_path: Path
) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (12_000, 7_000)).save(path)
    with pytest.raises(DecodeError):
        distance(video(SAMPLES["mug"]), path)
