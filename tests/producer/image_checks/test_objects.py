"""Pictures in buckets, by the protocol of S3 against a host on loopback."""

import hashlib
import itertools

import pytest

from producer.image_checks import ImageCheckError, opened
from tests.producer.image_checks.conftest import Looker
from tests.producer.image_checks.gallery import Gallery, long_ago, padded, says

CONTENT = padded(700_000)

#: Connections to a bucket are kept by its name, so each test has its own.
numbers = itertools.count()


@pytest.fixture
def bucket(host: Gallery, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": host.url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "here-1",
    }.items():
        monkeypatch.setenv(name, value)
    return f"pictures-{next(numbers)}"


def show(host: Gallery, bucket: str, key: str, content: bytes = CONTENT) -> str:
    etag = f'"{hashlib.md5(content).hexdigest()}"'  # noqa: S324 - what S3 does
    host.show(f"/{bucket}/{key}", content, etag=etag, modified=long_ago())
    return f"s3://{bucket}/{key}"


def test_an_object_is_judged_and_hashed(
    host: Gallery, looker: Looker, bucket: str
) -> None:
    (found,) = looker.look(show(host, bucket, "mugs/a.jpg"))
    assert found.look
    assert (found.look.kind, found.look.width_px) == ("jpeg", 400)
    assert found.look.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_an_object_that_stays_the_same_is_not_read_again(
    host: Gallery, looker: Looker, bucket: str
) -> None:
    address = show(host, bucket, "a.jpg")
    first = looker.look(address)
    host.forget()
    assert looker.look(address) == first
    assert looker.summary.remembered == 1
    assert [asked.method for asked in host.asked] == ["HEAD"]


def test_an_object_that_changed_is_read_again(
    host: Gallery, looker: Looker, bucket: str
) -> None:
    looker.look(show(host, bucket, "a.jpg"))
    (found,) = looker.look(show(host, bucket, "a.jpg", padded(800_000)))
    assert found.look
    assert found.look.size_bytes == 800_000


@pytest.mark.parametrize(
    ("key", "trouble"), [("missing.jpg", "not-found"), ("", "not-found")]
)
@pytest.mark.usefixtures("host")
def test_an_object_that_is_not_there_is_told(
    looker: Looker, bucket: str, key: str, trouble: str
) -> None:
    (found,) = looker.look(f"s3://{bucket}/{key}")
    assert found.trouble == trouble


def test_an_object_that_may_not_be_read_is_told(
    host: Gallery, looker: Looker, bucket: str
) -> None:
    address = show(host, bucket, "a.jpg")
    refusal = says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    host.pictures[f"/{bucket}/a.jpg"].faults = [refusal] * 5
    (found,) = looker.look(address)
    assert found.trouble == "not-readable"
    assert "credentials" in found.suggestion


def test_an_object_is_opened_for_whoever_uploads_it(host: Gallery, bucket: str) -> None:
    with opened(show(host, bucket, "a.jpg")) as file:
        assert file.read(10) == CONTENT[:10]
        assert file.read() == CONTENT[10:]
    with pytest.raises(ImageCheckError), opened(f"s3://{bucket}/b.jpg"):
        pass
