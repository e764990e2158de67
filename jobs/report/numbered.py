"""Which reason of a report each of its failed rows belongs to.

It tells reasons apart as `reasons` does, by the code and by what the words say; it
finds no reasons of its own. Each has a key for addresses, which stays the same when the
report is written anew.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from jobs.report.reasons import SEVERAL, gist

#: Hex digits of a key: enough for the few reasons of a report.
_DIGITS = 10


class Numbered:
    """The reasons of a report, by their places in it."""

    def __init__(self, failures: Sequence[Mapping[str, Any]]) -> None:
        told = [(each["code"], gist(each["message"])) for each in failures]
        self.keys = [_key(*each) for each in told]
        self._numbers = {each: number for number, each in enumerate(told)}

    def number(self, row: Mapping[str, Any]) -> int | None:
        """The place of the reason for which a row failed; None if it did not."""
        error = row["error"]
        if row["state"] != "failed" or not error:
            return None
        rest = self._numbers.get((error["code"], gist(SEVERAL)))
        return self._numbers.get((error["code"], gist(error["message"])), rest)


def _key(code: str, words: str) -> str:
    text = f"{code}\n{words}".encode(errors="surrogatepass")
    return sha256(text).hexdigest()[:_DIGITS]
