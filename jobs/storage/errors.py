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
_STATUS = re.compile(r"Server returned non-2xx status code: (\d{3})")
#: What comes before the answer, and what stands in the detail behind it: a key in it
#: could read like an answer. Addresses have no spaces.
_ASKED = re.compile(r"(?s).*Error performing [A-Z]+ \S+ in \S+ - ")
_PATH = re.compile(r'(?s)\bpath: "(?:\\.|[^"\\])*"')
#: What follows a question mark in an address may be a signature that lets anybody in.
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")
_MAX_CHARS = 300

#: What the library says where it has no credentials, or a cloud gives it none.
_NO_CREDENTIALS = (
    "error: Missing|Account must be specified|//169[.]254[.]169[.]254|/latest/api/token"
    "|token request|credential error"
)
_NO_BUCKET = "NoSuchBucket|ContainerNotFound"
_NO_ANSWER = "kind: (Timeout|Connect|Request|Interrupted)|HTTP error"

#: What an error means and what to do, by the first of these that is found in the code,
#: the status and the message of an answer, or in what the library says without one.
#: The cloud's own machine that gives credentials answers with statuses as well.
_CAUSES = {
    _NO_CREDENTIALS: "no credentials were found; set {who}",
    _NO_BUCKET: "there is no such bucket; create it, or correct the name",
    "RequestTimeTooSkewed|RequestExpired": "the clock of this machine or of the store "
    "is wrong; set it",
    "QuotaExceeded|XMinioStorageFull|status code: 507": "the store is full; "
    "make room or raise its quota",
    "AuthorizationHeaderMalformed|status code: 30[17]|redirect without LOCATION": "the "
    "bucket is in another region; set AWS_REGION to it",
    "status code: (400|405|501) .*x-amz-checksum-": "the store refuses checksums; "
    "set REELMILL_STORE_CHECKSUM=off, for workers too",
    "status code: 40[13]": "the store refuses these credentials; check {who}, "
    "and let them read, write, list and delete below this prefix",
    "status code: 501": "the store does not know this kind of request",
    "status code: (429|5..)": "the store is busy or ill; it is tried again by itself",
    "status code: ": "the store refuses",
    _NO_ANSWER: "the store is out of reach; check its endpoint, its server and the "
    "network",
}

#: Variables that say who we are, by scheme.
_WHO = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and, with temporary ones, "
    "AWS_SESSION_TOKEN)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
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

    A store calls a missing bucket "not found" too; only its code tells them apart.
    """
    code = _found(_CODE, _answer(error))
    return isinstance(error, FileNotFoundError) and not re.match(_NO_BUCKET, code)


def is_unsupported(error: Exception) -> bool:
    """Whether it is the kind of request that the store does not know."""
    return _found(_STATUS, _answer(error)) in {"400", "405", "501"}


def explain(error: Exception, scheme: str) -> str:
    """What an error means and what to do about it, in one line without secrets.

    `scheme` is that of the store: `s3`, `gs`, `az` or `file`.
    """
    text = _answer(error)
    code, status, message = (_found(p, text) for p in (_CODE, _STATUS, _MESSAGE))
    detail = _line(str(error))
    if status:
        text = f"{code} status code: {status} {_line(html.unescape(message))}"
        detail = f"HTTP {status}" + (f", {code}" if code else "")
        detail += f": {_line(html.unescape(message))}" if message else ""
    # A folder's errors have no more to say than the path.
    for pattern, words in () if scheme == "file" else _CAUSES.items():
        if re.search(pattern, text):
            who = _WHO.get(scheme, "the credentials")
            return f"{words.format(who=who)} ({detail})"
    return detail


def _answer(error: Exception) -> str:
    """What an error says, without the key that was asked for."""
    head, _, detail = str(error).partition("\n\nDebug source:\n")
    return f"{_ASKED.sub('', head)}\n{_PATH.sub('', detail)}"


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _line(text: str) -> str:
    """The first line of a text, without what could be a secret."""
    line = _QUERY.sub(r"\1", masked(text.strip().partition("\n")[0]))[:_MAX_CHARS]
    return "".join(char if char.isprintable() else " " for char in line)
