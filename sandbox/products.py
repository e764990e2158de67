"""The six sample products, painted for `sandbox/samples`.

`python -m sandbox.products` draws them anew; the JPEG files are kept beside the code,
so that nothing is drawn when the sandbox runs. How one paints stands in `draw`.
"""

import math
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from sandbox.draw import Studio

FOLDER = Path(__file__).parent / "samples"
JPEG_QUALITY = 88
CERAMIC = [
    (0, "#7d3c28"),
    (0.12, "#b5603f"),
    (0.32, "#e09a76"),
    (0.5, "#cf7c55"),
    (0.8, "#a85536"),
    (1, "#6b3120"),
]
BRASS = [
    (0, "#6e5320"),
    (0.25, "#c9a24d"),
    (0.4, "#f6e3a8"),
    (0.6, "#c49a42"),
    (1, "#5d4418"),
]
STEEL = [
    (0, "#8b9197"),
    (0.2, "#f4f6f8"),
    (0.45, "#a4abb2"),
    (0.7, "#eef1f3"),
    (1, "#6c7379"),
]


def mug() -> Image.Image:
    """A terracotta mug with coffee in it."""
    studio = Studio(
        [(0, "#efe4d6"), (0.66, "#e2d2bf"), (0.72, "#d3bfa8"), (1, "#e6d8c6")]
    )
    studio.ground((290, 735, 650, 805))
    handle = studio.line(
        46, (612, 432), (700, 420), (768, 480), (760, 580), (690, 645), (606, 650)
    )
    studio.paint(handle, CERAMIC)
    inner = studio.line(12, (640, 446), (700, 440), (748, 490), (742, 570), (690, 620))
    studio.shade(inner, "#f7cdb2", 0.55, 5, handle)
    body = studio.blob(
        (290, 340), (296, 480), (304, 620), (322, 728), (380, 772), (470, 784),
        (560, 772), (618, 728), (636, 620), (644, 480), (650, 340), (470, 350),
    )  # fmt: skip
    studio.paint(body, CERAMIC)
    studio.shade(studio.rounded((352, 400, 392, 700), 20), "#fff3e6", 0.5, 16, body)
    studio.shade(studio.ellipse((300, 700, 640, 830)), "#3a170b", 0.5, 30, body)
    studio.paint(studio.ellipse((290, 288, 650, 392)), CERAMIC)
    hollow = studio.ellipse((308, 298, 632, 384))
    studio.paint(hollow, [(0, "#5a2717"), (0.5, "#8f4a30"), (1, "#c98561")])
    coffee = studio.ellipse((316, 318, 624, 400))
    studio.shade(coffee, "#2b140a", 0.95, 1, hollow)
    studio.shade(studio.ellipse((350, 340, 470, 360)), "#b98a66", 0.6, 8, hollow)
    return studio.finished()


def lamp() -> Image.Image:
    """A table lamp that is lit."""
    studio = Studio(
        [(0, "#3d4a52"), (0.7, "#55646c"), (0.74, "#7a5b41"), (1, "#8d6c4f")]
    )
    studio.shade(studio.ellipse((180, 60, 820, 760)), "#ffd79a", 0.6, 110)
    studio.ground((372, 806, 628, 850))
    studio.shade(studio.ellipse((250, 790, 750, 880)), "#ffd79a", 0.4, 40)
    studio.paint(studio.rounded((488, 440, 512, 810), 8), BRASS)
    studio.paint(studio.ellipse((450, 640, 550, 776)), BRASS)
    studio.shade(studio.ellipse((472, 660, 498, 720)), "#fffbe8", 0.6, 8)
    studio.paint(studio.rounded((380, 806, 620, 838), 15), BRASS)
    studio.paint(studio.ellipse((380, 790, 620, 826)), BRASS)
    shade = studio.blob(
        (396, 196), (500, 188), (604, 196), (640, 300), (682, 400), (716, 488),
        (500, 512), (284, 488), (318, 400), (360, 300),
    )  # fmt: skip
    linen = [(0, "#c98f4d"), (0.25, "#f6d08b"), (0.5, "#fff3cf"), (0.75, "#f4cc86")]
    studio.paint(shade, [*linen, (1, "#bd8242")])
    studio.shade(studio.ellipse((380, 300, 620, 520)), "#fffdf0", 0.75, 50, shade)
    studio.shade(studio.rounded((300, 180, 700, 240), 20), "#b27a3a", 0.4, 26, shade)
    rim = studio.line(7, (286, 488), (390, 506), (500, 512), (610, 506), (714, 488))
    studio.shade(rim, "#8f5c24", 0.7, 2)
    return studio.finished()


def watch() -> Image.Image:
    """A wrist watch with a blue dial."""
    studio = Studio([(0, "#d9dde1"), (1, "#bcc3ca")])
    studio.shade(studio.rounded((370, 40, 720, 1000), 60), "#20262c", 0.38, 40)
    leather = [(0, "#3a2216"), (0.2, "#6f452d"), (0.5, "#84563a"), (1, "#33200f")]
    upper = studio.polygon((392, -20), (608, -20), (622, 330), (378, 330))
    lower = studio.polygon((378, 670), (622, 670), (608, 1020), (392, 1020))
    for strap in (upper, lower):
        studio.paint(strap, leather)
    for x, lean in ((412, -14), (588, 14)):
        for y in range(0, 300, 34):
            at = x + lean * y / 330
            for top in (y, 1000 - y - 22):
                studio.paint(studio.rounded((at - 3, top, at + 3, top + 20), 3), STITCH)
    studio.paint(studio.rounded((700, 472, 754, 528), 9), STEEL, across=False)
    studio.shade(studio.ellipse((264, 266, 736, 738)), "#1d2329", 0.55, 5)
    studio.paint(studio.ellipse((268, 268, 732, 732)), STEEL, across=False)
    studio.paint(studio.ellipse((288, 288, 712, 712)), STEEL)
    dial = studio.ellipse((312, 312, 688, 688))
    studio.paint(dial, [(0, "#27507f"), (0.5, "#173a63"), (1, "#0b1f3a")], across=False)
    studio.shade(studio.ellipse((340, 330, 560, 520)), "#6fa3dc", 0.35, 50, dial)
    for hour in range(12):
        _mark(studio, hour * 30, 148, 172, 13 if hour % 3 == 0 else 7)
    _mark(studio, 305, -20, 100, 16)
    _mark(studio, 54, -24, 146, 11)
    studio.paint(studio.line(4, *_ray(200, -40, 156)), [(0, "#e2583e"), (1, "#e2583e")])
    studio.paint(studio.ellipse((486, 486, 514, 514)), STEEL)
    shine = studio.polygon((330, 420), (470, 300), (560, 300), (330, 520))
    studio.shade(shine, "#ffffff", 0.16, 6, dial)
    return studio.finished()


STITCH = [(0, "#d9b48a"), (1, "#c79d70")]


def bag() -> Image.Image:
    """A leather tote."""
    studio = Studio(
        [(0, "#dfe5dc"), (0.72, "#cbd4c8"), (0.78, "#b3bfb1"), (1, "#cdd6ca")]
    )
    studio.ground((240, 800, 770, 862))
    strap = [(0, "#56301b"), (0.5, "#9a6238"), (1, "#4d2a17")]
    back = studio.line(20, (400, 400), (408, 250), (500, 168), (592, 250), (600, 400))
    studio.paint(back, [(0, "#3f2213"), (1, "#3a1f10")])
    body = studio.blob(
        (268, 392), (380, 384), (500, 382), (620, 384), (732, 392), (752, 560),
        (774, 740), (764, 822), (640, 836), (500, 838), (360, 836), (236, 822),
        (226, 740), (248, 560),
    )  # fmt: skip
    tan = [(0, "#7a4828"), (0.2, "#b5763f"), (0.45, "#cf9157"), (0.8, "#a5683a")]
    studio.paint(body, [*tan, (1, "#66391d")])
    studio.shade(studio.ellipse((200, 720, 800, 930)), "#3b1d0c", 0.55, 46, body)
    studio.shade(studio.ellipse((330, 430, 520, 700)), "#f3c794", 0.4, 60, body)
    studio.shade(studio.rounded((255, 372, 745, 410), 16), "#5a3117", 0.45, 10, body)
    for x in range(282, 720, 19):
        studio.paint(studio.rounded((x, 418, x + 11, 422), 2), STITCH)
        studio.paint(studio.rounded((x - 10, 806, x + 1, 810), 2), STITCH)
    front = studio.line(22, (376, 470), (380, 300), (500, 196), (620, 300), (624, 470))
    studio.shade(front, "#2a1408", 0.35, 14, body)
    studio.paint(front, strap)
    for x in (376, 624):
        studio.paint(studio.rounded((x - 22, 440, x + 22, 530), 14), strap)
        studio.paint(studio.ellipse((x - 9, 492, x + 9, 510)), BRASS)
    tag = studio.rounded((462, 560, 538, 662), 12)
    studio.shade(tag, "#2a1408", 0.5, 10, body)
    studio.paint(tag, strap)
    studio.paint(studio.ellipse((490, 574, 510, 594)), BRASS)
    return studio.finished()


def chair() -> Image.Image:
    """An armchair in green velvet on wooden legs."""
    studio = Studio(
        [(0, "#ece3da"), (0.7, "#ddd0c3"), (0.76, "#b99a7c"), (1, "#cfb397")]
    )
    studio.ground((280, 842, 740, 884))
    wood = [(0, "#5e3a1f"), (0.4, "#b98250"), (1, "#553218")]
    for top, foot in ((392, 372), (608, 628)):
        leg = studio.polygon(
            (top - 14, 690), (top + 14, 690), (foot + 8, 836), (foot - 8, 836)
        )
        studio.paint(leg, [(0, "#4a2c16"), (1, "#5d3a1f")])
    velvet = [(0, "#16382f"), (0.25, "#2f6b5a"), (0.5, "#3d8370"), (1, "#143329")]
    back = studio.blob(
        (300, 560), (290, 380), (330, 226), (420, 172), (500, 164), (580, 172),
        (670, 226), (710, 380), (700, 560), (500, 600),
    )  # fmt: skip
    studio.paint(back, velvet)
    studio.shade(studio.ellipse((350, 190, 560, 420)), "#8fd0bb", 0.38, 50, back)
    for x in (400, 466, 534, 600):
        seam = studio.line(5, (500 + (x - 500) * 0.75, 186), (x, 360), (x, 560))
        studio.shade(seam, "#0b211b", 0.55, 5, back)
    studio.shade(studio.ellipse((280, 500, 720, 640)), "#081914", 0.6, 30, back)
    seat = studio.rounded((288, 556, 712, 676), 50)
    studio.paint(
        seat, [(0, "#4a9680"), (0.35, "#31705e"), (1, "#143229")], across=False
    )
    studio.shade(studio.ellipse((340, 560, 620, 610)), "#a5dfcc", 0.4, 22, seat)
    for flip in (1, -1):
        arm = studio.blob(*((500 + flip * (x - 500), y) for x, y in ARM))
        studio.shade(arm, "#081914", 0.35, 14, seat)
        studio.paint(arm, velvet if flip == 1 else _turned(velvet))
        studio.shade(
            studio.ellipse((500 - flip * 262 - 30, 440, 500 - flip * 262 + 30, 560)),
            "#9bd8c4", 0.3, 22, arm,
        )  # fmt: skip
    studio.paint(
        studio.rounded((296, 668, 704, 712), 20),
        [(0, "#143028"), (0.5, "#24574a"), (1, "#10271f")],
    )
    for top, foot in ((318, 286), (682, 714)):
        leg = studio.polygon(
            (top - 17, 706), (top + 17, 706), (foot + 9, 866), (foot - 9, 866)
        )
        studio.paint(leg, wood)
    return studio.finished()


ARM = (
    (206, 470), (232, 428), (276, 424), (306, 460), (312, 580), (312, 690),
    (262, 708), (226, 696), (212, 580),
)  # fmt: skip


def _turned(stops: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """The same colours from the other side."""
    return [(1 - at, colour) for at, colour in reversed(stops)]


#: The parts that are sewn onto the upper of the sneaker: colour and outline.
SEWN_ON = (
    ("#e4572e", (
        (120, 660), (126, 520), (146, 410), (180, 400), (214, 480), (250, 590),
        (270, 680),
    )),
    ("#e4572e", (
        (700, 700), (712, 600), (766, 548), (850, 560), (920, 640), (880, 700),
    )),
    ("#23404f", (
        (268, 590), (400, 606), (520, 560), (610, 498), (640, 520), (560, 612),
        (430, 660), (310, 640),
    )),
    ("#23404f", (
        (160, 380), (214, 346), (262, 372), (330, 388), (400, 348), (436, 334),
        (400, 400), (320, 430), (230, 420),
    )),
)  # fmt: skip


def sneaker() -> Image.Image:
    """A running shoe from its side."""
    wall = [(0, "#cfe0ea"), (0.68, "#bcd0dc"), (0.74, "#a4bac8"), (1, "#c3d5e0")]
    studio = Studio(wall)
    studio.ground((130, 716, 880, 772))
    upper = studio.blob(
        (136, 640), (130, 540), (142, 430), (168, 364), (214, 346), (262, 372),
        (330, 388), (400, 348), (440, 330), (478, 352), (540, 440), (620, 510),
        (740, 550), (838, 580), (884, 622), (880, 660), (700, 680), (400, 680),
        (180, 668),
    )  # fmt: skip
    white = [(0, "#f3f1ea"), (0.5, "#fbfaf6"), (1, "#d8d5cc")]
    studio.paint(upper, white, across=False)
    studio.shade(studio.ellipse((100, 600, 900, 760)), "#5d6a73", 0.5, 26, upper)
    for colour, outline in SEWN_ON:
        _within(studio, studio.blob(*outline), upper, colour)
    for number in range(4):
        x, y = 428 + number * 40, 372 + number * 38
        lace = studio.line(13, (x - 34, y + 44), (x - 6, y + 10), (x + 26, y - 2))
        studio.shade(lace, "#4b5a64", 0.5, 6, upper)
        studio.paint(lace, [(0, "#e9e6de"), (1, "#ffffff")])
        studio.paint(studio.ellipse((x - 42, y + 38, x - 28, y + 52)), STEEL)
    _sole(studio)
    return studio.finished()


def _sole(studio: Studio) -> None:
    sole = studio.blob(
        (118, 640), (150, 622), (300, 640), (500, 656), (700, 650), (860, 626),
        (898, 640), (894, 690), (850, 728), (700, 744), (500, 744), (300, 746),
        (170, 738), (124, 708),
    )  # fmt: skip
    foam = [(0, "#ffffff"), (0.55, "#eceae4"), (1, "#b9b6ad")]
    studio.paint(sole, foam, across=False)
    tread = studio.line(12, (150, 732), (300, 742), (500, 742), (700, 740), (850, 724))
    studio.paint(tread, [(0, "#e4572e"), (1, "#c8431d")])
    groove = studio.line(4, (140, 676), (300, 690), (500, 698), (700, 692), (884, 668))
    studio.shade(groove, "#8a8f92", 0.7, 2, sole)


def _within(studio: Studio, part: Image.Image, whole: Image.Image, colour: str) -> None:
    """Colour a part of a thing without losing the light that lies on it."""
    studio.shade(part, "#0c1a22", 0.3, 8, whole)
    studio.shade(part, colour, 0.93, 1, whole)
    light = studio.ellipse((240, 380, 700, 560))
    studio.shade(light, "#ffffff", 0.07, 40, whole)


def _mark(studio: Studio, angle: float, near: float, far: float, width: float) -> None:
    """A hand or an hour of the watch, with its shadow."""
    (x0, y0), (x1, y1) = _ray(angle, near, far)
    shadow = studio.line(width, (x0 + 4, y0 + 6), (x1 + 4, y1 + 6))
    studio.shade(shadow, "#030a14", 0.6, 4)
    studio.paint(studio.line(width, (x0, y0), (x1, y1)), STEEL)


def _ray(angle: float, near: float, far: float) -> tuple[tuple[float, float], ...]:
    turn = math.radians(angle - 90)
    return tuple(
        (500 + reach * math.cos(turn), 500 + reach * math.sin(turn))
        for reach in (near, far)
    )


PRODUCTS: tuple[Callable[[], Image.Image], ...] = (
    mug,
    lamp,
    watch,
    bag,
    chair,
    sneaker,
)


def draw_all(folder: Path) -> None:
    """Write every product as a JPEG."""
    for product in PRODUCTS:
        path = folder / f"{product.__name__}.jpg"
        product().save(path, quality=JPEG_QUALITY, optimize=True, progressive=True)


if __name__ == "__main__":
    draw_all(FOLDER)
