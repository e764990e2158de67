"""Links: the addresses under which the provider keeps uploaded pictures for a while.

It decides which pictures need one, how long one may be used, and what a job's inputs
look like with them filled in. The ledger keeps them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.attempt.fingerprint import pictures_of
from jobs.catalogue.addresses import is_http
from jobs.catalogue.model import Model
from jobs.job import Job
from jobs.records import JobRecord

DAY_S = 86_400.0

#: Why a job fails whose picture has no link any more; nothing was sent for it.
EXPIRED_CODE = "upload-expired"

#: The provider deletes what was uploaded after 7 days (wavespeed.ai/docs/upload-files).
#: The last half day is left to a prediction that waits in the provider's own queue.
USED_S = 6.5 * DAY_S

#: What was uploaded so long ago is uploaded anew before it is needed for long.
FRESH_S = 5 * DAY_S


@dataclass(frozen=True, slots=True)
class Link:
    """Where an uploaded picture can be fetched by the provider."""

    url: str
    #: Unix seconds; no request may carry it after that.
    until_s: float

    def usable(self, now_s: float) -> bool:
        """Whether a request that leaves now may carry it."""
        return now_s < self.until_s

    def fresh(self, now_s: float) -> bool:
        """Whether it lasts so long that the picture need not be uploaded anew."""
        return now_s < self.until_s - (USED_S - FRESH_S)


def to_upload(job: Job, model: Model) -> dict[str, str]:
    """Contents of the pictures that need a link, by address as the row has it.

    The content is empty where nobody looked at the picture.
    """
    return {
        address: job.contents.get(address, "")
        for address in pictures_of(model, job)
        if not is_http(address)
    }


def links_for(
    needed: Mapping[str, str], kept: Mapping[str, Link], now_s: float
) -> dict[str, str] | None:
    """The link of each picture, by its address; None if one is missing or too old.

    Args:
        needed: contents by address, as `to_upload` has them.
        kept: links by content.
        now_s: unix seconds.
    """
    links = {}
    for address, content in needed.items():
        link = kept.get(content)
        if link is None or not link.usable(now_s):
            return None
        links[address] = link.url
    return links


def sent_inputs(record: JobRecord, model: Model) -> dict[str, Any]:
    """The inputs that a job's newest attempt was sent with: uploads by their links."""
    return {
        name: _linked(value, record.links) if model.is_picture(name) else value
        for name, value in record.job.inputs.items()
    }


def _linked(value: Any, links: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return links.get(value, value)
    return [links.get(address, address) for address in value]
