"""What the person in these rounds asks for: manifests in which no two rows are alike.

Each row has a prompt of its own and one of several pictures, so that a prediction in
the books tells which row it was made for, without asking reelmill.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.producer.running import Desk, as_csv
from tests.sandbox.running import RunningSandbox

MODELS = (
    "kwaivgi/kling-v2.6-std/image-to-video",
    "kwaivgi/kling-v1.6-i2v-standard",
    "kwaivgi/kling-v2.1-i2v-standard",
    "kwaivgi/kling-v3.0-std/image-to-video",
    "kwaivgi/kling-v1.6-multi-i2v-standard",
)
PICTURES = ("bag", "chair", "lamp", "mug", "sneaker", "watch")


@dataclass(slots=True)
class Orders:
    """All rows that were asked for, by their prompts."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    def manifest(self, place: Desk, sandbox: RunningSandbox, count: int) -> Path:
        """A manifest with so many new rows."""
        first = len(self.rows)
        new = {}
        for number in range(first, first + count):
            model = MODELS[number % len(MODELS)]
            picture = PICTURES[number // len(MODELS) % len(PICTURES)]
            column = "images" if "multi" in model else "image"
            prompt = f"Slow orbit {number}"
            new[prompt] = {
                "id": f"r{number:04}",
                "model": model,
                column: f"{sandbox.files_url}/pictures/{picture}.jpg",
                "prompt": prompt,
            }
        self.rows |= new
        return place.write(f"order-{first}.csv", as_csv(new.values()))


def meant(row: Mapping[str, str], model: str, inputs: Mapping[str, Any]) -> bool:
    """Whether a model and its inputs are those of this row."""
    pictures = inputs.get("images") or [inputs.get("image")]
    wanted = row.get("images") or row.get("image")
    return (
        model == row["model"]
        and list(pictures) == [wanted]
        and inputs.get("prompt") == row["prompt"]
    )
