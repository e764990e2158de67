"""The child of `worker.decoder`: decodes each file that it is told of.

It reads `["inspect" | "poster" | "first_frame" | "shrunk", FILE, ASPECT...]` from input
and answers with an object, a line of JSON each. Needs the extra `video`.
"""

import base64
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.decoder import (
    CPU_S,
    MAX_MEMORY_BYTES,
    MAX_S,
    NO_MEMORY,
    SIDE_PX,
    DecodeError,
)

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from PIL.Image import Image

#: The largest frame that is decoded: one of 4K, and not one of 8K.
MAX_FRAME_PX = 4_096 * 2_304
#: ... whatever the index says: a decoder that is told so refuses larger ones.
FRAME_LIMIT = {"max_pixels": str(MAX_FRAME_PX)}
#: Opening a video decodes a frame, too. Its list of cuts is passed over: each cut would
#: be another index in memory. No other file is opened, whatever it refers to.
OPTIONS = {
    **FRAME_LIMIT,
    "ignore_editlist": "1",
    "ignore_chapters": "1",
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "protocol_whitelist": "file",
}
MAX_VIDEO_BYTES = 512 << 20
MAX_PACKETS = 3_600
#: No frame is begun after so many seconds of the processor: what was seen by then has
#: to do.
INSPECT_S = 2.5

#: A picture of more pixels is a bomb, not a product.
MAX_PICTURE_PX = 80_000_000
#: A JPEG is decoded no larger than it must be to have so many pixels a side.
DRAFT_PX = 16 * SIDE_PX

#: A poster fits into this box; a smaller video keeps its size.
WIDTH_PX = 480
HEIGHT_PX = 640
QUALITY = 72
#: One frame of so many may be the poster, up to about three seconds from the beginning.
STEP = 8
MAX_FRAMES = 72
#: How far brightness strays, of 255, in a frame that shows something: in a black one
#: by less than 3, in that of a small product before white by 10 and more.
MIN_SPREAD = 12.0


@contextmanager
def opened(video: Path) -> Iterator["InputContainer"]:
    """A video to decode a few frames of.

    Raises:
        DecodeError: it is none, or cannot be decoded while it is open.
        MemoryError: there is not enough for it.
    """
    try:
        import av
    except ImportError as error:
        raise DecodeError(f"the extra video does not work: {error}") from None
    try:
        if video.stat().st_size > MAX_VIDEO_BYTES:
            raise DecodeError(f"it is too long, with {video.stat().st_size} bytes")
        # As nothing but what it was checked for.
        with av.open(str(video), format="mp4", options=OPTIONS) as container:
            yield container
    except MemoryError:
        raise
    # All that damaged files bring out of the two libraries.
    except (av.FFmpegError, OSError, ValueError, LookupError, RuntimeError) as error:
        words = getattr(error, "strerror", None) or error
        raise DecodeError(f"it cannot be decoded: {words}") from None


def decoded(container: "InputContainer") -> Iterator["VideoFrame"]:
    """The frames of a video in their order, for as long as `INSPECT_S` allows."""
    end_s = time.process_time() + INSPECT_S
    stream = container.streams.video[0]
    decoder = stream.codec_context
    if decoder is None:
        raise DecodeError("there is no decoder for it")
    if decoder.width * decoder.height > MAX_FRAME_PX:
        size = f"{decoder.width}x{decoder.height}"
        raise DecodeError(f"its frames are too large: {size}")
    decoder.options = FRAME_LIMIT
    decoder.thread_count = 1
    for packet in islice(container.demux(stream), MAX_PACKETS):
        for frame in packet.decode():
            yield frame
            if time.process_time() > end_s:
                return


def first_frame(video: Path) -> dict[str, Any]:
    """What a video begins with, as `worker.decoder.FirstFrame` has it."""
    with opened(video) as container:
        for frame in decoded(container):
            return _first(container, frame)
    raise DecodeError("no frame of it came soon")


def inspect(video: Path) -> dict[str, Any]:
    """Poster, first frame and figures of a video, from one pass over it."""
    from worker.quality import Meter

    with opened(video) as container:
        first: dict[str, Any] = {}
        poster, meter = Poster(), Meter()
        for frame in decoded(container):
            first = first or _first(container, frame)
            poster.add(frame)
            meter.add(frame)
        if not first:
            raise DecodeError("no frame of it came soon")
        return {**first, "poster": _text(poster.jpeg()), "figures": meter.figures()}


def poster(video: Path) -> bytes:
    """The poster of a video alone, from as few of its frames as show something."""
    made = Poster()
    with opened(video) as container:
        for frame in islice(decoded(container), MAX_FRAMES):
            made.add(frame)
            if made.is_good:
                break
        return made.jpeg()


class Poster:
    """Takes frames; has the first that shows something, else the most telling one."""

    def __init__(self) -> None:
        self._frames = 0
        self._best: Image | None = None
        self._spread = 0.0

    @property
    def is_good(self) -> bool:
        """Whether further frames change nothing."""
        return self._spread >= MIN_SPREAD

    def add(self, frame: "VideoFrame") -> None:
        """Look at the next frame."""
        number, self._frames = self._frames, self._frames + 1
        if number % STEP or number >= MAX_FRAMES or self.is_good:
            return
        image = _poster_sized(frame)
        spread = _spread(image)
        if self._best is None or spread > self._spread:
            self._best, self._spread = image, spread

    def jpeg(self) -> bytes:
        """The poster, a small JPEG."""
        if self._best is None:
            raise DecodeError("no frame of it came soon")
        file = io.BytesIO()
        self._best.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()


def _first(container: "InputContainer", frame: "VideoFrame") -> dict[str, Any]:
    image: Image = frame.to_image()  # type: ignore[no-untyped-call]  # av has none
    length_s = container.duration and container.duration / 1_000_000
    return {
        "width": frame.width,
        "height": frame.height,
        "length_s": length_s,
        "frames_per_s": float(container.streams.video[0].average_rate or 0),
        "sounds": len(container.streams.audio),
        "pixels": _pixels(image),
    }


def shrunk(picture: Path, aspects: Sequence[float]) -> list[str]:
    """The middle of a picture in each of these ratios, as the pixels of a first frame.

    Raises:
        DecodeError: it cannot be decoded.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(picture) as image:
            if image.width * image.height > MAX_PICTURE_PX:
                raise DecodeError("the picture has too many pixels")
            image.draft("RGB", (DRAFT_PX, DRAFT_PX))
            ImageOps.exif_transpose(image, in_place=True)
            still = image if image.mode == "RGB" else image.convert("RGB")
            return [_pixels(_cropped(still, aspect)) for aspect in aspects]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DecodeError(f"the picture cannot be decoded: {error}") from None


def _poster_sized(frame: "VideoFrame") -> "Image":
    scale = min(1.0, WIDTH_PX / frame.width, HEIGHT_PX / frame.height)
    width, height = (max(1, round(px * scale)) for px in (frame.width, frame.height))
    image: Image = frame.to_image(width=width, height=height)  # type: ignore[no-untyped-call]  # av has none
    return image


def _spread(image: "Image") -> float:
    """How far brightness strays in a picture, of 255."""
    from PIL import ImageStat

    return float(ImageStat.Stat(image.convert("L")).stddev[0])


def _cropped(image: "Image", aspect: float) -> "Image":
    """The middle of a picture, of the video's aspect ratio."""
    width = min(image.width, max(1, round(image.height * aspect)))
    height = min(image.height, max(1, round(image.width / aspect)))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _pixels(image: "Image") -> str:
    from PIL.Image import Resampling

    small = image.convert("RGB").resize((SIDE_PX, SIDE_PX), Resampling.BOX)
    return _text(small.tobytes())


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def limit() -> None:
    """Let this process have little memory, and write no file."""
    limits = (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for which, most in limits:
        # Lower already, or unknown to this system.
        with suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))


def answer(what: str, path: str, *aspects: float) -> dict[str, Any]:
    """What is to be said of a file."""
    try:
        if what == "inspect":
            return inspect(Path(path))
        if what == "poster":
            return {"poster": _text(poster(Path(path)))}
        if what == "first_frame":
            return first_frame(Path(path))
        return {"shrunk": shrunk(Path(path), aspects)}
    except DecodeError as error:
        return {"why": str(error)}


def _set_alarms(cpu_s: float, clock_s: float) -> None:
    # Nobody handles them, so they end even what is deep in a decoder, and what hangs
    # although its worker is gone.
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    signal.setitimer(signal.ITIMER_REAL, clock_s)


def serve() -> None:
    """Answer every line of standard input, under limits."""
    with suppress(ImportError):  # loading them is not counted
        import av
        from PIL import ImageStat, JpegImagePlugin

        from worker import quality
    # What a library prints is no answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    limit()
    for line in sys.stdin:
        _set_alarms(CPU_S, MAX_S)
        try:
            said = json.dumps(answer(*json.loads(line)))
        except MemoryError:
            sys.exit(NO_MEMORY)
        _set_alarms(0, 0)
        answers.write(said + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
