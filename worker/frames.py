"""How near the first frame of a video is to a picture.

An image-to-video clip starts at its picture, so the frame tells whose clip it is where
nothing else does. Needs the extra `video`; without it nothing is compared and a person
is asked instead.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pictures are compared at this many pixels a side: enough to tell products apart, too
#: few for the noise of a video codec.
SIDE_PX = 32

#: A picture of more pixels is a bomb, not a product.
MOST_PX = 100_000_000


class NotComparable(Exception):  # noqa: N818 - that is what it is
    """A file has no picture that could be compared."""


def available() -> bool:
    """Whether videos and pictures can be decoded here."""
    return bool(find_spec("av") and find_spec("PIL"))


def distance(video: Path, picture: Path) -> float:
    """Mean difference of first frame and picture, 0 (the same) to 255.

    Raises:
        NotComparable: one of them cannot be decoded.
    """
    frame, still = _first_frame(video), _picture(picture)
    still = _cropped(still, frame.width / frame.height)
    pairs = zip(_small(frame), _small(still), strict=True)
    differences = [abs(one - other) for one, other in pairs]
    return sum(differences) / len(differences)


def _first_frame(path: Path) -> "Image":
    import av  # noqa: PLC0415 - an extra, and slow to import

    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                image: Image = frame.to_image()  # type: ignore[no-untyped-call]
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
