"""Links of uploaded pictures, by account and content: what need not be uploaded again.

An account is one key at the provider, and what one key has uploaded may not be for
another. How long a link may be used is decided in `jobs.attempt.links`.
"""

import json
from collections.abc import Sequence

from jobs.attempt.links import Link
from jobs.ledger import keys
from jobs.ledger.server import Server

#: Links that one round trip asks for or looks through.
BLOCK = 500


class Links:
    """Links by account and content; contents are hex SHA-256."""

    def __init__(self, server: Server) -> None:
        self._server = server

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
