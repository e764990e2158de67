"""Decoding what strangers made: the frames of videos, and pictures beside them.

An image-to-video clip starts at its picture, so its first frame tells whose clip it is
where nothing else does. A file comes from a host that is nobody we know: nothing of a
video is decoded before its index is found plain and short, and of neither what is too
large. Needs the extra `video`; in which process it happens is up to `decoder`.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import islice
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING

from worker import index
from worker.mp4 import NotAVideoError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from PIL.Image import Image

#: The largest frame that is decoded: one of 4K, and not one of 8K.
MOST_FRAME_PX = 4_096 * 2_304
#: ... whatever the index says: a decoder that is told so refuses larger ones.
LIMITS = {"max_pixels": str(MOST_FRAME_PX)}
#: Opening a video decodes a frame, too. Its list of cuts is passed over: each cut would
#: be another index in memory. No other file is opened, whatever it refers to.
OPTIONS = {
    **LIMITS,
    "ignore_editlist": "1",
    "ignore_chapters": "1",
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "protocol_whitelist": "file",
}
LARGEST_BYTES = 512 << 20
MOST_PACKETS = 288
#: No frame is begun after so many seconds: what was seen by then has to do.
PATIENCE_S = 1.0

#: A picture of more pixels is a bomb, not a product.
MOST_PICTURE_PX = 80_000_000

#: Pictures are compared at this many pixels a side: enough to tell products apart, too
#: few for the noise of a video codec.
SIDE_PX = 32

#: ... and in tiles of so many: a small product on a white table fills only a few, and
#: in the mean over all of them it would look like any other.
TILE_PX = 4

#: How much more the worst tile may differ than the whole: a frame is never quite its
#: picture at an edge.
TILE_SHARE = 0.5

#: A JPEG is decoded no larger than it must be to have so many pixels a side.
ENOUGH_PX = 16 * SIDE_PX


class DecodeError(Exception):
    """A file cannot be decoded, or not soon; says why."""


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """What a video begins with."""

    #: Width by height.
    aspect: float
    #: Seconds that the video lasts; None if it does not tell.
    length_s: float | None
    #: `SIDE_PX` rows of as many pixels, in RGB.
    pixels: bytes


@cache
def available() -> bool:
    """Whether videos and pictures can be decoded here."""
    return bool(find_spec("av") and find_spec("PIL"))


def prepare() -> None:
    """Load what decoding needs, as far as it is there."""
    with suppress(ImportError):
        import av  # noqa: F401, PLC0415 - an extra
        from PIL import ImageStat, JpegImagePlugin  # noqa: F401, PLC0415 - an extra


@contextmanager
def opened(video: Path) -> Iterator["InputContainer"]:
    """A video of which decoding a few frames is quick.

    Raises:
        DecodeError: it is none, or cannot be decoded while it is open.
        MemoryError: there is not enough for it.
    """
    _must_be_plain(video)
    try:
        import av  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DecodeError(f"the extra video does not work: {error}") from None
    try:
        # As nothing but what it was checked for.
        with av.open(str(video), format="mp4", options=OPTIONS) as container:
            yield container
    except MemoryError:
        raise
    # All that damaged files bring out of the two libraries.
    except (av.FFmpegError, OSError, ValueError, LookupError, RuntimeError) as error:
        words = getattr(error, "strerror", None) or error
        raise DecodeError(f"it cannot be decoded: {words}") from None


def frames_of(container: "InputContainer") -> Iterator["VideoFrame"]:
    """The frames of a video that are there soon: the first, then from its beginning."""
    end_s = time.monotonic() + PATIENCE_S
    stream = container.streams.video[0]
    decoder = stream.codec_context
    if decoder is None:
        raise DecodeError("there is no decoder for it")
    if decoder.width * decoder.height > MOST_FRAME_PX:
        size = f"{decoder.width}x{decoder.height}"
        raise DecodeError(f"its frames are too large: {size}")
    decoder.options = LIMITS
    decoder.thread_count = 1
    for packet in islice(container.demux(stream), 1):
        # It would keep the first one back until it has some more to put in order.
        yield from packet.decode() or decoder.decode(None)
    container.seek(0)
    for packet in islice(container.demux(stream), MOST_PACKETS):
        yield from packet.decode()
        if time.monotonic() > end_s:
            return


def first_frame(video: Path) -> FirstFrame:
    """What a video begins with.

    Raises:
        DecodeError: it cannot be decoded.
        MemoryError: there is not enough for it.
    """
    with opened(video) as container:
        length_s = container.duration and container.duration / 1_000_000
        for frame in frames_of(container):
            image: Image = frame.to_image()  # type: ignore[no-untyped-call]  # av has none
            return FirstFrame(frame.width / frame.height, length_s, _small(image))
    raise DecodeError("no frame of it came soon")


def shrunk(picture: Path, aspects: Sequence[float]) -> list[bytes]:
    """The middle of a picture in each of these ratios, as the pixels of a first frame.

    Raises:
        DecodeError: it cannot be decoded.
        MemoryError: there is not enough for it.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - an extra, and slow to import

    try:
        with Image.open(picture) as image:
            if image.width * image.height > MOST_PICTURE_PX:
                raise DecodeError("the picture has too many pixels")
            image.draft("RGB", (ENOUGH_PX, ENOUGH_PX))
            ImageOps.exif_transpose(image, in_place=True)
            still = image if image.mode == "RGB" else image.convert("RGB")
            return [_small(_cropped(still, aspect)) for aspect in aspects]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DecodeError(f"the picture cannot be decoded: {error}") from None


def distance(one: bytes, other: bytes) -> float:
    """How far the pixels of two pictures are apart, 0 (the same) to 255.

    The mean difference of the whole or half that of the worst tile, whichever is more.
    """
    differences: list[int] = list(map(abs, map(sub, one, other)))
    whole = sum(differences) / len(differences)
    return max(whole, TILE_SHARE * max(_tiles(differences)))


def _must_be_plain(video: Path) -> None:
    """Return if the video's index promises that decoding a few frames is quick."""
    try:
        size_bytes = video.stat().st_size
        if size_bytes > LARGEST_BYTES:
            raise DecodeError(f"it is too long, with {size_bytes} bytes")
        index.check(video)
    except (index.UnusualIndexError, NotAVideoError, OSError) as error:
        raise DecodeError(str(error)) from None


def _tiles(differences: Sequence[int]) -> Iterator[float]:
    """Mean difference of each tile; three values a pixel, row by row."""
    width, across = 3 * TILE_PX, SIDE_PX // TILE_PX
    places = range(0, len(differences), width)
    lines = [sum(differences[place : place + width]) for place in places]
    for first in range(0, len(lines), across * TILE_PX):
        for place in range(first, first + across):
            tile = lines[place : first + across * TILE_PX : across]
            yield sum(tile) / (width * TILE_PX)


def _cropped(image: "Image", aspect: float) -> "Image":
    """The middle of a picture, of the video's aspect ratio."""
    width = min(image.width, max(1, round(image.height * aspect)))
    height = min(image.height, max(1, round(image.width / aspect)))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _small(image: "Image") -> bytes:
    from PIL.Image import Resampling  # noqa: PLC0415 - an extra

    return image.convert("RGB").resize((SIDE_PX, SIDE_PX), Resampling.BOX).tobytes()
