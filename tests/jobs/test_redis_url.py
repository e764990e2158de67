"""The address of the server: what each form means, and what is refused."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.redis_url import RedisUrl, read, shown

SECRET = "quite-secret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://r", RedisUrl("redis", "r")),
        ("redis://r:1/3", RedisUrl("redis", "r", 1, db=3)),
        ("redis://[::1]:7", RedisUrl("redis", "::1", 7)),
        (
            "redis://me:p%40ss@r/1",
            RedisUrl("redis", "r", db=1, username="me", password="p@ss"),
        ),
        ("redis://:100%25@r", RedisUrl("redis", "r", password="100%")),
        (
            "rediss://r?ssl_ca_certs=/a%20b/ca.pem&ssl_check_hostname=false",
            RedisUrl(
                "rediss",
                "r",
                tls={"ssl_ca_certs": "/a b/ca.pem", "ssl_check_hostname": False},
            ),
        ),
        (
            "unix:///run/a%20b@c.sock?db=2",
            RedisUrl("unix", socket="/run/a b@c.sock", db=2),
        ),
    ],
)
def test_an_address_means_what_it_says(text: str, expected: RedisUrl) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("localhost:6379", "must begin with redis://"),
        ("redis://", "has no host"),
        ("redis://r:0", "a port that is no number"),
        ("redis://[::1", "a [ without its ]"),
        ("redis://a,b/0", "names several hosts"),
        ("sentinel://a/main", "must begin with redis://"),
        ("redis://r:x", "a port that is no number"),
        ("redis://r/x", "a database that is no number"),
        ("rediss://r?ssl_ca_cert=/x", "ssl_ca_cert is no option"),
        ("rediss://r?ssl_cert_reqs", "not NAME=VALUE"),
        (f"unix://:{SECRET}@/run/l.sock", "no password"),
        (f"redis://:{SECRET}/x@r", "%2F"),
        (f"redis://:{SECRET}?x@r", "%3F"),
    ],
)
def test_what_has_no_meaning_is_refused_without_telling_the_password(
    text: str, told: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        read(text)
    assert SECRET not in str(refused.value)


def test_neither_repr_nor_what_is_shown_has_the_password() -> None:
    text = f"redis://me:{SECRET}@a:1/0"
    assert shown(text) == "redis://a:1/0"
    assert SECRET not in repr(read(text))


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_password_can_be_written(user: str, password: str) -> None:
    quoted = [quote(part, safe="") for part in (user, password)]
    where = read(f"redis://{':'.join(quoted)}@r:1/0")
    assert (where.username, where.password) == (user, password)
    assert (where.host, where.port) == ("r", 1)
