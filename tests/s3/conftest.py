"""One S3 server for all tests of a process, and what leads to it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jobs.storage import Store
from tests.s3.server import BUCKET, S3, Gate, gate, running_s3


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    with (
        TemporaryDirectory(prefix="reelmill-s3-") as folder,
        running_s3(Path(folder)) as started,
    ):
        yield started


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, found through the environment."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def before(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate, found instead of the server behind it."""
    with gate(s3) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


@pytest.fixture
def url() -> str:
    """A prefix that is the test's own."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex[:8]}"


@pytest.fixture
def store(s3: S3, url: str) -> Store:
    assert s3.url
    return Store(url)
