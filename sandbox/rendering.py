"""A picture comes alive: one PNG becomes a short H.264 video that begins with it.

It decides the motion (a slow push in, a slight drift) and the encoding; sound is
silence. It knows nothing of predictions, and where a video is kept is up to `videos`.
"""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageOps

from sandbox.faults import luck

#: How much larger the picture is at the end, in parts of its size.
PUSH_IN = 0.14
SOUND_HZ = 24_000
#: Samples of an AAC frame.
SOUND_FRAME = 1_024


@dataclass(frozen=True, slots=True)
class Film:
    """What to make of a picture."""

    duration_s: int
    sound: bool
    #: Width to height, or None for that of the picture.
    aspect: Fraction | None
    long_side_px: int
    frames_per_s: int
    #: 0 is flawless and 51 is mud, as x264 counts.
    loss: int = 18

    def size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels, even as H.264 asks for."""
        ratio = self.aspect or Fraction(*picture)
        width = self.long_side_px * min(Fraction(1), ratio)
        height = self.long_side_px * min(Fraction(1), 1 / ratio)
        return max(2, round(width / 2) * 2), max(2, round(height / 2) * 2)


def render(png: bytes, film: Film, path: Path) -> None:
    """Write the video as MP4 with its index first, ready to play while it loads."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = ImageOps.fit(picture, film.size(picture.size), Image.Resampling.LANCZOS)
    # The index goes in front in a second pass over the file.
    with av.open(
        str(path), "w", format="mp4", options={"movflags": "+faststart"}
    ) as file:
        video = file.add_stream(
            "libx264",
            rate=film.frames_per_s,
            options={"preset": "ultrafast", "crf": str(film.loss)},
        )
        video.width, video.height = picture.size
        video.pix_fmt = "yuv420p"
        # Several videos are made side by side; one thread each is fair to others.
        video.codec_context.thread_count = 1
        # Every track must be there before the first packet of any.
        sound = (
            file.add_stream("aac", rate=SOUND_HZ, layout="mono") if film.sound else None
        )
        for frame in _frames(picture, film, luck(0, png)):
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if sound is not None:
            for samples in _silence(film.duration_s):
                file.mux(sound.encode(samples))
            file.mux(sound.encode(None))


def _frames(picture: Image.Image, film: Film, turn: float) -> Iterator[av.VideoFrame]:
    """Every frame; the first one is the picture, `turn` is where the rest drifts to."""
    planes = _planes(picture)
    count = film.duration_s * film.frames_per_s
    for number in range(count):
        at = number / count
        # Slow in and slow out.
        push = PUSH_IN * (1 - math.cos(math.pi * at)) / 2
        drift = push * math.cos(2 * math.pi * turn), push * math.sin(2 * math.pi * turn)
        moved = [_pushed(plane, push, drift) for plane in planes] if number else planes
        frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
        for plane, image in zip(frame.planes, moved, strict=True):
            plane.update(image.tobytes("raw", "L", plane.line_size))
        frame.pts = number
        yield frame


def _planes(picture: Image.Image) -> list[Image.Image]:
    """Brightness and the two colours, as the encoder wants them.

    All motion is made on these: half the work of moving three colours of full size.
    """
    frame = av.VideoFrame(picture.width, picture.height, "rgb24")
    colours = frame.planes[0]
    colours.update(picture.tobytes("raw", "RGB", colours.line_size))
    frame = frame.reformat(format="yuv420p")
    return [
        Image.frombytes(
            "L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size
        )
        for plane in frame.planes
    ]


def _pushed(plane: Image.Image, push: float, drift: tuple[float, float]) -> Image.Image:
    """A plane seen from nearer: a window of it that becomes smaller and drifts."""
    width, height = plane.size
    inner_width, inner_height = width / (1 + push), height / (1 + push)
    left = (width - inner_width) / 2 * (1 + drift[0] / PUSH_IN * 0.6)
    top = (height - inner_height) / 2 * (1 + drift[1] / PUSH_IN * 0.6)
    window = (left, top, left + inner_width, top + inner_height)
    return plane.resize(plane.size, Image.Resampling.BILINEAR, window)


def _silence(duration_s: int) -> Iterator[av.AudioFrame]:
    """Silence exactly as long as the video."""
    total = duration_s * SOUND_HZ
    for start in range(0, total, SOUND_FRAME):
        frame = av.AudioFrame("fltp", "mono", min(SOUND_FRAME, total - start))
        plane = frame.planes[0]
        plane.update(bytes(plane.buffer_size))
        frame.sample_rate = SOUND_HZ
        frame.pts = start
        yield frame
