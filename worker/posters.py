"""The poster of a video: one frame of it as a small JPEG, for whoever looks over many.

A video comes from a file host that is nobody we know, so nothing of it is decoded
before its index is found plain and short; what is too large, too long or damaged has no
poster. Needs the extra `video`. In which process that happens is up to `painter`, and
where a poster is kept to `keeping`.
"""

import io
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from worker import frames, index
from worker.mp4 import NotAVideo

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from PIL.Image import Image

#: A poster fits into this box; a smaller video keeps its size.
WIDTH_PX = 480
HEIGHT_PX = 640
QUALITY = 72

#: The largest frame that is decoded: one of 4K, and not one of 8K.
MOST_PX = 4_096 * 2_304
#: ... whatever the index says: a decoder that is told so refuses larger ones.
LIMITS = {"max_pixels": str(MOST_PX)}
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

#: One frame of so many is looked at, up to about three seconds from the beginning.
STEP = 8
MOST_FRAMES = 72
MOST_PACKETS = 4 * MOST_FRAMES
#: No frame is begun after so many seconds: what was seen by then has to do.
PATIENCE_S = 1.0

#: How far brightness strays, of 255, in a frame that shows something: in a black one
#: by less than 3, in that of a small product before white by 10 and more.
TELLING = 12.0


class NoPoster(Exception):  # noqa: N818 - there is none
    """A video has no poster; says why."""


@cache
def available() -> bool:
    """Whether posters can be made here."""
    return frames.available()


def wanted(setting: str) -> bool:
    """Whether posters are to be made here, by the setting `auto` or `off`."""
    return setting != "off" and available()


def prepare() -> None:
    """Load what `make` needs, as far as it is there."""
    with suppress(ImportError):
        import av  # noqa: F401, PLC0415 - an extra
        from PIL import ImageStat, JpegImagePlugin  # noqa: F401, PLC0415 - an extra


def make(video: Path) -> bytes:
    """The poster of a video, a JPEG: its first frame, if that shows something.

    If it is nearly of one colour, it is the most telling of those that follow soon.

    Raises:
        NoPoster: it cannot be decoded, or not soon.
        MemoryError: there is not enough for it.
    """
    _check(video)
    try:
        import av  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise NoPoster(f"the extra video does not work: {error}") from None
    try:
        # As nothing but what it was checked for.
        with av.open(str(video), format="mp4", options=OPTIONS) as container:
            return _jpeg(_best(_frames(container)))
    except MemoryError:
        raise
    # All that damaged files bring out of the two libraries.
    except (av.FFmpegError, OSError, ValueError, LookupError, RuntimeError) as error:
        words = getattr(error, "strerror", None) or error
        raise NoPoster(f"it cannot be decoded: {words}") from None


def _check(video: Path) -> None:
    """Return if the video's index promises that decoding a few frames is quick."""
    try:
        size_bytes = video.stat().st_size
        if size_bytes > LARGEST_BYTES:
            raise NoPoster(f"it is too long, with {size_bytes} bytes")
        index.check(video)
    except (index.NotPlain, NotAVideo, OSError) as error:
        raise NoPoster(str(error)) from None


def _frames(container: "InputContainer") -> Iterator["VideoFrame"]:
    """The frames of a video that are there soon: the first, then from its beginning."""
    end_s = time.monotonic() + PATIENCE_S
    stream = container.streams.video[0]
    decoder = stream.codec_context
    if decoder is None:
        raise NoPoster("there is no decoder for it")
    if decoder.width * decoder.height > MOST_PX:
        raise NoPoster(f"its frames are too large: {decoder.width}x{decoder.height}")
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


def _best(seen: Iterator["VideoFrame"]) -> "Image":
    """The first frame that shows something, else the most telling one."""
    best: Image | None = None
    most = 0.0
    for frame in islice(seen, 0, MOST_FRAMES, STEP):
        image = _small(frame)
        spread = _spread(image)
        if best is None or spread > most:
            best, most = image, spread
        if most >= TELLING:
            break
    if best is None:
        raise NoPoster("no frame of it came soon")
    return best


def _small(frame: "VideoFrame") -> "Image":
    scale = min(1.0, WIDTH_PX / frame.width, HEIGHT_PX / frame.height)
    width, height = (max(1, round(px * scale)) for px in (frame.width, frame.height))
    image: Image = frame.to_image(width=width, height=height)  # type: ignore[no-untyped-call]  # av has none
    return image


def _spread(image: "Image") -> float:
    """How far brightness strays in a picture, of 255."""
    from PIL import ImageStat  # noqa: PLC0415 - an extra

    return float(ImageStat.Stat(image.convert("L")).stddev[0])


def _jpeg(image: "Image") -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
