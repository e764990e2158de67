"""How many rows a second `reelmill check --no-look` reads, and in how much memory.

It makes up a manifest like those that shops have, several models and own columns in it,
and has it checked by the command itself. The same numbers of rows give the same file.
"""

import argparse
import csv
import platform
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice, product
from pathlib import Path

from bench.measuring import measure

#: As many as the largest catalogue of a shop that we expect.
DEFAULT_ROWS = 1_000_000

COLUMNS = (
    *("id", "model", "image", "images", "prompt", "negative_prompt", "duration"),
    *("sound", "aspect_ratio", "sku", "title", "vendor", "price"),
)

_THINGS = ("ceramic mug", "running shoe", "table lamp", "leather bag", "oak chair")
_LIGHTS = ("soft morning light", "warm evening light", "even studio light")
_MOVES = (
    "slow orbit, the camera stays at the height of the product",
    "the camera pushes in until the surface fills the frame",
    "half a turn on a turntable, seamless background",
    "gentle dolly from left to right, dust in the air",
)
_FOLDER = "https://cdn.example.com/shop/files"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    parser.add_argument(
        "--rows", type=_count, default=DEFAULT_ROWS, help="rows of the manifest"
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows, such as 1000")
    return int(text)


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Make the manifest, have it checked, and say what that took."""
    count = asked.rows
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as folder:
        manifest = Path(folder) / "products.csv"
        write_manifest(manifest, count)
        size_bytes = manifest.stat().st_size
        command = ["producer", "check", "--no-look", str(manifest)]
        taken = measure([sys.executable, "-m", *command])
    return {
        "question": "check --no-look of a CSV manifest",
        "rows": count,
        "file_bytes": size_bytes,
        "wall_s": round(taken.wall_s, 3),
        "cpu_s": round(taken.cpu_s, 3),
        "rows_per_s": round(count / taken.wall_s),
        "peak_bytes": taken.peak_bytes,
        "peak_mb": round(taken.peak_bytes / 1e6, 1),
        "python": platform.python_version(),
    }


def write_manifest(path: Path, count: int) -> None:
    """A manifest of so many rows, all of them in order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(islice(_rows(), count))


def _rows() -> Iterator[dict[str, str]]:
    """Rows without end, over four models."""
    words = cycle(product(_THINGS, _LIGHTS, _MOVES))
    for number, (thing, light, move) in enumerate(words):
        picture = f"{_FOLDER}/{thing.replace(' ', '-')}-{number}.jpg?v={number * 37}"
        yield {
            "id": f"sku-{number:07}",
            "prompt": f"The {thing} in {light}, {move}",
            "sku": f"{number:07}-{number % 97}",
            "title": thing.title(),
            "vendor": "Example & Daughters, Ltd.",
            "price": f"{number % 200}.90",
            **_by_model(number, picture),
        }


def _by_model(number: int, picture: str) -> dict[str, str]:
    match number % 6:
        case 0:
            both = f"{picture}|{picture}&side=back"
            return {
                "model": "kling-v1.6-multi",
                "images": both,
                "aspect_ratio": "16:9",
            }
        case 1:
            return {"model": "kling-v3.0-std", "image": picture, "sound": "true"}
        case 2:
            return {"model": "kling-v1.6-std", "image": picture, "duration": "10"}
        case _:
            words = "blur, distortion, text"
            return {
                "model": "kling-v2.6-std",
                "image": picture,
                "negative_prompt": words,
                "duration": "5",
            }
