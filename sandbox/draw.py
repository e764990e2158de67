"""A small photo studio: a backdrop, light and shade, smooth shapes.

It knows how to paint and nothing of what is painted; the six products stand in
`products`. Everything is drawn at twice the size in coordinates from 0 to 1000, and
made smaller at the end, so that no edge is jagged.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

SIZE_PX = 720
#: Pixels drawn for one that is kept, in each direction.
FINER = 2
#: Units of the coordinates along a side.
UNITS = 1000
#: Points between two corners of a smooth line.
STEPS = 16

Point = tuple[float, float]
Box = tuple[float, float, float, float]
#: Colours along a line: place from 0 to 1, and colour.
Stops = Sequence[tuple[float, str]]


class Studio:
    """One picture in the making."""

    def __init__(self, wall: Stops) -> None:
        side = SIZE_PX * FINER
        self.scale = side / UNITS
        self.image = gradient(wall, (side, side), across=False)
        self._vignette()

    def finished(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS)

    def ellipse(self, box: Box) -> Image.Image:
        """A mask in the form of an ellipse."""
        mask, pen = self._blank()
        pen.ellipse(self._scaled(box), 255)
        return mask

    def rounded(self, box: Box, radius: float) -> Image.Image:
        """A mask in the form of a rectangle with round corners."""
        mask, pen = self._blank()
        pen.rounded_rectangle(self._scaled(box), radius * self.scale, 255)
        return mask

    def polygon(self, *points: Point) -> Image.Image:
        """A mask with straight sides."""
        mask, pen = self._blank()
        pen.polygon([(x * self.scale, y * self.scale) for x, y in points], 255)
        return mask

    def blob(self, *points: Point) -> Image.Image:
        """A mask whose outline passes smoothly through the points."""
        return self.polygon(*smooth(points, closed=True))

    def line(self, width: float, *points: Point) -> Image.Image:
        """A mask in the form of a smooth line with round ends."""
        mask, pen = self._blank()
        half = width / 2
        for x, y in _dense(list(smooth(points, closed=False)), width / 8):
            pen.ellipse(self._scaled((x - half, y - half, x + half, y + half)), 255)
        return mask

    def paint(self, mask: Image.Image, stops: Stops, *, across: bool = True) -> None:
        """Fill a mask with colours from its left to its right, or top to bottom."""
        box = mask.getbbox()
        if box is None:
            return
        fill = gradient(stops, (box[2] - box[0], box[3] - box[1]), across=across)
        self.image.paste(fill, box[:2], mask.crop(box))

    def shade(
        self,
        mask: Image.Image,
        colour: str,
        strength: float,
        blur: float,
        within: Image.Image | None = None,
    ) -> None:
        """Lay a soft colour over the picture: a shadow, a highlight, a glow."""
        soft = mask.filter(ImageFilter.GaussianBlur(blur * self.scale))
        soft = soft.point(lambda value: value * strength)
        if within is not None:
            soft = ImageChops.multiply(soft, within)
        self.image.paste(Image.new("RGB", self.image.size, colour), mask=soft)

    def ground(self, box: Box) -> None:
        """The shadow of a thing that stands there: a wide soft and a dark narrow."""
        left, top, right, bottom = box
        wide = (left - 40, top - 6, right + 90, bottom + 26)
        self.shade(self.ellipse(wide), "#1c1712", 0.42, 26)
        self.shade(self.ellipse(box), "#120e0a", 0.6, 8)

    def _vignette(self) -> None:
        dark = Image.radial_gradient("L").resize(self.image.size)
        dark = dark.point(lambda value: max(0, value - 120) * 0.42)
        self.image.paste(Image.new("RGB", self.image.size, "#2a2018"), mask=dark)

    def _blank(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        mask = Image.new("L", self.image.size)
        return mask, ImageDraw.Draw(mask)

    def _scaled(self, box: Box) -> tuple[float, ...]:
        return tuple(value * self.scale for value in box)


def gradient(stops: Stops, size: tuple[int, int], *, across: bool) -> Image.Image:
    """An image whose colours pass from stop to stop."""
    length = 512
    ramp = Image.new("RGB", (length, 1))
    for x in range(length):
        ramp.putpixel((x, 0), _mixed(stops, x / (length - 1)))
    if not across:
        ramp = ramp.transpose(Image.Transpose.ROTATE_270)
    return ramp.resize(size, Image.Resampling.BICUBIC)


def smooth(points: Sequence[Point], *, closed: bool) -> Iterator[Point]:
    """Points on a Catmull-Rom curve through the given ones."""
    count = len(points)
    for index in range(count if closed else count - 1):
        around = [
            points[at % count] if closed else points[min(max(at, 0), count - 1)]
            for at in range(index - 1, index + 3)
        ]
        for step in range(STEPS):
            t = step / STEPS
            yield (
                _on_curve([p[0] for p in around], t),
                _on_curve([p[1] for p in around], t),
            )
    if not closed:
        yield points[-1]


def _on_curve(around: Sequence[float], t: float) -> float:
    before, start, end, after = around
    return 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )


def _dense(points: list[Point], step: float) -> Iterator[Point]:
    for (x0, y0), (x1, y1) in pairwise(points):
        count = max(1, round(max(abs(x1 - x0), abs(y1 - y0)) / step))
        for number in range(count):
            part = number / count
            yield x0 + (x1 - x0) * part, y0 + (y1 - y0) * part
    yield points[-1]


def _mixed(stops: Stops, at: float) -> tuple[int, int, int]:
    for (from_at, from_colour), (to_at, to_colour) in pairwise(stops):
        if at <= to_at:
            part = (at - from_at) / (to_at - from_at)
            one, other = map(ImageColor.getrgb, (from_colour, to_colour))
            red, green, blue = (
                round(a + (b - a) * part)
                for a, b in zip(one[:3], other[:3], strict=True)
            )
            return red, green, blue
    return ImageColor.getrgb(stops[-1][1])[:3]
