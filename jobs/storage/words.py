"""What a store's error means for a person: what is wrong, and what to do about it.

The store's library tells all it knows as text, with pages of detail behind it and, in
addresses, signatures; so the stable words are picked out here and nothing else goes
on. Whether anything failed is not decided here but by `storage`.
"""

import html
import re

from jobs.text import masked

_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,1000})</Message>")
_STATUS = re.compile(r"status code: (\d{3})")
#: What follows a question mark in an address may be a signature that lets anybody in.
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")
_LONGEST = 300

#: Variables that say who we are, by scheme.
_WHO = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and, with temporary ones, "
    "AWS_SESSION_TOKEN)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}

_REFUSED = "the store does not accept these credentials; check {who}"
_DENIED = (
    "the credentials may not do this here; let them read, write, list and delete "
    "below this prefix"
)
_NO_BUCKET = "there is no such bucket; create it, or correct the name"
_FULL = "the store is full; make room or raise its quota"
_REGION = "the bucket is in another region; set AWS_REGION to it"
_BUSY = "the store is busy or ill; it is tried again by itself"
_NO_CHECKSUM = (
    "the store refuses checksums; set REELMILL_STORE_CHECKSUM=off, for workers too"
)
_NOT_KNOWN = "the store does not know this kind of request"
_NO_WAY = "the store is out of reach; check its endpoint, its server and the network"
_SILENT = "the store does not answer in time; check its server and the network"
_NOBODY = "no credentials were found; set {who}"
_NOT_GIVEN = "no credentials could be had for the store; check {who}"

#: By the store's own code, of S3 (docs.aws.amazon.com/AmazonS3/latest/API/
#: ErrorResponses.html), of Azure (learn.microsoft.com/rest/api/storageservices/
#: blob-service-error-codes), of Google (cloud.google.com/storage/docs/xml-api/
#: reference-status), and of servers that speak like them.
CODES = {
    **dict.fromkeys(
        (
            *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"),
            *("AuthenticationFailed", "InvalidSecurity", "NotSignedUp"),
            *("InvalidAuthenticationInfo", "NoAuthenticationInformation"),
        ),
        _REFUSED,
    ),
    **dict.fromkeys(
        ("ExpiredToken", "TokenRefreshRequired"),
        "the credentials have run out; get new ones and set {who}",
    ),
    **dict.fromkeys(
        (
            *("AccessDenied", "AllAccessDisabled", "AccountProblem"),
            *("AuthorizationFailure", "AuthorizationPermissionMismatch"),
            *("InsufficientAccountPermissions", "AccountIsDisabled"),
        ),
        _DENIED,
    ),
    **dict.fromkeys(
        ("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"), _NO_BUCKET
    ),
    **dict.fromkeys(
        ("RequestTimeTooSkewed", "RequestExpired"),
        "the clock of this machine or of the store is wrong; set it",
    ),
    **dict.fromkeys(
        (
            *("QuotaExceeded", "InsufficientStorage", "InsufficientCapacity"),
            *("XMinioStorageFull", "XAmzStorageFull", "AccountLimitExceeded"),
        ),
        _FULL,
    ),
    **dict.fromkeys(
        (
            *("PermanentRedirect", "AuthorizationHeaderMalformed"),
            *("TemporaryRedirect", "IllegalLocationConstraintException"),
        ),
        _REGION,
    ),
    **dict.fromkeys(
        ("SlowDown", "ServiceUnavailable", "ServerBusy", "InternalError"), _BUSY
    ),
}

#: By status, where the store gives no code; a question without a body has none.
STATUSES = {
    "301": _REGION,
    "401": _REFUSED,
    "403": "the store refuses; check {who}, and what they may do below this prefix",
    "429": _BUSY,
    "501": _NOT_KNOWN,
    "507": _FULL,
}

#: By what the library or the system says, where no answer came; the first that fits.
SIGNS = (
    ("error: Missing", _NOBODY),
    ("Account must be specified", _NOBODY),
    ("169.254.169.254", _NOBODY),
    ("token request", _NOT_GIVEN),
    ("credential error", _NOT_GIVEN),
    ("/latest/api/token", _NOBODY),
    ("redirect without LOCATION", _REGION),
    ("(os error 28)", "the disk is full; make room"),
    ("(os error 122)", "the disk quota is used up; make room"),
    ("(os error 13)", "this user may not write there; change its permissions"),
    ("(os error 30)", "the disk is read-only; mount it to be written"),
    ("kind: Timeout", _SILENT),
    ("kind: Connect", _NO_WAY),
    ("kind: Request", _NO_WAY),
    ("kind: Interrupted", _NO_WAY),
    ("HTTP error", _NO_WAY),
)


def is_no_bucket(text: str) -> bool:
    """Whether what is not there is the bucket itself.

    A store calls that "not found" too, and only its text tells it from a missing file.
    """
    return CODES.get(_code(text)) == _NO_BUCKET


def is_unsupported(text: str) -> bool:
    """Whether it is the kind of request that the store does not know."""
    return _status(text) in {"400", "405", "501"}


def explain(text: str, scheme: str) -> str:
    """What an error means and what to do about it, in one line without secrets.

    Args:
        text: all that the library says.
        scheme: that of the store: `s3`, `gs`, `az` or `file`.
    """
    who = _WHO.get(scheme, "the credentials")
    code, status = _code(text), _status(text)
    # The cloud's own machine that gives credentials answers with statuses as well.
    sign = next((words for sign, words in SIGNS if sign in text), "")
    if sign in (_NOBODY, _NOT_GIVEN):
        return sign.format(who=who)
    if code in CODES:
        return f"{CODES[code].format(who=who)} ({code})"
    if status:
        words = STATUSES.get(status, _BUSY if status >= "500" else "the store refuses")
        said = _MESSAGE.search(text)
        if said and "x-amz-checksum-" in said[1] and is_unsupported(text):
            words = _NO_CHECKSUM
        told = f"HTTP {status}{code and f', {code}'}"
        told += f": {_line(html.unescape(said[1]))}" if said else ""
        return f"{words.format(who=who)} ({told})"
    first = _line(text)
    return f"{sign.format(who=who)} ({first})" if sign else first


def _line(text: str) -> str:
    """The first line of a text, without what could be a secret."""
    line = _QUERY.sub(r"\1", masked(text.strip().partition("\n")[0]))[:_LONGEST]
    return "".join(char if char.isprintable() else " " for char in line)


def _code(text: str) -> str:
    found = _CODE.search(text)
    return found[1] if found else ""


def _status(text: str) -> str:
    found = _STATUS.search(text)
    return found[1] if found else ""
