"""Where the pictures of the documentation are kept, and how small."""

from io import BytesIO

from PIL import Image

from tests.browser.running import ROOT

PICTURES = ROOT / "docs" / "pictures"

#: Colours are enough for a page, and a picture is small then.
COLOURS = 256


def keep(picture: bytes, name: str) -> None:
    """Keep a PNG small."""
    shown = Image.open(BytesIO(picture)).convert("RGB")
    few = shown.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS)
    few.save(PICTURES / f"{name}.png", optimize=True)
