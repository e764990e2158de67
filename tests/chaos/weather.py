"""The provider on its worst day, and the settings that reelmill meets it with.

Every fault that may occur there at the same time has its odds here; which of them
strikes follows from the seed. The limits are reelmill's alone: the stand-in would let
it do much more, so that only reelmill keeps it within them.
"""

from collections import ChainMap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.producer.running import QUICK, quick_sandbox
from tests.sandbox.running import RunningSandbox

SUBMIT_TIMEOUT_S = 2.0

#: Until a lost answer that is found nowhere counts as absent: longer than the answer
#: may take, clocks may differ (5 s) and the history may lag together, as it is with the
#: defaults and the real provider.
SETTLING_S = 8.5
HISTORY_LAG_S = 1.0
BILLING_LAG_S = 0.5

LOST_ANSWERS: dict[str, object] = {
    "submit_drop_before": 0.02,
    "submit_drop_after": 0.02,
    "submit_5xx_before": 0.02,
    "submit_5xx_after": 0.02,
    "submit_garbled": 0.02,
    "submit_no_id": 0.02,
    "submit_late": 0.01,
    "submit_late_s": 2.0 * SUBMIT_TIMEOUT_S,
}
REFUSED_FOR_NOW: dict[str, object] = {
    "submit_429": 0.01,
    "retry_after": "seconds",
    "retry_after_s": 1.0,
}
OUTCOMES: dict[str, object] = {
    "outcome_1200": 0.02,
    "outcome_1400": 0.01,
    "outcome_1402": 0.01,
    "outcome_5000": 0.04,
    "outcome_5003": 0.03,
    "outcome_timeout": 0.03,
    "outcome_cancelled": 0.01,
    "outcome_deleted": 0.01,
    "refund_delay_s": 0.5,
}
RESULTS: dict[str, object] = {
    "result_5xx": 0.02,
    "result_429": 0.02,
    "result_drop": 0.02,
    "result_html": 0.02,
    "result_huge": 0.002,
    "result_wrong_types": 0.02,
    "result_unknown_status": 0.05,
    "result_id_slashes": 0.02,
    "result_url_scheme": 0.02,
    "result_redirect": 0.02,
    "result_redirect_scheme": 0.02,
    "status_upper": 0.1,
    "status_synonym": 0.1,
}
OUTPUTS: dict[str, object] = {
    "outputs_null": 0.05,
    "outputs_cover": 0.05,
    "outputs_object": 0.05,
    "outputs_space": 0.05,
}
DOWNLOADS: dict[str, object] = {
    "download_404_first": 1,
    "download_5xx": 0.03,
    "download_truncated": 0.03,
    "download_html": 0.03,
    "download_endless": 0.01,
    "download_drip": 0.01,
    "download_wrong_length": 0.03,
    "download_redirect": 0.02,
}
LISTINGS: dict[str, object] = {
    "history_inputs": True,
    "history_lag_s": HISTORY_LAG_S,
    "billing_lag_s": BILLING_LAG_S,
    "history_5xx": 0.05,
    "billing_5xx": 0.05,
    "page_cap": 25,
    "stranger": 0.03,
}
KINDS = (LOST_ANSWERS, REFUSED_FOR_NOW, OUTCOMES, RESULTS, OUTPUTS, DOWNLOADS, LISTINGS)
STORM = dict(ChainMap(*KINDS)) | {
    "generation_s": 0.6,
    "stragglers": 0.02,
}


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
