"""This set-up by itself: version, catalogue, store, the provider and its limits.

It needs no ledger. What the ledger's server and the fleet are like stands in `server`
and `fleet`.
"""

import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import version

from jobs import catalogue
from jobs.settings import Settings
from jobs.storage import Store, StoreError, parse
from producer import account
from producer.doctor.findings import Finding, good, warning, wrong
from producer.doctor.server import clock_finding

#: Less than so much room in a folder is soon full.
ROOM_BYTES = 1_000_000_000


def versions(_chosen: Settings) -> Iterator[Finding]:
    """What runs here."""
    words = f"reelmill {version('reelmill')}, Python {platform.python_version()}"
    yield good("version", words)


def models(_chosen: Settings) -> Iterator[Finding]:
    """The catalogue, and how old its prices are."""
    known = catalogue.builtin()
    read_on = min(str(model.read_on) for model in known.models.values())
    yield good("catalogue", f"{len(known.models)} models, prices read on {read_on}")


def store(chosen: Settings) -> Iterator[Finding]:
    """Whether videos can be kept: such files are written, read and taken away."""
    try:
        kept = Store(chosen.store)
        kept.check_round_trip()
    except StoreError as error:
        cure = "; set REELMILL_STORE" if parse(chosen.store)[0] == "file" else ""
        yield wrong("store", f"{error}{cure}")
        return
    if not kept.local:
        yield good("store", f"{kept.url} takes files and gives them back")
        return
    room_bytes = shutil.disk_usage(kept.url).free
    words = f"{kept.url} takes files, {room_bytes / 1e9:,.1f} GB are free"
    if room_bytes < ROOM_BYTES:
        yield warning("store", f"{words}; make room, or set REELMILL_STORE elsewhere")
    else:
        yield good("store", words)


def provider(chosen: Settings) -> Iterator[Finding]:
    """Whether the key is accepted, what money there is, and what time it is there."""
    if not chosen.api_key:
        words = (
            "WAVESPEED_API_KEY is not set; set it to render, reelmill demo needs none"
        )
        yield warning("provider", words)
        return
    money, ahead_s = account.balance_and_clock(chosen)
    if money.usd is None:
        cure = account.CURES.get(
            money.trouble, "check WAVESPEED_BASE_URL and the network"
        )
        yield wrong("provider", f"{money.reason}; {cure}")
        return
    words = f"{chosen.base_url} accepts the key; balance ${money.usd:.2f}"
    if money.usd <= 0:
        yield warning("provider", f"{words}; {account.CURES['balance']}")
    else:
        yield good("provider", words)
    if ahead_s is not None:
        yield clock_finding("provider's clock", "the provider", ahead_s)


def limits(chosen: Settings) -> Iterator[Finding]:
    """What the account may do, by the settings of this machine."""
    own = chosen.limits
    source = "by REELMILL_VIDEOS_PER_MINUTE or REELMILL_CONCURRENT_VIDEOS"
    if not chosen.own_limits:
        source = f"as of {chosen.tier}; set REELMILL_TIER to your account's"
    words = f"{own.videos_per_minute} starts a minute, {own.concurrent_videos} at once"
    yield good("limits", f"{words}, {source}")
