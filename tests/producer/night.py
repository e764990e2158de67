"""Schedulers over a simulated ledger, and a stand-in for handing manifests over."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.ledger import Ledger
from jobs.notification import Notification
from jobs.records import BatchRecord
from jobs.schedule import Firing, Schedule
from producer.options import Reading, Spending
from producer.quote import encodable
from producer.scheduler import Scheduler
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, a_batch
from tests.jobs.test_schedule import a_schedule


@dataclass(slots=True)
class Night:
    """Schedulers of one account, and what was handed over and told."""

    ledger: Ledger
    clock: Clock
    handed: list[tuple[str, Reading, Spending]] = field(default_factory=list)
    told: list[Notification] = field(default_factory=list)
    #: What happens when a manifest is handed over, by the end of its name.
    trouble: dict[str, BaseException] = field(default_factory=dict)
    at_hand_over: Callable[[], Any] = lambda: None

    def submit(
        self, manifest: str, reading: Reading, spending: Spending
    ) -> tuple[BatchRecord, list[str]]:
        """The batch of a manifest, by its name."""
        for name, error in self.trouble.items():
            if manifest.endswith(name):
                raise error
        self.handed.append((manifest, reading, spending))
        self.at_hand_over()
        batch = a_batch(encodable(Path(manifest).stem))
        self.ledger.batches.create(batch)
        return batch, []

    def scheduler(self, name: str = "1@attic", account: str = ACCOUNT) -> Scheduler:
        return Scheduler(
            self.ledger,
            account_id=account,
            submit=self.submit,
            notify=self.told.append,
            clock=self.clock,
            name=name,
        )

    def add(self, **changes: Any) -> Schedule:
        schedule = a_schedule(account=ACCOUNT, **changes)
        assert self.ledger.schedules.add(schedule)
        return schedule

    @property
    def manifests(self) -> list[str]:
        return [Path(manifest).name for manifest, _, _ in self.handed]

    def firings(self, name: str = "nightly") -> list[Firing]:
        return self.ledger.schedules.firings(name)

    def again(self) -> str:
        standing = self.ledger.schedules.read("nightly")
        assert standing is not None
        return standing.trying.again if standing.trying else ""
