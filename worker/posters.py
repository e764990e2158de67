"""The poster of a video: one frame of it as a small JPEG, for whoever looks over many.

What is too large, too long or damaged has no poster: see `frames`. In which process it
is made is up to `decoder`, and where it is kept to `keeping`.
"""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from worker import frames
from worker.frames import DecodeError

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL.Image import Image

#: A poster fits into this box; a smaller video keeps its size.
WIDTH_PX = 480
HEIGHT_PX = 640
QUALITY = 72

#: One frame of so many is looked at, up to about three seconds from the beginning.
STEP = 8
MOST_FRAMES = 72

#: How far brightness strays, of 255, in a frame that shows something: in a black one
#: by less than 3, in that of a small product before white by 10 and more.
TELLING = 12.0


def wanted(setting: str) -> bool:
    """Whether posters are to be made here, by the setting `auto` or `off`."""
    return setting != "off" and frames.available()


def make(video: Path) -> bytes:
    """The poster of a video, a JPEG: its first frame, if that shows something.

    If it is nearly of one colour, it is the most telling of those that follow soon.

    Raises:
        DecodeError: it cannot be decoded, or not soon.
        MemoryError: there is not enough for it.
    """
    with frames.opened(video) as container:
        return _jpeg(_best(frames.frames_of(container)))


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
        raise DecodeError("no frame of it came soon")
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
