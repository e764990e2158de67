"""Measuring a clip while it is decoded: what of it is frozen, black, cut or recoloured.

Runs in the child process that decodes. A frame is seen as 96 x 96 grey pixels.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

#: Shapes are compared where the extra `geometry` is.
HAS_GEOMETRY = bool(find_spec("cv2"))
if HAS_GEOMETRY:
    from worker.geometry import Shape

if TYPE_CHECKING:
    from av import VideoFrame

SIDE_PX = 96
#: Of a sample, in planes that are read as they are.
BITS = 8
#: Tiles a side, for finding out whether anything moves.
TILES = 8
#: Frames so far apart are compared for that.
STILL_S = 0.25
#: Of 255: nothing moves if no tile differs by as much on average. The mean over whole
#: frames cannot tell: a small product before a plain background hardly changes it.
STILL = 2
#: Mean brightness of 255 below which a frame is black; limited range begins at 16.
BLACK = 24
#: A cut differs by at least this much, of 255, from the frame before it.
CUT = 4.0
#: ... and is compared with the median step, which counts as this much at least.
STEP = 0.25
#: Colours are compared so often.
COLOUR_S = 0.5
#: Values of a colour channel that count as one colour.
COLOUR_STEP = 8


@dataclass(slots=True)
class Meter:
    """Takes the frames of a clip in their order; then has its figures."""

    _times_s: list[float] = field(default_factory=list)
    _brightness: list[float] = field(default_factory=list)
    #: How much each frame but the first differs from the one before.
    _steps: list[float] = field(default_factory=list)
    #: Frames of the last moments.
    _recent: deque[tuple[float, Image.Image]] = field(default_factory=deque)
    #: How many frames were compared with one of a moment before, and which equal it.
    _compared: int = 0
    _still_at_s: list[float] = field(default_factory=list)
    _first_colours: tuple[Sequence[int], Sequence[int]] | None = None
    _next_colours_s: float = 0.0
    #: Share of its colours that a frame has in common with the first one, and when.
    _overlaps: list[tuple[float, float]] = field(default_factory=list)
    _shape: "Shape | None" = field(
        default_factory=lambda: Shape() if HAS_GEOMETRY else None
    )

    def add(self, frame: "VideoFrame") -> None:
        """Measure the next frame."""
        # More bits, as HDR has, would be read as twice as many pixels.
        if frame.format.components[0].bits != BITS:
            frame = frame.reformat(format="yuv420p")
        at_s, luma = frame.time or 0.0, _luma(frame)
        self._times_s.append(at_s)
        self._brightness.append(_mean(luma))
        if self._recent:
            before = self._recent[-1][1]
            self._steps.append(_mean(ImageChops.difference(luma, before)))
        self._recent.append((at_s, luma))
        self._compare_with_earlier(at_s, luma)
        # A black frame has neither colours nor a shape; it is counted as what it is.
        if self._brightness[-1] < BLACK:
            return
        if at_s >= self._next_colours_s:
            self._compare_colours(at_s, frame)
        if self._shape and at_s >= self._shape.next_s:
            self._shape.add(at_s, _plane(frame, 0))

    def _compare_with_earlier(self, at_s: float, luma: Image.Image) -> None:
        earlier = None
        while at_s - self._recent[0][0] >= STILL_S:
            earlier = self._recent.popleft()[1]
        if earlier:
            self._compared += 1
            tiles = ImageChops.difference(luma, earlier).resize(
                (TILES, TILES), Image.Resampling.BOX
            )
            brightest = tiles.getextrema()[1]
            if isinstance(brightest, int) and brightest < STILL:
                self._still_at_s.append(at_s)

    def _compare_colours(self, at_s: float, frame: "VideoFrame") -> None:
        self._next_colours_s = at_s + COLOUR_S
        colours = _colours(frame)
        self._first_colours = self._first_colours or colours
        pairs = zip(self._first_colours, colours, strict=True)
        self._overlaps.append((min(_overlap(*pair) for pair in pairs), at_s))

    def figures(self) -> dict[str, tuple[float, float]]:
        """What was measured: each figure with the second of the clip where it shows."""
        black = [
            at_s
            for at_s, brightness in zip(self._times_s, self._brightness, strict=True)
            if brightness < BLACK
        ]
        turns = _changes(_changes(self._brightness))
        shape = self._shape.figure() if self._shape else None
        return {
            "frozen": _share(self._still_at_s, self._compared),
            "black": _share(black, len(self._times_s)),
            "cut": self._cut(),
            "flicker": (fmean(map(abs, turns or [0.0])), 0.0),
            "colour": min(self._overlaps, default=(1.0, 0.0)),
            **({"geometry": shape} if shape else {}),
        }

    def _cut(self) -> tuple[float, float]:
        """The largest step between two frames as a multiple of the median one."""
        largest = max(self._steps, default=0.0)
        if largest < CUT:
            return 0.0, 0.0
        at_s = self._times_s[self._steps.index(largest) + 1]
        return largest / max(STEP, median(self._steps)), at_s


def _share(at_s: Sequence[float], of: int) -> tuple[float, float]:
    return (len(at_s) / of, at_s[0]) if at_s else (0.0, 0.0)


def _changes(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]


def _plane(frame: "VideoFrame", number: int) -> Image.Image:
    plane = frame.planes[number]
    size = (plane.width, plane.height)
    return Image.frombuffer("L", size, bytes(plane), "raw", "L", plane.line_size, 1)


def _luma(frame: "VideoFrame") -> Image.Image:
    """The brightness of a frame: its first plane, without a conversion."""
    double = (2 * SIDE_PX, 2 * SIDE_PX)
    return _plane(frame, 0).resize(double, Image.Resampling.NEAREST).reduce(2)


def _mean(image: Image.Image) -> float:
    counts = image.histogram()
    return sum(value * count for value, count in enumerate(counts)) / SIDE_PX**2


def _colours(frame: "VideoFrame") -> tuple[Sequence[int], Sequence[int]]:
    """How many pixels have each value of the two colour channels."""
    small = frame.reformat(SIDE_PX, SIDE_PX, "yuv444p")
    return _counts(_plane(small, 1)), _counts(_plane(small, 2))


def _counts(channel: Image.Image) -> list[int]:
    fine = channel.histogram()
    return [sum(fine[at : at + COLOUR_STEP]) for at in range(0, 256, COLOUR_STEP)]


def _overlap(one: Sequence[int], other: Sequence[int]) -> float:
    return sum(map(min, one, other)) / SIDE_PX**2
