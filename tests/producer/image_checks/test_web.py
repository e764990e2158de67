"""Pictures on the web: few bytes tell what they are, and nothing is read twice."""

import hashlib
from email.utils import formatdate

import pytest

from jobs.catalogue.pictures import FIRST_BYTES, ImageInfo
from producer.image_checks.fetch import MAX_REDIRECTS
from tests.producer.image_checks.conftest import Checker
from tests.producer.image_checks.gallery import Gallery, long_ago, padded, picture

BIG = padded(200_000)
OTHER = padded(200_000, picture(colour=200))
DAY_S = 86_400.0

with_and_without_ranges = pytest.mark.parametrize("ranges", [True, False])


def info_of(content: bytes, *, whole: bool = True) -> ImageInfo:
    digest = hashlib.sha256(content).hexdigest() if whole else None
    return ImageInfo("jpeg", len(content), 400, 300, digest)


def test_to_judge_a_picture_only_its_beginning_is_read(
    host: Gallery, check: Checker
) -> None:
    found = check.one(host.show("/a.jpg", BIG), whole=False)
    assert found.info == info_of(BIG, whole=False)
    assert check.summary.bytes == host.sent_bytes == FIRST_BYTES
    (asked,) = host.asked
    assert asked.headers["range"] == f"bytes=0-{FIRST_BYTES - 1}"
    assert asked.headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & set(asked.headers)


@pytest.mark.parametrize("size", [0, 1, 999])
def test_a_whole_picture_has_its_digest(
    host: Gallery, check: Checker, size: int
) -> None:
    content = padded(FIRST_BYTES + size)
    found = check.one(host.show("/a.jpg", content, etag='"1"'))
    assert found.info == info_of(content)
    assert host.sent_bytes == len(content)
    if size:
        assert host.asked[1].headers["if-range"] == '"1"'


@pytest.mark.parametrize("length", [True, False])
def test_a_host_without_ranges_is_read_in_one_go(
    host: Gallery, check: Checker, length: bool
) -> None:
    found = check.one(host.show("/a.jpg", BIG, ranges=False, length=length))
    assert found.info == info_of(BIG)
    assert len(host.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 503])
def test_a_host_that_refuses_a_range_is_asked_without(
    host: Gallery, check: Checker, status: int
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"', range_refused=f"{status} No")
    for _ in range(2):  # tonight, and tomorrow by what is cached
        assert check.one(address).info == info_of(BIG)
    asked = ["range" in each.headers for each in host.asked]
    assert asked == [True, False, True, True, False]


@with_and_without_ranges
@pytest.mark.parametrize("whole", [True, False])
def test_a_long_header_is_read_on(
    host: Gallery, check: Checker, ranges: bool, whole: bool
) -> None:
    content = padded(900_000, picture(icc_profile=bytes(300_000)))
    found = check.one(host.show("/a.jpg", content, ranges=ranges), whole=whole)
    assert found.info == info_of(content, whole=whole)


@with_and_without_ranges
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html><body>Please log in</body></html>" * 9_000, "html"),
        (b"\x00" * 100_000, "unknown"),
        (b"", "empty"),
        (padded(12_000_000), "jpeg"),  # too large for any model
    ],
)
def test_what_no_model_accepts_is_read_no_further(
    host: Gallery, check: Checker, content: bytes, kind: str, ranges: bool
) -> None:
    found = check.one(host.show("/a.jpg", content, ranges=ranges))
    assert found.info
    assert (found.info.kind, found.info.size_bytes) == (kind, len(content))
    assert check.summary.bytes <= FIRST_BYTES


def test_every_picture_is_asked_for_once(host: Gallery, check: Checker) -> None:
    first, second = host.show("/a.jpg", picture()), host.show("/b.jpg", picture())
    check(*[first, second, first] * 50)
    assert host.counts == {"/a.jpg": 1, "/b.jpg": 1}
    assert check.summary.read == 2


def test_one_host_is_not_asked_more_than_the_limit_at_once(
    host: Gallery, check: Checker
) -> None:
    host.together = 8
    assert len(check(*[host.show(f"/{n}.jpg", picture()) for n in range(40)])) == 40
    assert host.max_at_once == 8


# -- tomorrow ------------------------------------------------------------------------


@pytest.mark.parametrize("validators", [{"etag": '"1"'}, {"modified": long_ago()}])
@pytest.mark.parametrize("conditions", [True, False])
def test_tomorrow_no_body_is_read(
    host: Gallery, check: Checker, validators: dict[str, str], conditions: bool
) -> None:
    address = host.show("/a.jpg", BIG, conditions=conditions, **validators)
    check(address)
    for _ in range(2):
        host.forget()
        check.clock.forward(DAY_S)
        assert check.one(address).info == info_of(BIG)
        assert (check.summary.unchanged, check.summary.bytes) == (1, 0)
        assert len(host.asked) == 1
        assert host.sent_bytes <= 1


def test_within_the_hour_only_what_is_to_be_paid_is_asked_for(
    host: Gallery, check: Checker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    check(address)
    host.forget()
    check.clock.forward(3_500.0)
    assert check.one(address, whole=False).info == info_of(BIG)
    assert host.asked == []
    host.show("/a.jpg", picture(), etag='"2"')
    assert check.one(address).info == info_of(picture())


@pytest.mark.parametrize(
    "validators",
    [{}, {"etag": 'W/"1"'}, {"modified": "nonsense"}, {"modified": "now"}],
)
def test_what_nothing_vouches_for_is_read_again(
    host: Gallery, check: Checker, validators: dict[str, str]
) -> None:
    if validators.get("modified") == "now":  # it may change again in this second
        validators = {"modified": formatdate(usegmt=True)}
    address = host.show("/a.jpg", picture(), **validators)
    check(address)
    host.show("/a.jpg", BIG, **validators)
    assert check.one(address).info == info_of(BIG)


@pytest.mark.parametrize("conditions", [True, False])
def test_a_changed_picture_is_read_anew(
    host: Gallery, check: Checker, conditions: bool
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    check(address)
    check.clock.forward(DAY_S)
    host.show("/a.jpg", OTHER, etag='"2"', conditions=conditions)
    assert check.one(address).info == info_of(OTHER)


def test_tonight_s_signature_finds_yesterday_s_content_by_its_beginning(
    host: Gallery, check: Checker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    check(f"{address}?signature=monday")
    for night in ("tuesday", "wednesday"):
        host.forget()
        assert check.one(f"{address}?signature={night}").info == info_of(BIG)
        assert check.summary.bytes == host.sent_bytes == FIRST_BYTES
    host.show("/a.jpg", OTHER, etag='"1"')
    assert check.one(f"{address}?signature=thursday").info == info_of(OTHER)


def test_what_was_only_judged_is_read_for_its_digest(
    host: Gallery, check: Checker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    check(address, whole=False)
    assert check.one(address).info == info_of(BIG)


@pytest.mark.parametrize("wrong", [picture(kind="WEBP"), picture(900, 300)])
def test_a_picture_that_a_model_refuses_is_asked_for_again_at_once(
    host: Gallery, check: Checker, wrong: bytes
) -> None:
    address = host.show("/a.jpg", wrong, etag='"1"')
    check(address, whole=False)
    host.show("/a.jpg", BIG, etag='"2"')
    assert check.one(address, whole=False).info == info_of(BIG, whole=False)


# -- addresses -----------------------------------------------------------------------


def test_a_redirect_is_followed(host: Gallery, check: Checker) -> None:
    host.show("/b.jpg", BIG, etag='"1"')
    address = host.show_redirect("/a.jpg", "/b.jpg")
    for _ in range(2):
        assert check.one(address).info == info_of(BIG)
        check.clock.forward(DAY_S)
    assert check.summary.bytes == 0


def test_redirects_are_followed_a_few_times(host: Gallery, check: Checker) -> None:
    found = check.one(host.show_redirect("/a.jpg", "/a.jpg"))
    assert "redirected" in found.message
    assert len(host.asked) == MAX_REDIRECTS + 1


def test_an_address_is_asked_for_as_it_is_written(
    host: Gallery, check: Checker
) -> None:
    path, query = "/a%7Eb%2fc.jpg", "?a=x%2Fy%7e&b=%2B+%20&sig=a=b'()*!,;:@/&e=%c3%A9"
    check(host.show(path, picture()) + query)
    assert host.asked[0].path == path + query


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://169.254.169.254/latest/meta-data/", "link-local"),
        ("http://[::ffff:169.254.169.254]/", "link-local"),
        ("http://2852039166/", "link-local"),
        ("http://metadata.google.internal/", "link-local"),
        ("//169.254.169.254/", "link-local"),
        ("file:///etc/passwd", "unreachable"),
        ("http://[", "unreachable"),
        ("data:,x", "unreachable"),
        ("//@/", "unreachable"),
    ],
)
def test_a_redirect_is_judged_like_an_address(
    host: Gallery, check: Checker, target: str, kind: str
) -> None:
    found = check.one(host.show_redirect("/a.jpg", target))
    assert found.kind == kind
    assert len(host.asked) == 1


@pytest.mark.parametrize("near_allowed", [True, False])
def test_a_metadata_service_is_never_asked(check: Checker, near_allowed: bool) -> None:
    (found,) = check("http://0xa9fea9fe/a.jpg", near_allowed=near_allowed)
    assert found.kind == "link-local"


def test_a_private_address_is_not_asked_unless_the_provider_is_near(
    host: Gallery, check: Checker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    local = address.replace("127.0.0.1", "localhost")
    check(address)
    host.forget()
    for found in check(address, local, near_allowed=False):
        assert found.kind == "private"
    assert host.asked == []
