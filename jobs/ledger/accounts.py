"""What is known of an account: generation times, uploads, webhooks, locks."""

import json
from collections.abc import Mapping, Sequence

from jobs.attempt.links import Link
from jobs.ledger import keys
from jobs.ledger.server import Part

#: Newest generation times that are kept for one model and duration.
KEPT = 200


class Times(Part):
    """Generation times by model and duration."""

    def learn(
        self, account_id: str, took_s: Mapping[tuple[str, int], Sequence[float]]
    ) -> None:
        """Predictions took so long, by model and duration, the newest last."""
        pipeline = self._server.pipeline(transaction=False)
        for (model, duration_s), times in took_s.items():
            key = keys.times(account_id, model, duration_s)
            pipeline.lpush(key, *(f"{time_s:.2f}" for time_s in times))
            pipeline.ltrim(key, 0, KEPT - 1)
        pipeline.execute()

    def learnt(self, account_id: str, model: str, duration_s: int) -> list[float]:
        """Generation times in seconds, newest first."""
        key = keys.times(account_id, model, duration_s)
        return [float(took) for took in self._server.lrange(key, 0, -1)]


#: Links that one round trip asks for or looks through.
BLOCK = 500


class Links(Part):
    """Links by account and content; contents are hex SHA-256."""

    def find(self, account_id: str, contents: Sequence[str]) -> dict[str, Link]:
        """The links of those of these contents that have one, however old."""
        key = keys.links(account_id)
        found: dict[str, Link] = {}
        for start in range(0, len(contents), BLOCK):
            block = list(contents[start : start + BLOCK])
            texts = self._server.hmget(key, block)
            pairs = zip(block, texts, strict=True)
            found |= {content: _link(text) for content, text in pairs if text}
        return found

    def keep(self, account_id: str, content: str, url: str, until_s: float) -> None:
        """A content was uploaded; its link may be used until then, in unix seconds."""
        text = json.dumps({"url": url, "until_s": until_s}, ensure_ascii=False)
        self._server.hset(keys.links(account_id), mapping={content: text})

    def forget(self, account_id: str, contents: Sequence[str]) -> None:
        """These are not where their links say."""
        if contents:
            self._server.hdel(keys.links(account_id), *contents)

    def forget_old(self, account_id: str, now_s: float) -> None:
        """Drop the links that no request may carry any more."""
        key = keys.links(account_id)
        cursor: int | str = 0
        while True:
            cursor, page = self._server.hscan(key, cursor, count=BLOCK)
            gone = [c for c, text in page.items() if not _link(text).usable(now_s)]
            self.forget(account_id, gone)
            if str(cursor) == "0":
                return


def _link(text: str) -> Link:
    raw = json.loads(text)
    return Link(raw["url"], raw["until_s"])


FIELD = "hook_at"


class Hooks(Part):
    """When a genuine webhook was heard last, by account."""

    def heard(self, account_id: str, now_s: float) -> None:
        """One has arrived; `now_s` in unix seconds."""
        self._server.hset(keys.account(account_id), mapping={FIELD: repr(now_s)})

    def heard_at_s(self, account_id: str) -> float:
        """Unix seconds when the last one arrived; 0 if none ever did."""
        return float(self._server.hget(keys.account(account_id), FIELD) or "0")


class Locks(Part):
    """Named locks with an end."""

    def reconciliation(self, account_id: str) -> str:
        """The lock of looking for the lost answers of an account."""
        return keys.lock(account_id, "reconciliation")

    def billing(self, account_id: str) -> str:
        """The lock of comparing the billing of an account with its rows."""
        return keys.lock(account_id, "billing")

    def deleting(self, account_id: str) -> str:
        """The lock of deleting old job records of an account."""
        return keys.lock(account_id, "deleting")

    def take(self, name: str, token: str, lease_s: float) -> bool:
        """Take a lock for so many seconds; False if another has it."""
        milliseconds = int(lease_s * 1_000)
        command = ("SET", name, token, "NX", "PX", milliseconds)
        return self._server.execute_command(*command) is not None

    def release(self, name: str, token: str) -> None:
        """Give a lock back, if it is still held under this token."""
        self._scripts.run("release", name, token)
