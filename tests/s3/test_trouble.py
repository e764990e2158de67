"""A bucket that cannot be used says in one line what to fix, and shows no secret."""

import re
from pathlib import Path

import pytest

from jobs.storage import PART_BYTES, Store, StoreError
from tests.s3.server import (
    BUCKET,
    CHECKSUMS,
    REFUSALS,
    S3,
    SECRET,
    Gate,
)

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "another secret": (
        {"AWS_SECRET_ACCESS_KEY": "another-secret"},
        r"check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY .*SignatureDoesNotMatch",
    ),
    "another key": (
        {"AWS_ACCESS_KEY_ID": "nobody"},
        r"refuses these credentials; check .*InvalidAccessKeyId",
    ),
    "a port where nobody listens": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        "out of reach; check its endpoint",
    ),
    "a server that speaks no TLS": (
        {"AWS_ENDPOINT_URL": "https://127.0.0.1:{port}"},
        "out of reach; check its endpoint",
    ),
}


def told(store: Store) -> str:
    """What every question to a store that cannot be used is answered with."""
    with pytest.raises(StoreError) as caught:
        store.put("v.json", b"{}", "application/json")
    words = str(caught.value)
    with pytest.raises(StoreError):
        store.size_bytes("v.json")
    assert "\n" not in words
    assert "<" not in words
    for secret in (SECRET, "another-secret"):
        assert secret not in words
    return words


@pytest.mark.parametrize("what", WRONG)
def test_what_is_set_wrongly_is_named(
    s3: S3, url: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    changes, said = WRONG[what]
    for name, value in changes.items():
        monkeypatch.setenv(name, value.format(port=s3.port))
    words = told(Store(url))
    assert words.startswith(f"{url}/v.json: cannot be kept: ")
    assert re.search(said, words)
    with pytest.raises(StoreError, match="nothing can be written"):
        Store(url).check_writable()


SAYS = {
    "full": "the store is full; make room or raise its quota (HTTP 507",
    "ill": "the store is busy or ill; it is tried again by itself",
    "denied": "the store refuses these credentials; check AWS_ACCESS_KEY_ID",
    "skewed": "the clock of this machine or of the store is wrong; set it",
    "elsewhere": "the bucket is in another region; set AWS_REGION to it",
}


@pytest.mark.parametrize("trouble", REFUSALS)
def test_what_a_store_refuses_with_is_put_in_words(
    before: Gate, url: str, tmp_path: Path, trouble: str
) -> None:
    store, path = Store(url), tmp_path / "v.mp4"
    path.write_bytes(bytes(PART_BYTES + 1))
    before.trouble = trouble
    with pytest.raises(StoreError) as caught:
        store.put("v.mp4", path, "video/mp4")
    words = str(caught.value)
    assert words.startswith(f"{url}/v.mp4: cannot be kept: {SAYS[trouble]}")
    assert SECRET not in words
    assert "\n" not in words
    before.trouble = ""
    assert store.get("v.mp4") is None
    store.put("v.mp4", path, "video/mp4")
    assert store.size_bytes("v.mp4") == PART_BYTES + 1


@pytest.mark.parametrize("trouble", CHECKSUMS)
def test_a_store_that_refuses_checksums_is_found_before_anything_is_paid(
    before: Gate, url: str, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    before.trouble = trouble
    with pytest.raises(StoreError) as caught:
        Store(url).check_round_trip()
    words = str(caught.value)
    assert "set REELMILL_STORE_CHECKSUM=off" in words
    assert "HTTP 400, InvalidArgument: Unsupported header 'x-amz-checksum" in words
    assert SECRET not in words
    monkeypatch.setenv("REELMILL_STORE_CHECKSUM", "off")
    Store(url).check_round_trip()


def test_a_password_in_the_endpoint_is_not_shown(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://someone:{SECRET}@127.0.0.1:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    assert s3.url
    assert "out of reach" in told(Store(f"s3://{BUCKET}/x"))
