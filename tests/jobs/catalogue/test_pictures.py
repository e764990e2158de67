"""A picture is judged by its bytes, however they come, and flaws have words."""

import hashlib
from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jobs.catalogue import builtin
from jobs.catalogue.model import PictureLimits
from jobs.catalogue.pictures import (
    FIRST_BYTES,
    MAX_HEADER_BYTES,
    ImageInfo,
    ImageSniffer,
    kind_of,
    shape_of,
    validate_image,
)

ORIENTATION = 0x0112


def made(kind: str, width: int = 400, height: int = 300, **how: object) -> bytes:
    out = BytesIO()
    image = Image.new("RGB", (width, height), (9, 99, 199))
    image.save(out, kind, **how)
    return out.getvalue()


def rotated(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return made("JPEG", exif=exif)


def read(content: bytes, chunk_bytes: int = 16_384) -> ImageInfo:
    reading = ImageSniffer()
    for start in range(0, len(content), chunk_bytes):
        reading.feed(content[start : start + chunk_bytes])
    return reading.info(len(content), whole=True)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((made(name.upper()), name) for name in ("jpeg", "png", "webp", "gif")),
        *((made(name.upper()), name) for name in ("tiff", "bmp", "avif", "ico")),
        (b"\0\0\0\x18ftypheic", "heic"),
        (b"%PDF-1.7", "pdf"),
        (b"PK\x03\x04", "zip"),
        (b"  \n<!DOCTYPE html><title>Log in", "html"),
        (b"\xef\xbb\xbf<HTML>", "html"),
        (b'<?xml version="1.0"?><Error>', "xml"),
        (b"<svg xmlns=", "svg"),
        (b"", "empty"),
    ],
)
def test_a_kind_is_told_by_the_bytes(content: bytes, kind: str) -> None:
    assert kind_of(content[:64]) == kind
    assert read(content).kind == kind


def test_sides_are_those_that_are_shown() -> None:
    assert [shape_of(rotated(at)) for at in (1, 3, 6)] == [
        ((400, 300), ""),
        ((400, 300), "rotated"),
        ((300, 400), "rotated"),
    ]


def test_a_header_without_end_is_given_up() -> None:
    comment = b"\xff\xfe\xff\xff" + bytes(65_533)
    content = b"\xff\xd8" + comment * (MAX_HEADER_BYTES // len(comment) * 2)
    reading = ImageSniffer()
    for start in range(0, len(content), 16_384):
        reading.feed(content[start : start + 16_384])
        if reading.sniff():
            break
    assert reading.size_bytes <= MAX_HEADER_BYTES + 16_384
    assert reading.info(len(content), whole=False).width_px is None


@pytest.mark.parametrize(
    "content",
    [
        made("PNG").replace((400).to_bytes(4, "big"), bytes(4), 1),
        made("JPEG")[:100],
        b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\x00\x03" + bytes(60),
        b"\xff\xd8\xff" + b"\xff" * 5_000,
    ],
)
def test_a_broken_header_tells_no_sides(content: bytes) -> None:
    look = read(content)
    assert (look.width_px, look.height_px) == (None, None)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", made("PNG")]))
def test_no_bytes_break_a_reading(content: bytes, beginning: bytes) -> None:
    look = read(beginning + content)
    assert look.size_bytes == len(beginning + content)
    assert look.width_px is None or look.width_px > 0


@given(st.integers(1, 70_000), st.sampled_from([1, 6]), st.integers(0, 100_000))
def test_a_look_does_not_depend_on_how_the_bytes_come(
    chunk_bytes: int, orientation: int, more: int
) -> None:
    content = rotated(orientation) + bytes(more)
    chunk_bytes = max(chunk_bytes, len(content) // 50)
    assert read(content, chunk_bytes) == read(content, len(content))
    sniffer = ImageSniffer()
    for start in range(0, len(content), chunk_bytes):
        sniffer.feed(content[start : start + chunk_bytes])
    assert sniffer.first_sha256 == hashlib.sha256(content[:FIRST_BYTES]).hexdigest()


LIMITS = PictureLimits(
    formats=("jpg", "jpeg", "png"),
    max_bytes=10_000_000,
    min_side_px=300,
    source="a test",
    read_on=date(2026, 11, 20),
    min_aspect=0.4,
    max_aspect=2.5,
)
GOOD = ImageInfo("jpeg", 50_000, 750, 300, None)


@pytest.mark.parametrize(
    ("look", "kind", "message", "suggestion"),
    [
        (replace(GOOD, kind="webp"), "picture-format", "is WEBP", "JPEG or PNG"),
        (replace(GOOD, kind="html"), "no-picture", "is a web page", "a picture itself"),
        (replace(GOOD, width_px=None), "picture-broken", "incomplete JPEG", "anew"),
        (
            replace(GOOD, size_bytes=10_000_001),
            *("picture-bytes", "is 10,000,001 bytes large", "at most 10,000,000 bytes"),
        ),
        (
            replace(GOOD, width_px=240, height_px=320),
            *("picture-sides", "is 240 x 320 px", "each side needs 300 px"),
        ),
        (
            replace(GOOD, width_px=751),
            *("picture-aspect", "is 751 x 300 px", "at least 0.4 and at most 2.5"),
        ),
        (
            replace(GOOD, width_px=300, height_px=751),
            *("picture-aspect", "0.399 times its height", "crop it"),
        ),
    ],
)
def test_a_flaw_says_what_it_is_and_what_to_do(
    look: ImageInfo, kind: str, message: str, suggestion: str
) -> None:
    (flaw,) = validate_image(look, LIMITS, '"mug.jpg"')
    assert flaw.kind == kind
    assert flaw.message.startswith('"mug.jpg" ')
    assert message in flaw.message
    assert suggestion in flaw.suggestion


def test_every_flaw_is_named_at_once() -> None:
    look = ImageInfo("png", 20_000_000, 1_000, 100, None)
    kinds = [flaw.kind for flaw in validate_image(look, LIMITS, "x")]
    assert kinds == ["picture-bytes", "picture-sides", "picture-aspect"]


def test_what_is_within_all_limits_has_no_flaw_for_any_model() -> None:
    for look in (GOOD, replace(GOOD, kind="png", width_px=300, height_px=750)):
        for model in builtin().models.values():
            assert validate_image(look, model.pictures, "x") == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_that_is_cut_off_is_broken_and_bytes_behind_its_end_are_not(
    kind: str,
) -> None:
    content = made(kind)
    for missing, is_broken in ((0, False), (20, True)):
        sniffer = ImageSniffer()
        sniffer.feed(content[: len(content) - missing] + bytes(500_000 * (not missing)))
        info = sniffer.info(sniffer.size_bytes, whole=True)
        assert (info.width_px is None) is is_broken
