"""Errors of stores in one line, with what to fix, and never with a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.storage.words import CODES, SIGNS, STATUSES, explain, is_no_bucket


def answer(status: int, code: str = "") -> str:
    """What the library says of an answer that it did not want."""
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>" if code else ""
    return (
        "Generic S3 error: Error performing PUT https://host/b/v.mp4?sig=hush in 1ms - "
        f"Server returned non-2xx status code: {status} No: {body}\n\nDebug source:\n"
        "RetryError { uri: https://host/b/v.mp4?sig=hush }"
    )


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_told_with_what_to_do(code: str) -> None:
    words = explain(answer(400, code), "s3")
    assert words.endswith(f" ({code})")
    assert "; " in words


@pytest.mark.parametrize(
    "status", ["403", "404", "418", "500", "502", "507", *STATUSES]
)
def test_a_status_without_a_code_is_told(status: str) -> None:
    assert explain(answer(int(status)), "s3").endswith(f" (HTTP {status})")


@pytest.mark.parametrize("sign", [sign for sign, _ in SIGNS])
def test_where_no_answer_came_the_cause_is_told(sign: str) -> None:
    words = explain(f"Generic GCS error: it broke\n\nDebug source: {sign}", "gs")
    assert ";" in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("scheme", "who"),
    [("s3", "AWS_ACCESS_KEY_ID"), ("az", "AZURE_STORAGE_ACCOUNT_KEY")],
)
def test_the_variables_of_the_cloud_are_named(scheme: str, who: str) -> None:
    assert who in explain(answer(403, "AuthenticationFailed"), scheme)
    assert who in explain(answer(401), scheme)


def test_only_a_bucket_that_is_missing_is_one() -> None:
    assert is_no_bucket(answer(404, "NoSuchBucket"))
    assert is_no_bucket(answer(404, "ContainerNotFound"))
    assert not is_no_bucket(answer(404, "NoSuchKey"))
    assert not is_no_bucket(answer(404))


def test_a_full_disk_is_told_with_its_own_words() -> None:
    text = "Generic LocalFileSystem error: No space left on device (os error 28)"
    assert explain(text, "file") == f"the disk is full; make room ({text})"


@given(st.text(), st.sampled_from(["s3", "gs", "az", "file"]))
def test_nothing_is_more_than_a_line_or_shows_a_signature(
    text: str, scheme: str
) -> None:
    words = explain(f"{text} at https://me:hush@host/k?sig=hush\n{text}", scheme)
    assert words.isprintable()
    assert "hush" not in words
    assert len(words) < 600
