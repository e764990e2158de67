"""Manifests in few words: what is found in one, as far as a price needs it."""

from collections.abc import Mapping
from typing import Any

from jobs import catalogue
from jobs.job import Job
from producer.account import Quote
from producer.bill import Share
from producer.survey import Survey

STD, NEW = "kling-v2.6-std", "kling-v3.0-std"


class Wanted(Survey):
    """What a manifest asks for."""

    def __init__(self) -> None:
        super().__init__("shop.csv", catalogue.builtin())

    def add(self, count: int, name: str = STD, **inputs: Any) -> "Wanted":
        model = catalogue.builtin().find(name)
        share = self.shares.setdefault((name, model.duration_s(inputs)), Share())
        for _ in range(count):
            self.jobs += 1
            job = a_job(self.jobs, name, **inputs)
            share.jobs += 1
            self.bill.add(job, model)
        return self

    def quoted(self, quotes: Mapping[str, Quote]) -> "Wanted":
        """The same, with what the provider said."""
        self.bill.take_quotes(quotes)
        return self

    def there(self, count: int, what: str, name: str = STD) -> "Wanted":
        """Jobs that are not paid: `reused` or `following`."""
        share = self.shares.setdefault((name, 5), Share())
        self.jobs += count
        share.jobs += count
        setattr(share, what, getattr(share, what) + count)
        return self


def a_job(number: int, name: str = STD, **inputs: Any) -> Job:
    model = catalogue.builtin().find(name)
    given = {"image": f"{number}.jpg", "prompt": f"number {number}", **inputs}
    price = model.price_usd_micros(given)
    return Job(f"row-{number}", number, model.id, given, price, f"{number}.mp4")
