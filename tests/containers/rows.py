"""The batch that a fleet renders: rows of two models, with pictures of their own."""

import io
import random
from pathlib import Path

from PIL import Image, ImageDraw

ROWS = 120

#: The model that newer workers lack, and the one that they know.
REMOVED, LEFT_MODEL = "kling-v1.6-i2v-standard", "kling-v2.6-std"
ROWS_OF_A_MODEL = ROWS // 2


def prompt(number: int) -> str:
    """What tells a row from all others in the provider's books."""
    return f"orbit {number}"


def picture(number: int) -> bytes:
    """A picture that no other row has, and that is told apart at a glance."""
    drawn = random.Random(number)
    image = Image.new("RGB", (480, 480), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        left, top = drawn.randrange(0, 320), drawn.randrange(0, 320)
        colour = tuple(drawn.randrange(256) for _ in range(3))
        pen.rectangle((left, top, left + 150, top + 150), fill=colour)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def manifest(folder: Path) -> Path:
    """Write the manifest and its pictures; its path."""
    lines = ["id,model,image,prompt"]
    for number in range(ROWS):
        (folder / f"p{number}.jpg").write_bytes(picture(number))
        model = (LEFT_MODEL, REMOVED)[number % 2]
        lines.append(f"r{number:03},{model},p{number}.jpg,{prompt(number)}")
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    folder.chmod(0o755)
    return path
