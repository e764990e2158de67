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
            key = keys.account(account_id, f"times:{model}:{duration_s}")
            pipeline.lpush(key, *(f"{time_s:.2f}" for time_s in times))
            pipeline.ltrim(key, 0, KEPT - 1)
        pipeline.execute()

    def learnt(self, account_id: str, model: str, duration_s: int) -> list[float]:
        """Generation times in seconds, newest first."""
        key = keys.account(account_id, f"times:{model}:{duration_s}")
        return [float(took) for took in self._server.lrange(key, 0, -1)]


#: Links that one round trip asks for or looks through.
BLOCK = 500


class Links(Part):
    """Links by account and content; contents are hex SHA-256."""

    def find(self, account_id: str, contents: Sequence[str]) -> dict[str, Link]:
        """The links of those of these contents that have one, however old."""
        key = keys.account(account_id, "links")
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
        self._server.hset(keys.account(account_id, "links"), mapping={content: text})

    def forget(self, account_id: str, contents: Sequence[str]) -> None:
        """These are not where their links say."""
        if contents:
            self._server.hdel(keys.account(account_id, "links"), *contents)

    def forget_old(self, account_id: str, now_s: float) -> None:
        """Drop the links that no request may carry any more."""
        key = keys.account(account_id, "links")
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
    """Work that one process of an account does at a time.

    A lock ends by itself, so nothing that must never happen twice may rest on it: it
    only spares the provider and us the same questions.
    """

    def take(self, account_id: str, name: str, token: str, lease_s: float) -> bool:
        """Take a lock for so many seconds; False if another has it."""
        key, milliseconds = keys.account(account_id, f"lock:{name}"), int(lease_s * 1e3)
        command = ("SET", key, token, "NX", "PX", milliseconds)
        return self._server.execute_command(*command) is not None

    def release(self, account_id: str, name: str, token: str) -> None:
        """Give a lock back, if it is still held under this token."""
        key = keys.account(account_id, f"lock:{name}")
        self._scripts.run("release", key, token)
