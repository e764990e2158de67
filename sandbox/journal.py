"""A file of everything that was created, from which a restarted sandbox goes on.

Without it the books live in memory, and whoever renders against a sandbox that was
restarted finds no prediction any more. Keys are not written down, only their digests.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sandbox.predictions import COMPLETED, FATES, Fate, Prediction

_PREDICTION = {field.name for field in fields(Prediction)} - {"look", "fate"}


def digest_of(key: str) -> str:
    """What stands for a key in the file."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Journal:
    """One line of JSON for each prediction, and one for each deletion."""

    path: Path

    def created(self, owner: str, prediction: Prediction) -> None:
        """Write a prediction down, with the digest of its key."""
        told = {name: getattr(prediction, name) for name in _PREDICTION}
        self._add({"owner": owner, "fate": asdict(prediction.fate), **told})

    def deleted(self, prediction_id: str) -> None:
        """Write down that a prediction was deleted."""
        self._add({"deleted_id": prediction_id})

    def read(self) -> Iterator[tuple[str, Prediction]]:
        """Every prediction with the digest of its key, in the order of creation."""
        lines = list(self._lines())
        deleted = {line["deleted_id"] for line in lines if "deleted_id" in line}
        for line in lines:
            if "owner" in line:
                prediction = _prediction(line)
                prediction.deleted = prediction.id in deleted
                yield line["owner"], prediction

    def _add(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for text in self.path.read_text("utf-8").splitlines():
            try:
                yield json.loads(text)
            except ValueError:  # the process was killed while it wrote it
                continue


def _prediction(line: dict[str, Any]) -> Prediction:
    known = {name: value for name, value in line.items() if name in _PREDICTION}
    told = Fate(**line["fate"])
    # Fates are told apart by which they are.
    fate = next((each for each in (COMPLETED, *FATES.values()) if each == told), told)
    return Prediction(**known, fate=fate)
