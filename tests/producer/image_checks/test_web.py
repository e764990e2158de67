"""Pictures on the web: few bytes tell what they are, and nothing is read twice."""

import hashlib
from email.utils import formatdate

import pytest

from jobs.catalogue.pictures import FIRST_BYTES, ImageInfo
from producer.image_checks.asking import MOST_REDIRECTS
from tests.producer.image_checks.conftest import Looker
from tests.producer.image_checks.gallery import Gallery, long_ago, padded, picture, says

BIG = padded(200_000)
DAY_S = 86_400.0


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def look_of(content: bytes, *, whole: bool = True) -> ImageInfo:
    return ImageInfo("jpeg", len(content), 400, 300, sha256(content) if whole else None)


def test_a_look_that_judges_reads_the_beginning_only(
    host: Gallery, looker: Looker
) -> None:
    (found,) = looker.look(host.show("/a.jpg", BIG), whole=False)
    assert found.look == look_of(BIG, whole=False)
    assert looker.summary.bytes == FIRST_BYTES
    assert host.sent_bytes == FIRST_BYTES
    (asked,) = host.asked
    assert asked.headers["range"] == f"bytes=0-{FIRST_BYTES - 1}"
    assert asked.headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & set(asked.headers)


@pytest.mark.parametrize("size", [0, 1, 999])
def test_a_whole_look_tells_the_digest(
    host: Gallery, looker: Looker, size: int
) -> None:
    content = padded(FIRST_BYTES + size)
    (found,) = looker.look(host.show("/a.jpg", content, etag='"1"'))
    assert found.look == look_of(content)
    assert host.sent_bytes == len(content)
    if size:
        assert host.asked[1].headers["if-range"] == '"1"'


def test_a_small_picture_needs_one_request(host: Gallery, looker: Looker) -> None:
    content = picture()
    (found,) = looker.look(host.show("/a.jpg", content))
    assert found.look == look_of(content)
    assert len(host.asked) == 1


@pytest.mark.parametrize("length", [True, False])
def test_a_host_without_ranges_is_read_in_one_go(
    host: Gallery, looker: Looker, length: bool
) -> None:
    address = host.show("/a.jpg", BIG, ranges=False, length=length)
    (found,) = looker.look(address)
    assert found.look == look_of(BIG)
    assert len(host.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 405, 501, 503])
def test_a_host_that_refuses_a_range_is_asked_without(
    host: Gallery, looker: Looker, status: int
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"', range_refused=f"{status} No")
    for _ in range(2):  # tonight, and tomorrow by what is kept
        (found,) = looker.look(address)
        assert found.look == look_of(BIG)
    asked = ["range" in each.headers for each in host.asked]
    assert asked == [True, False, True, True, False]


def test_a_host_that_refuses_without_a_range_as_well_is_told(
    host: Gallery, looker: Looker
) -> None:
    refusal = says("HTTP/1.1 403 No\r\n\r\n")
    address = host.show("/a.jpg", BIG, faults=[refusal, refusal])
    (found,) = looker.look(address)
    assert "HTTP 403" in found.message
    assert len(host.asked) == 2


def test_a_host_without_ranges_is_left_as_soon_as_enough_is_known(
    host: Gallery, looker: Looker
) -> None:
    content = padded(8_000_000)
    (found,) = looker.look(host.show("/a.jpg", content, ranges=False), whole=False)
    assert found.look == look_of(content, whole=False)
    assert looker.summary.bytes < 1_000_000


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_a_long_header_is_read_on(
    host: Gallery, looker: Looker, ranges: bool, whole: bool
) -> None:
    content = padded(900_000, picture(icc_profile=bytes(300_000)))
    (found,) = looker.look(host.show("/a.jpg", content, ranges=ranges), whole=whole)
    assert found.look
    assert (found.look.width_px, found.look.height_px) == (400, 300)
    assert (found.look.sha256 == sha256(content)) is whole


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html><body>Please log in</body></html>" * 9_000, "html"),
        (picture(kind="WEBP"), "webp"),
        (b"\x00" * 100_000, "unknown"),
        (b"", "empty"),
    ],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_what_no_model_takes_is_read_no_further(
    host: Gallery, looker: Looker, content: bytes, kind: str, ranges: bool
) -> None:
    (found,) = looker.look(host.show("/a.jpg", content, ranges=ranges))
    assert found.look
    assert found.look.kind == kind
    assert found.look.size_bytes == len(content)
    assert looker.summary.bytes <= FIRST_BYTES


@pytest.mark.parametrize("ranges", [True, False])
def test_a_picture_that_is_too_large_is_not_read(
    host: Gallery, looker: Looker, ranges: bool
) -> None:
    content = padded(12_000_000)
    (found,) = looker.look(host.show("/a.jpg", content, ranges=ranges))
    assert found.look == look_of(content, whole=False)
    assert looker.summary.bytes <= FIRST_BYTES


def test_every_picture_is_looked_at_once(host: Gallery, looker: Looker) -> None:
    first, second = host.show("/a.jpg", picture()), host.show("/b.jpg", picture())
    looker.look(*[first, second, first] * 50)
    assert host.counts == {"/a.jpg": 1, "/b.jpg": 1}
    assert looker.summary.looked == 2


def test_no_more_than_the_bound_are_asked_of_one_host(
    host: Gallery, looker: Looker
) -> None:
    host.together = 8
    addresses = [host.show(f"/{n}.jpg", picture()) for n in range(40)]
    assert len(looker.look(*addresses)) == 40
    assert host.most_at_once == 8


# -- tomorrow ------------------------------------------------------------------------


@pytest.mark.parametrize("by", [["etag"], ["modified"], ["etag", "modified"]])
@pytest.mark.parametrize("conditions", [True, False])
def test_tomorrow_no_body_is_read(
    host: Gallery, looker: Looker, by: list[str], conditions: bool
) -> None:
    validators = {"etag": '"1"', "modified": long_ago()}
    vouching = {name: validators[name] for name in by}
    address = host.show("/a.jpg", BIG, conditions=conditions, **vouching)
    looker.look(address)
    for _ in range(3):
        host.forget()
        looker.clock.forward(DAY_S)
        (found,) = looker.look(address)
        assert found.look == look_of(BIG)
        assert looker.summary.remembered == 1
        assert looker.summary.bytes == 0
        assert len(host.asked) == 1
        assert host.sent_bytes <= 1


def test_tomorrow_a_host_without_ranges_or_conditions_sends_what_nobody_reads(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"', conditions=False, ranges=False)
    looker.look(address)
    looker.clock.forward(DAY_S)
    assert looker.look(address)[0].look == look_of(BIG)
    assert looker.summary.bytes == 0


def test_within_the_hour_nobody_is_asked_but_for_what_is_to_be_paid(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    looker.look(address)
    asked = len(host.asked)
    looker.clock.forward(3_500.0)
    looker.look(address, whole=False)
    assert len(host.asked) == asked
    host.show("/a.jpg", picture(), etag='"2"')
    assert looker.look(address)[0].look == look_of(picture())


@pytest.mark.parametrize(
    ("etag", "modified"), [("", ""), ('W/"1"', ""), ("", "nonsense")]
)
def test_what_nothing_vouches_for_is_looked_at_again(
    host: Gallery, looker: Looker, etag: str, modified: str
) -> None:
    address = host.show("/a.jpg", picture(), etag=etag, modified=modified)
    looker.look(address)
    host.show("/a.jpg", BIG, etag=etag, modified=modified)
    assert looker.look(address)[0].look == look_of(BIG)
    assert looker.summary.looked == 1


def test_a_change_of_this_very_moment_vouches_for_nothing(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", BIG, modified=formatdate(usegmt=True))
    looker.look(address)
    looker.look(address)
    assert looker.summary.remembered == 0


@pytest.mark.parametrize("conditions", [True, False])
def test_a_changed_picture_is_read_anew(
    host: Gallery, looker: Looker, conditions: bool
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    looker.look(address)
    looker.clock.forward(DAY_S)
    other = padded(200_000, picture(colour=200))
    host.show("/a.jpg", other, etag='"2"', conditions=conditions)
    assert looker.look(address)[0].look == look_of(other)


def test_a_signature_of_tonight_finds_the_content_of_yesterday(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    looker.look(f"{address}?signature=monday")
    for night in ("tuesday", "wednesday"):
        host.forget()
        (found,) = looker.look(f"{address}?signature={night}")
        assert found.look == look_of(BIG)
        assert looker.summary.bytes == FIRST_BYTES
        assert host.sent_bytes == FIRST_BYTES


def test_another_beginning_is_another_content(host: Gallery, looker: Looker) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    looker.look(f"{address}?1")
    other = padded(200_000, picture(colour=200))
    host.show("/a.jpg", other, etag='"1"')
    assert looker.look(f"{address}?2")[0].look == look_of(other)


def test_a_look_that_only_judged_is_no_digest_tomorrow(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    looker.look(address, whole=False)
    assert looker.look(address, whole=True)[0].look == look_of(BIG)
    host.forget()
    assert looker.look(address, whole=False)[0].look == look_of(BIG)
    assert host.asked == []


def test_a_picture_that_is_wrong_is_asked_for_again_at_once(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", picture(kind="WEBP"), etag='"1"')
    looker.look(address)
    host.show("/a.jpg", BIG, etag='"2"')
    assert looker.look(address)[0].look == look_of(BIG)


def test_a_picture_that_one_model_refuses_is_asked_for_again_at_once(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", picture(900, 300), etag='"1"')
    looker.look(address)
    host.show("/a.jpg", BIG, etag='"2"')
    assert looker.look(address)[0].look == look_of(BIG)


# -- redirects -----------------------------------------------------------------------


def test_a_redirect_is_followed(host: Gallery, looker: Looker) -> None:
    host.show("/b.jpg", BIG, etag='"1"')
    address = host.show_redirect("/a.jpg", "/b.jpg")
    assert looker.look(address)[0].look == look_of(BIG)
    looker.clock.forward(DAY_S)
    assert looker.look(address)[0].look == look_of(BIG)
    assert looker.summary.bytes == 0


@pytest.mark.parametrize(
    "query", ["?a=x%2Fy%7e&b=%2B+%20", "?sig=a=b'()*!,;:@/&x", "?e=%c3%A9"]
)
def test_an_address_is_asked_for_as_it_is_written(
    host: Gallery, looker: Looker, query: str
) -> None:
    path = "/a%7Eb%2fc.jpg"
    looker.look(host.show(path, picture()) + query)
    assert host.asked[0].path == path + query


def test_redirects_are_followed_a_few_times(host: Gallery, looker: Looker) -> None:
    address = host.show_redirect("/a.jpg", "/a.jpg")
    (found,) = looker.look(address)
    assert "redirected more than 3 times" in found.message
    assert len(host.asked) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://metadata.google.internal/",
        "//169.254.169.254/",
    ],
)
def test_a_redirect_to_a_metadata_service_is_not_followed(
    host: Gallery, looker: Looker, target: str
) -> None:
    (found,) = looker.look(host.show_redirect("/a.jpg", target))
    assert found.trouble == "link-local"
    assert "never asked" in found.message


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://[",
        "data:,x",
        "//@/",
    ],
)
def test_a_redirect_to_no_web_address_is_not_followed(
    host: Gallery, looker: Looker, target: str
) -> None:
    (found,) = looker.look(host.show_redirect("/a.jpg", target))
    assert found.trouble == "unreachable"
    assert "no web address" in found.message


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/a.jpg", "http://0xa9fea9fe/a.jpg"]
)
@pytest.mark.parametrize("near_allowed", [True, False])
def test_a_metadata_service_is_not_asked(
    looker: Looker, address: str, near_allowed: bool
) -> None:
    (found,) = looker.look(address, near_allowed=near_allowed)
    assert found.trouble == "link-local"


def test_a_private_address_is_not_asked_unless_the_provider_is_near(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    local = address.replace("127.0.0.1", "localhost")
    looker.look(address)
    host.forget()
    for found in looker.look(address, local, near_allowed=False):
        assert found.trouble == "private"
        assert "the provider cannot reach" in found.message
    assert host.asked == []
