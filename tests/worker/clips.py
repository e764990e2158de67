"""Clips of six labelled products, good ones and broken ones, as files."""

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from sandbox.media import samples

#: A clip lasts so long, with so many frames a second.
LENGTH_S = 5
RATE = 24
#: Where another product takes its place, of 1.
CUT_AT = 0.55

Picture = Image.Image


class Scene(NamedTuple):
    """The product of a clip, and another one."""

    picture: Picture
    other: Picture


#: Makes the frame at a time between 0 and 1.
Variant = Callable[[Scene, float], Picture]


def products(side_px: int) -> Iterator[tuple[str, Picture]]:
    """Six product pictures with a printed label each."""
    for name, content in sorted(samples().items())[:6]:
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        picture = picture.resize((side_px, side_px), Image.Resampling.LANCZOS)
        label = Path(name).stem.replace("-", " ").upper()
        pen = ImageDraw.Draw(picture)
        font = ImageFont.load_default(side_px // 18)
        box = pen.textbbox((side_px // 2, side_px * 5 // 8), label, font, anchor="mm")
        pen.rectangle((box[0] - 8, box[1] - 6, box[2] + 8, box[3] + 6), "white")
        pen.text((side_px // 2, side_px * 5 // 8), label, "black", font, anchor="mm")
        yield Path(name).stem, picture


def _seen(picture: Picture, left: float, top: float, share: float) -> Picture:
    """The part of a picture that begins there and has this share of each side."""
    width, height = picture.size
    box = (
        left * width,
        top * height,
        (left + share) * width,
        (top + share) * height,
    )
    return picture.resize(picture.size, Image.Resampling.BILINEAR, box)


def _push(scene: Scene, at: float) -> Picture:
    return _seen(scene.picture, 0.1 * at, 0.1 * at, 1 - 0.2 * at)


def _pull(scene: Scene, at: float) -> Picture:
    picture = scene.picture
    # It begins with the picture and shows more of the studio around it.
    margin = 0.15 * at
    width, height = picture.size
    wide = Image.new("RGB", picture.size, picture.getpixel((2, 2)))
    inner = picture.resize(
        (max(1, round(width * (1 - margin))), max(1, round(height * (1 - margin))))
    )
    wide.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return wide


def _orbit(scene: Scene, at: float) -> Picture:
    """Turned to one side and the other about its upright axis."""
    picture = scene.picture
    turn = 0.16 * math.sin(2 * math.pi * at)
    width, height = picture.size
    squeeze, tilt = width * abs(turn) / 2, height * turn / 4
    near, far = min(0.0, tilt), min(0.0, -tilt)
    corners = (
        *(-squeeze, near, -squeeze, height - near),
        *(width + squeeze, height - far, width + squeeze, far),
    )
    return picture.transform(
        picture.size,
        Image.Transform.QUAD,
        corners,
        Image.Resampling.BILINEAR,
        fillcolor=picture.getpixel((2, 2)),
    )


def _pan(scene: Scene, at: float) -> Picture:
    return _seen(scene.picture, 0.12 * at, 0, 0.88 + 0.12 * (1 - at))


def _static(scene: Scene, at: float) -> Picture:
    del at
    return scene.picture


def _frozen(scene: Scene, at: float) -> Picture:
    return _push(scene, min(at, 0.3))


def _black_tail(scene: Scene, at: float) -> Picture:
    moved = _push(scene, at)
    return moved if at < 0.8 else Image.new("RGB", moved.size)


def _black_start(scene: Scene, at: float) -> Picture:
    moved = _push(scene, at)
    return moved if at > 0.2 else Image.new("RGB", moved.size)


def _cut(scene: Scene, at: float) -> Picture:
    return _push(scene if at < CUT_AT else Scene(*scene[::-1]), at)


def _flicker(scene: Scene, at: float) -> Picture:
    moved = _push(scene, at)
    dark = round(at * LENGTH_S * RATE) % 2
    return ImageEnhance.Brightness(moved).enhance(0.75) if dark else moved


def _wrong(scene: Scene, at: float) -> Picture:
    return _push(Scene(*scene[::-1]), at)


def _hue(scene: Scene, at: float) -> Picture:
    moved = _push(scene, at)
    hue, saturation, value = moved.convert("HSV").split()
    hue = hue.point([(each + round(90 * at)) % 256 for each in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def _warp(scene: Scene, at: float) -> Picture:
    """Bent in waves that grow, its edges left straight."""
    moved = _push(scene, at)
    side, count = moved.width, 12
    lines = [side * number // count for number in range(count + 1)]

    def bent(x: int, y: int) -> tuple[float, float]:
        deep = 0.09 * at * side
        deep *= math.sin(math.pi * x / side) * math.sin(math.pi * y / side)
        wave = 6 * math.pi / side
        return x + deep * math.sin(wave * y), y + deep * math.sin(wave * x)

    mesh = [
        (
            (left, top, right, bottom),
            (
                *bent(left, top),
                *bent(left, bottom),
                *bent(right, bottom),
                *bent(right, top),
            ),
        )
        for top, bottom in pairwise(lines)
        for left, right in pairwise(lines)
    ]
    mode = Image.Transform.MESH
    return moved.transform(moved.size, mode, mesh, Image.Resampling.BILINEAR)


GOOD: dict[str, Variant] = {"push": _push, "pull": _pull, "orbit": _orbit, "pan": _pan}
BROKEN: dict[str, Variant] = {
    "static": _static,
    "frozen": _frozen,
    "black tail": _black_tail,
    "black start": _black_start,
    "cut": _cut,
    "flicker": _flicker,
    "wrong product": _wrong,
    "hue drift": _hue,
    "warp": _warp,
}


@dataclass(frozen=True, slots=True)
class Clip:
    """A made clip, the picture that it was to begin with, and what is wrong with it."""

    product: str
    variant: str
    video: Path
    picture: Path

    @property
    def broken(self) -> bool:
        return self.variant in BROKEN


def film(path: Path, side_px: int, frames: Iterator[Picture]) -> Path:
    """Write square frames as H.264."""
    with av.open(str(path), "w", format="mp4") as file:
        options = {"preset": "veryfast", "crf": "20", "threads": "1"}
        stream = file.add_stream("libx264", rate=RATE, options=options)
        stream.pix_fmt = "yuv420p"
        stream.width = stream.height = side_px
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # av has none
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def make(folder: Path, side_px: int = 320) -> Iterator[Clip]:
    """All 78 clips, one after the other."""
    shown = list(products(side_px))
    count = LENGTH_S * RATE
    for place, (name, picture) in enumerate(shown):
        other = shown[(place + 1) % len(shown)][1]
        still = folder / f"{name}.jpg"
        picture.save(still, quality=92)
        for variant, change in (GOOD | BROKEN).items():
            scene = Scene(picture, other)
            frames = (change(scene, at / count) for at in range(count))
            path = folder / f"{name}-{variant.replace(' ', '-')}.mp4"
            video = film(path, side_px, frames)
            yield Clip(name, variant, video, still)
