"""The provider on its worst day, and the rows that are ordered from it.

Every fault that may occur there at the same time has its odds here; which of them
strikes follows from the seed. The limits are reelmill's alone: the stand-in would let
it do much more, so that only reelmill keeps it within them. Each row has a prompt of
its own, so that a prediction in the books tells which row it was made for, without
asking reelmill.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.producer.running import QUICK, Desk, as_csv, quick_sandbox
from tests.sandbox.running import RunningSandbox

SUBMIT_TIMEOUT_S = 2.0

#: Until a lost answer that is found nowhere counts as absent: longer than the answer
#: may take, clocks may differ (5 s) and the history may lag together, as it is with the
#: defaults and the real provider.
SETTLING_S = 8.5

STORM: dict[str, object] = {
    "generation_s": 0.6,
    "stragglers": 0.02,
    **dict.fromkeys(("submit_drop_before", "submit_drop_after"), 0.02),
    **dict.fromkeys(("submit_5xx_before", "submit_5xx_after"), 0.02),
    **dict.fromkeys(("submit_garbled", "submit_no_id"), 0.02),
    "submit_late": 0.01,
    "submit_late_s": 2.0 * SUBMIT_TIMEOUT_S,
    "submit_429": 0.01,
    "retry_after": "seconds",
    "retry_after_s": 1.0,
    "outcome_1200": 0.02,
    "outcome_5000": 0.04,
    **dict.fromkeys(("outcome_5003", "outcome_timeout"), 0.03),
    **dict.fromkeys(("outcome_1400", "outcome_1402"), 0.01),
    **dict.fromkeys(("outcome_cancelled", "outcome_deleted"), 0.01),
    "refund_delay_s": 0.5,
    **dict.fromkeys(("result_5xx", "result_429", "result_drop"), 0.02),
    **dict.fromkeys(("result_html", "result_wrong_types"), 0.02),
    **dict.fromkeys(("result_id_slashes", "result_url_scheme"), 0.02),
    **dict.fromkeys(("result_redirect", "result_redirect_scheme"), 0.02),
    "result_huge": 0.002,
    "result_unknown_status": 0.05,
    **dict.fromkeys(("status_upper", "status_synonym"), 0.1),
    **dict.fromkeys(("outputs_null", "outputs_cover"), 0.05),
    **dict.fromkeys(("outputs_object", "outputs_space"), 0.05),
    "download_404_first": 1,
    **dict.fromkeys(("download_5xx", "download_truncated"), 0.03),
    **dict.fromkeys(("download_html", "download_wrong_length"), 0.03),
    **dict.fromkeys(("download_endless", "download_drip"), 0.01),
    "download_redirect": 0.02,
    "history_inputs": True,
    "history_lag_s": 1.0,
    "billing_lag_s": 0.5,
    **dict.fromkeys(("history_5xx", "billing_5xx"), 0.05),
    "page_cap": 25,
    "stranger": 0.03,
}

MODELS = (
    "kwaivgi/kling-v2.6-std/image-to-video",
    "kwaivgi/kling-v1.6-i2v-standard",
    "kwaivgi/kling-v2.1-i2v-standard",
    "kwaivgi/kling-v3.0-std/image-to-video",
    "kwaivgi/kling-v1.6-multi-i2v-standard",
)
PICTURES = ("bag", "chair", "lamp", "mug", "sneaker", "watch")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What reelmill may do at once and in any 60 s."""

    videos_per_minute: int
    concurrent_videos: int

    def environment(self) -> dict[str, str]:
        """The settings of reelmill, in text as its environment has them."""
        return QUICK | {
            "REELMILL_VIDEOS_PER_MINUTE": str(self.videos_per_minute),
            "REELMILL_CONCURRENT_VIDEOS": str(self.concurrent_videos),
            "REELMILL_SUBMIT_TIMEOUT_S": str(SUBMIT_TIMEOUT_S),
            "REELMILL_SETTLING_S": str(SETTLING_S),
            "REELMILL_LEASE_S": "1.5",
            "REELMILL_REQUEST_TIMEOUT_S": "3",
            "REELMILL_DOWNLOAD_TIMEOUT_S": "2",
        }


@contextmanager
def stormy_sandbox(seed: int) -> Iterator[RunningSandbox]:
    """The stand-in provider, with every fault at once."""
    with quick_sandbox(seed=seed, **STORM) as sandbox:
        yield sandbox


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
    pictures = list(inputs.get("images") or [inputs.get("image")])
    wanted = [row.get("images") or row.get("image")]
    asked = (model, inputs.get("prompt"), pictures)
    return asked == (row["model"], row["prompt"], wanted)
