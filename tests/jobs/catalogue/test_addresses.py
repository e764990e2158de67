import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue.addresses import (
    MAX_PATH_BYTES,
    check_address,
    is_http,
    is_local,
    is_object,
    resolved,
)
from jobs.catalogue.validation import InvalidValueError, ValidationIssue
from jobs.text import visible


def issue_of(address: str) -> ValidationIssue | None:
    try:
        check_address(address)
    except InvalidValueError as error:
        return error.issue
    return None


@pytest.mark.parametrize(
    ("address", "is_kind"),
    [
        ("https://example.com/a.jpg", is_http),
        ("HTTPS://Example.com/a.jpg?x=1&y=%20#top", is_http),
        ("https://[::1]:80/a.jpg", is_http),
        ("https://example.com/tasse-grün.jpg", is_http),
        ("https://metadata.example.com/a.jpg", is_http),
        ("../a b.jpg", is_local),
        ("/pictures/a.jpg", is_local),
        ("example.com/mug.jpg", is_local),
        ("x" * MAX_PATH_BYTES, is_local),
        ("s3://bucket/a b/mug.jpg", is_object),
        ("AZ://box/mug.jpg", is_object),
    ],
)
def test_what_can_name_a_picture_is_right(address: str, is_kind: object) -> None:
    assert issue_of(address) is None
    assert [kind for kind in (is_http, is_local, is_object) if kind(address)] == [
        is_kind
    ]


@pytest.mark.parametrize(
    ("url", "kind"),
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
        ("data:image/png;base64," + "A" * 5000, "data-url"),
        ("file:a.jpg", "local-file"),
        ("c:/a.jpg", "local-file"),
        ("a\ud800.jpg", "address"),
        ("..", "address"),
        ("x" * (MAX_PATH_BYTES + 1), "too-long"),
        ("http://169.254.169.254/latest/a.jpg", "link-local"),
        ("http://Metadata.Google.Internal./a.jpg", "link-local"),
    ],
)
def test_what_names_no_picture_is_refused(url: str, kind: str) -> None:
    issue = issue_of(url)
    assert issue is not None
    assert issue.kind == kind
    assert "pw" not in issue.message


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
    assert resolved(address, file) == expected


@given(st.text())
def test_any_text_is_accepted_or_refused_in_one_line(text: str) -> None:
    issue = issue_of(text)
    if issue is not None:
        assert visible(issue.message) == issue.message
        assert issue.suggestion
    assert is_http(text) + is_object(text) + is_local(text) == 1
