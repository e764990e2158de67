"""The outbox: notifications that are kept and leased until they are delivered."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from jobs.ledger.server import Part
from jobs.notification import GIVEN_UP_S, Notification, batch_notification
from jobs.records import BatchRecord


@dataclass(frozen=True, slots=True)
class PendingNotification:
    """A notification on its way."""

    notification: Notification
    #: Tries so far that did not reach everybody.
    tries: int = 0
    #: Channels on which it is delivered already, such as `web` or `mail`.
    delivered: tuple[str, ...] = ()
    #: Unix seconds of the first try; None before it.
    since_s: float | None = None


_PENDING = TypeAdapter(PendingNotification)


class Outbox(Part):
    """What is still to be delivered, by account."""

    def add(self, notification: Notification) -> bool:
        """Have it delivered at once; False if it was delivered already, or waits."""
        where = (notification.account, notification.id)
        text = _json(PendingNotification(notification))
        return bool(self._run("notify_add", *where, text, GIVEN_UP_S))

    def add_batch(self, batch: BatchRecord | None, report_url: str = "") -> bool:
        """Notify that a batch came to rest; False if there is nothing to say."""
        notification = batch_notification(batch, report_url) if batch else None
        return notification is not None and self.add(notification)

    def lease(
        self, account_id: str, most: int, lease_s: float
    ) -> list[PendingNotification]:
        """Take up to `most` that are due; they come back after the lease."""
        flat = self._run("notify_lease", account_id, most, lease_s)
        return [_PENDING.validate_json(text) for text in flat[1::2]]

    def reschedule(self, pending: PendingNotification, wait_s: float) -> None:
        """It did not reach everybody: it is tried again after so many seconds."""
        self._written(pending.notification, _json(pending), wait_s)

    def done(self, notification: Notification) -> None:
        """It is delivered, or given up."""
        self._written(notification, "", 0.0)

    def _written(self, notification: Notification, text: str, wait_s: float) -> None:
        where = (notification.account, notification.id)
        self._run("notify_done", *where, text, wait_s)


def _json(pending: PendingNotification) -> str:
    return _PENDING.dump_json(pending).decode()
