"""What a store's error means for a person: what is wrong, and what to do about it.

The store's library tells all it knows as text, with pages of detail behind it and, in
addresses, signatures; so the stable words are picked out here and nothing else goes on.
"""

import html
import re

from jobs.text import masked

#: What stores say, in S3's form, which Google and Azure share.
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,1000})</Message>")
_STATUS = re.compile(r"status code: (\d{3})")
#: What follows a question mark in an address may be a signature that lets anybody in.
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")
_MAX_CHARS = 300

#: What the library says where it has no credentials, or a cloud gives it none.
_NO_CREDENTIALS = re.compile(
    "error: Missing|Account must be specified|169[.]254[.]169[.]254|/latest/api/token"
    "|token request|credential error"
)
_NO_ANSWER = re.compile("kind: (Timeout|Connect|Request|Interrupted)|HTTP error")

#: Variables that say who we are, by scheme.
_WHO = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and, with temporary ones, "
    "AWS_SESSION_TOKEN)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}

_DENIED = (
    "the store refuses these credentials; check {who}, and let them read, write, list "
    "and delete below this prefix"
)
_NO_BUCKET = "there is no such bucket; create it, or correct the name"
_CLOCK = "the clock of this machine or of the store is wrong; set it"
_FULL = "the store is full; make room or raise its quota"
_REGION = "the bucket is in another region; set AWS_REGION to it"
_BUSY = "the store is busy or ill; it is tried again by itself"
_NO_CHECKSUM = (
    "the store refuses checksums; set REELMILL_STORE_CHECKSUM=off, for workers too"
)
_NOT_KNOWN = "the store does not know this kind of request"

_BY_STATUS = {
    **dict.fromkeys(("301", "307"), _REGION),
    **dict.fromkeys(("401", "403"), _DENIED),
    "429": _BUSY,
    "501": _NOT_KNOWN,
    "507": _FULL,
}

#: By the store's own code, where the status alone says something else.
_BY_CODE = {
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound"), _NO_BUCKET),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), _CLOCK),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull"), _FULL),
    "AuthorizationHeaderMalformed": _REGION,
}


class StoreError(Exception):
    """The store cannot do what was asked; says where and what to look at."""

    def __init__(self, message: str, words: str = "") -> None:
        super().__init__(message)
        #: What is wrong and what to do, without the place.
        self.words = words or message


class KeyTakenError(StoreError):
    """There is another file under this key, or the store cannot rule it out."""


def is_absent(error: Exception) -> bool:
    """Whether a file is not there, though its store is.

    A store calls a missing bucket "not found" too; only its text tells them apart.
    """
    is_no_bucket = _BY_CODE.get(_found(_CODE, str(error))) == _NO_BUCKET
    return isinstance(error, FileNotFoundError) and not is_no_bucket


def is_unsupported(error: Exception) -> bool:
    """Whether it is the kind of request that the store does not know."""
    return _found(_STATUS, str(error)) in {"400", "405", "501"}


def explain(error: Exception, scheme: str) -> str:
    """What an error means and what to do about it, in one line without secrets.

    `scheme` is that of the store: `s3`, `gs`, `az` or `file`.
    """
    text = str(error)
    who = _WHO.get(scheme, "the credentials")
    code, status, message = (_found(p, text) for p in (_CODE, _STATUS, _MESSAGE))
    # The cloud's own machine that gives credentials answers with statuses as well.
    if _NO_CREDENTIALS.search(text):
        return f"no credentials were found; set {who}"
    if not status:
        line = _line(text)
        if "redirect without LOCATION" in text:
            return _REGION
        if not _NO_ANSWER.search(text):
            return line
        return (
            "the store is out of reach; check its endpoint, its server and the network "
            f"({line})"
        )
    words = _BUSY if status >= "500" else "the store refuses"
    words = _BY_CODE.get(code) or _BY_STATUS.get(status, words)
    if "x-amz-checksum-" in message and is_unsupported(error):
        words = _NO_CHECKSUM
    detail = f"HTTP {status}" + (f", {code}" if code else "")
    detail += f": {_line(html.unescape(message))}" if message else ""
    return f"{words.format(who=who)} ({detail})"


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _line(text: str) -> str:
    """The first line of a text, without what could be a secret."""
    line = _QUERY.sub(r"\1", masked(text.strip().partition("\n")[0]))[:_MAX_CHARS]
    return "".join(char if char.isprintable() else " " for char in line)
