"""What can go wrong at a provider, each fault with its own odds.

It decides whether a fault strikes, repeatably: by the seed and by how often that fault
was asked about, never by the clock. What a fault then does is written where the answer
is made: `submissions`, `results`, `listings`, `downloads`, `transfers`,
`hooks`; of what is told of a prediction everywhere, in `answers`.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

#: Every fault by name, with what it does.
FAULTS = {
    "submit_drop_before": "the line drops; nothing was created",
    "submit_drop_after": "created and charged; the line drops without an answer",
    "submit_5xx_before": "503; nothing was created",
    "submit_5xx_after": "created and charged; the answer is 502",
    "submit_garbled": "created and charged; the answer is 200 with half of a JSON",
    "submit_no_id": "created and charged; the answer is 200 without an id",
    "submit_late": "created and charged; the answer comes after `submit_late_s`",
    "submit_held": "created, charged and answered only after `submit_held_s`",
    "submit_429": "429; nothing was created",
    "result_5xx": "503",
    "result_429": "429",
    "result_drop": "the line drops",
    "result_html": "200 with a web page",
    "result_huge": "200 with 10 MB of JSON",
    "result_wrong_types": "200 with a prediction whose fields have other types",
    "result_unknown_status": "an unknown status word for `unknown_status_looks` looks",
    "result_id_slashes": "an id with slashes in the answer",
    "result_url_scheme": "an output URL that names a file of the reader's machine",
    "result_redirect": "a redirect to another origin",
    "result_redirect_scheme": "a redirect to a file of the reader's machine",
    "result_404": "404 for this prediction, now and always",
    "status_upper": "the status in capitals, wherever it is told",
    "status_synonym": "another word for the status, wherever it is told",
    "outputs_null": "nothing and an empty text before the video's address",
    "outputs_cover": "the address of a picture before that of the video",
    "outputs_object": "the video's address inside an object",
    "outputs_space": "an address with a space in it",
    "outputs_none": "completed, with no outputs",
    "outcome_never": "it is processed for good",
    "outcome_1200": "failed: content moderation, not refunded",
    "outcome_1400": "failed: parameter missing",
    "outcome_1402": "failed: picture out of reach",
    "outcome_5000": "failed: internal error",
    "outcome_5003": "failed: service unavailable",
    "outcome_timeout": "status `timeout`",
    "outcome_cancelled": "status `cancelled`",
    "outcome_deleted": "status `deleted`, not refunded",
    "download_5xx": "503",
    "download_truncated": "the line drops after half of the video",
    "download_html": "200 with a web page",
    "download_endless": "a body that never ends, without a length",
    "download_drip": "the video at `drip_bytes_per_s`",
    "download_wrong_length": "Content-Length says less than what is sent",
    "download_403": "403 for this video, now and always",
    "download_redirect": "a redirect to a file of the reader's machine",
    "history_5xx": "503",
    "billing_5xx": "503",
    "price_5xx": "503 instead of a quote",
    "upload_5xx": "503 instead of an upload ticket",
    "upload_put_5xx": "503 from the host that takes the bytes",
    "upload_put_drop": "the line to that host drops; nothing is kept",
    "webhook_never": "nobody is called when the prediction is over",
    "webhook_twice": "the webhook is sent twice",
    "webhook_late": "the webhook is sent `webhook_late_s` after the end",
    "webhook_forged": "the webhook is signed with a wrong secret",
    "webhook_early": "the answer to the paid request comes after its webhook",
    "stranger": "somebody else, with the same key, starts a prediction alike",
}


def luck(seed: int, *parts: object) -> float:
    """A number from 0 (possible) to 1 (never) that only depends on its arguments."""
    text = "/".join(map(str, (seed, *parts)))
    digest = hashlib.blake2b(text.encode(), digest_size=7).digest()
    # 7 bytes, not 8: what a float holds exactly, so that the result stays below 1.
    return (int.from_bytes(digest) >> 3) / 2**53


@dataclass(frozen=True, slots=True)
class Odds:
    """How often a fault strikes: by chance, or the first few times and no more."""

    chance: float = 0.0
    first: int = 0

    @classmethod
    def read(cls, value: object) -> "Odds":
        """Odds from `0.25`, or from `"first 3"`.

        Raises:
            ValueError: neither of the two.
        """
        if isinstance(value, str) and value.startswith("first "):
            times = value.removeprefix("first ")
            if times.isdecimal():
                return cls(first=int(times))
        elif isinstance(value, int | float) and 0 <= value <= 1:
            return cls(chance=float(value))
        raise ValueError(f'give a number from 0 to 1, or "first 3"; got {value!r}')

    def written(self) -> float | str:
        """What `read` takes."""
        return f"first {self.first}" if self.first else self.chance


@dataclass(slots=True)
class Faults:
    """The faults that are switched on, and how often each was asked about."""

    seed: int = 1
    odds: dict[str, Odds] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def set(self, name: str, value: object) -> None:
        """Give a fault new odds; its count begins anew.

        Raises:
            KeyError: no such fault.
            ValueError: not odds.
        """
        if name not in FAULTS:
            raise KeyError(name)
        self.odds[name] = Odds.read(value)
        self.asked[name] = 0

    def strikes(self, name: str) -> bool:
        """Whether the fault strikes this time."""
        if name not in self.odds:
            return False
        self.asked[name] += 1
        return self.strikes_at(name, self.asked[name])

    def strikes_at(self, name: str, index: int) -> bool:
        """Whether the fault strikes the thing numbered `index`, from 1, every time."""
        odds = self.odds.get(name)
        if odds is None:
            return False
        return index <= odds.first or luck(self.seed, name, index) < odds.chance
