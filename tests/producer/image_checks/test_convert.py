"""Pictures that models do not take, made into JPEGs before they are sent."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from producer.exits import Exit
from producer.image_checks import convert
from producer.image_checks.converting import MAX_PX, converted
from producer.image_checks.results import ImageCheckError
from tests.producer.running import Desk, desk, quick_sandbox

MODEL = ("--model", "kling-v2.6-std")


def picture(form: str, mode: str = "RGB", **options: Any) -> bytes:
    image = Image.new("RGB", (640, 480), (200, 60, 40))
    ImageDraw.Draw(image).rectangle((0, 0, 639, 200), (20, 90, 200))
    file = io.BytesIO()
    image.convert(mode).save(file, form, **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


PICTURES = {
    "a.webp": picture("WEBP"),
    "b.avif": picture("AVIF"),
    "c.tiff": picture("TIFF", "CMYK"),
    "d.jpg": picture("JPEG", "CMYK"),
    "e.jpg": picture("JPEG", exif=turned()),
    "f.gif": picture("GIF", "P"),
}


def written(place: Desk, pictures: dict[str, bytes]) -> None:
    for name, content in pictures.items():
        (place.folder / name).write_bytes(content)
    rows = [f"{name[0]},{name},turn {name[0]}" for name in pictures]
    place.write("p.csv", "\n".join(["id,image,prompt", *rows]))


@pytest.mark.parametrize("name", PICTURES)
def test_every_form_becomes_an_upright_jpeg_in_rgb(name: str) -> None:
    made = converted(PICTURES[name])
    with Image.open(io.BytesIO(made)) as image:
        size = (480, 640) if name == "e.jpg" else (640, 480)
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", size)
        blue = image.getpixel((470, 10))
        assert isinstance(blue, tuple)
        assert max(blue) == blue[2]
        assert not image.getexif()
    # The same bytes each night, or the row would be paid again.
    assert converted(PICTURES[name]) == made


def test_clear_parts_become_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8)).save(file, "PNG")
    with Image.open(io.BytesIO(converted(file.getvalue()))) as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)


def test_a_picture_of_too_many_pixels_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("producer.image_checks.converting.MAX_PX", 640 * 480 - 1)
    with pytest.raises(ValueError, match="pixels"):
        converted(PICTURES["a.webp"])
    assert MAX_PX > 50_000_000


def test_rows_say_what_converting_would_do_and_it_is_paid_once() -> None:
    broken = {"g.webp": PICTURES["a.webp"][:200]}
    with quick_sandbox() as sandbox, desk(sandbox) as place:
        written(place, PICTURES | broken)
        without = place.here("check", "p.csv", *MODEL)
        assert without.code == Exit.USAGE
        assert without.out.count("or give --convert") == 5
        assert "line 5: d.jpg); --convert makes RGB" in without.err
        assert "line 6: e.jpg); --convert turns them" in without.err
        again = place.here("check", "p.csv", *MODEL, "--convert")
        assert '"g.webp" cannot be converted' in again.out
        assert "1 problem;" in again.out
        run = ("run", "p.csv", *MODEL, "--convert", "--skip-problems", "--yes")
        for _ in range(2):
            assert place.reelmill(*run).code == Exit.STORED
        assert sandbox.books()["predictions"] == len(PICTURES)
        rows = place.report()["rows"]
        assert [row["data"]["image (original)"] for row in rows] == [*PICTURES]


def test_a_child_that_dies_costs_one_picture_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    with monkeypatch.context() as patch:
        patch.setattr(convert, "_COMMAND", dies)
        with pytest.raises(ImageCheckError, match="it is broken"):
            convert._converted(PICTURES["a.webp"], tmp_path)
    assert list(tmp_path.iterdir()) == []
    made = convert._converted(PICTURES["a.webp"], tmp_path)
    content = made.read_bytes()
    # What a power cut left is made anew, and what is there is not.
    made.write_bytes(b"")
    assert convert._converted(PICTURES["a.webp"], tmp_path).read_bytes() == content
    monkeypatch.setattr(convert, "_COMMAND", dies)
    assert convert._converted(PICTURES["a.webp"], tmp_path) == made
