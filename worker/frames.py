"""How near the first frame of a video is to a picture.

An image-to-video clip starts at its picture, so the frame tells whose clip it is where
nothing else does. Needs the extra `video`; without it nothing is compared and a person
is asked instead.
"""

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from worker import index
from worker.mp4 import NotAVideo

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pictures are compared at this many pixels a side: enough to tell products apart, too
#: few for the noise of a video codec.
SIDE_PX = 32

#: ... and in tiles of so many: a small product on a white table fills only a few, and
#: in the mean over all of them it would look like any other.
TILE_PX = 4

#: How much more the worst tile may differ than the whole: a frame is never quite its
#: picture at an edge.
TILE_SHARE = 0.5

#: A picture of more pixels is a bomb, not a product.
MOST_PX = 80_000_000


class NotComparable(Exception):  # noqa: N818 - that is what it is
    """A file has no picture that could be compared."""


def available() -> bool:
    """Whether videos and pictures can be decoded here."""
    return bool(find_spec("av") and find_spec("PIL"))


def distance(video: Path, picture: Path) -> float:
    """How far first frame and picture are apart, 0 (the same) to 255.

    The mean difference of the whole or half that of the worst tile, whichever is more.

    Raises:
        NotComparable: one of them cannot be decoded.
    """
    frame, still = _first_frame(video), _picture(picture)
    still = _cropped(still, frame.width / frame.height)
    pairs = zip(_small(frame), _small(still), strict=True)
    differences = [abs(one - other) for one, other in pairs]
    whole = sum(differences) / len(differences)
    return max(whole, TILE_SHARE * max(_tiles(differences)))


def length_s(video: Path) -> float:
    """Seconds that a video lasts.

    Raises:
        NotComparable: it cannot be told.
    """
    import av  # noqa: PLC0415 - an extra, and slow to import

    _must_be_plain(video)
    try:
        with av.open(str(video)) as container:
            duration = container.duration
    except (av.FFmpegError, OSError, ValueError) as error:
        raise NotComparable(f"the video cannot be read: {error}") from None
    if duration is None:
        raise NotComparable("the video does not tell its length")
    return duration / av.time_base


def _must_be_plain(video: Path) -> None:
    """Nothing is opened that could cost a decoder more memory than there is."""
    try:
        index.check(video)
    except (index.NotPlain, NotAVideo, OSError) as error:
        raise NotComparable(f"the video is not opened: {error}") from None


def _tiles(differences: Sequence[int]) -> list[float]:
    """Mean difference of each tile; three values a pixel, row by row."""
    sums: Counter[tuple[int, int]] = Counter()
    for place, difference in enumerate(differences):
        y, x = divmod(place // 3, SIDE_PX)
        sums[y // TILE_PX, x // TILE_PX] += difference
    return [total / (3 * TILE_PX**2) for total in sums.values()]


def _first_frame(path: Path) -> "Image":
    import av  # noqa: PLC0415 - an extra, and slow to import

    _must_be_plain(path)
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                image: Image = frame.to_image()  # type: ignore[no-untyped-call]  # av has none
                return image
    except (av.FFmpegError, IndexError, OSError, ValueError) as error:
        raise NotComparable(f"the video cannot be decoded: {error}") from None
    raise NotComparable("the video has no frame")


def _picture(path: Path) -> "Image":
    from PIL import Image, ImageOps  # noqa: PLC0415 - an extra, and slow to import

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PX:
                raise NotComparable("the picture has too many pixels")
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotComparable(f"the picture cannot be decoded: {error}") from None


def _cropped(image: "Image", aspect: float) -> "Image":
    """The middle of a picture, of the video's aspect ratio."""
    width = min(image.width, round(image.height * aspect))
    height = min(image.height, round(image.width / aspect))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _small(image: "Image") -> bytes:
    from PIL.Image import Resampling  # noqa: PLC0415 - an extra

    return image.convert("RGB").resize((SIDE_PX, SIDE_PX), Resampling.BOX).tobytes()
