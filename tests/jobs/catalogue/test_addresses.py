import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue.addresses import (
    MAX_PATH_BYTES,
    beside,
    flaw_of,
    is_http,
    is_local,
    is_object,
)
from jobs.text import visible


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.jpg",
        "HTTPS://Example.com/a.jpg?x=1&y=%20#top",
        "https://[::1]:80/a.jpg",
        "https://example.com/tasse-grün.jpg",
        "https://metadata.example.com/a.jpg",
    ],
)
def test_an_address_that_can_be_fetched_is_right(url: str) -> None:
    assert flaw_of(url) is None
    assert is_http(url)
    assert not is_object(url)
    assert not is_local(url)


@pytest.mark.parametrize(
    "path",
    [
        "../a b.jpg",
        "/pictures/a.jpg",
        "~/a.jpg",
        "example.com/mug.jpg",
        "x" * MAX_PATH_BYTES,
    ],
)
def test_a_path_is_right_until_it_is_looked_at(path: str) -> None:
    assert flaw_of(path) is None
    assert is_local(path)


@pytest.mark.parametrize("url", ["s3://bucket/a b/mug.jpg", "AZ://box/mug.jpg"])
def test_an_object_in_a_bucket_is_right(url: str) -> None:
    assert flaw_of(url) is None
    assert is_object(url)
    assert not is_local(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/" + "a" * 2029, "too-long"),
        ("https://example.com/red mug.jpg", "address"),
        ("https://example.com\\@evil.org/a.jpg", "address"),
        ("https:///a.jpg", "address"),
        ("https://[broken/a.jpg", "address"),
        ("https://example.com:99999/a.jpg", "address"),
        ("ftp://example.com/a.jpg", "address"),
        ("//cdn.example.com/a.jpg", "address"),
        ("https://anna:pw@example.com/a.jpg", "password-in-address"),
        ("s3://anna:pw@bucket/a.jpg", "password-in-address"),
        ("s3://bucket", "address"),
        ("gs://bucket/folder/", "address"),
        ("DATA:image/png;base64,AAAA", "data-url"),
        ("data:image/png;base64," + "A" * 5000, "data-url"),
        ("file:a.jpg", "local-file"),
        ("c:/a.jpg", "local-file"),
        ("a\ud800.jpg", "address"),
        ("..", "address"),
        ("x" * (MAX_PATH_BYTES + 1), "too-long"),
    ],
)
def test_what_names_no_picture_is_refused(url: str, expected: str) -> None:
    flaw = flaw_of(url)
    assert flaw is not None
    assert flaw.kind == expected
    assert "pw" not in flaw.message
    assert flaw.message.isprintable()


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[::ffff:169.254.169.254]", "Metadata.Google.Internal."],
)
def test_a_link_local_address_is_refused_before_any_look(host: str) -> None:
    flaw = flaw_of(f"http://{host}/latest/a.jpg")
    assert flaw is not None
    assert flaw.kind == "link-local"


@pytest.mark.parametrize(
    ("address", "file", "expected"),
    [
        ("../a.jpg", "/data/shop/list.csv", "/data/a.jpg"),
        ("/data/a.jpg", "shop/list.csv", "/data/a.jpg"),
        ("https://example.com/a.jpg", "shop/list.csv", "https://example.com/a.jpg"),
        ("a.jpg", "-", "a.jpg"),
        ("shop/pictures/a.jpg", "shop/pictures/", "shop/pictures/a.jpg"),
    ],
)
def test_a_relative_path_starts_from_the_folder_of_its_manifest(
    address: str, file: str, expected: str
) -> None:
    assert beside(address, file) == expected


@given(st.text("ab./", min_size=1), st.text("xy/", min_size=1))
def test_a_path_that_was_placed_is_as_the_system_reads_it(path: str, file: str) -> None:
    if not file.endswith("/") and "/" in file:
        folder = posixpath.dirname(file) or "."
        expected = posixpath.normpath(posixpath.join(folder, path))
        assert posixpath.normpath(beside(path, file)) == expected
    else:
        assert beside(path, file) == path


@given(st.text())
def test_any_text_is_judged_and_told_in_one_line(text: str) -> None:
    flaw = flaw_of(text)
    if flaw is not None:
        assert visible(flaw.message) == flaw.message
        assert flaw.suggestion
    assert is_http(text) + is_object(text) + is_local(text) == 1
