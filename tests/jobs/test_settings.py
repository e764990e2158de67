"""Settings: each one works, none contradicts another, and no secret gets out."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jobs.pace.limits import Limits
from jobs.settings import (
    MAX_SOCKET_PATH,
    Settings,
    SettingsError,
    child_environment,
    descriptions,
    read,
)

KEY = "wsk-0123456789abcdef"
HOOK = "https://hooks.example.com/T0/B0/x"
SMTP = "smtp://me:pw@mail.example.com?from=mill@example.com"
DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
VARIABLES = [str(field.alias) for field in Settings.model_fields.values()]

#: A value of each variable that is not its default, and how it is read.
GIVEN = {
    "WAVESPEED_API_KEY": (KEY, SecretStr(KEY)),
    "WAVESPEED_BASE_URL": ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    "REELMILL_REDIS_URL": ("redis://:pw@r:6379/1", "redis://:pw@r:6379/1"),
    "REELMILL_HOME": ("elsewhere", Path("elsewhere")),
    "REELMILL_SERVER": ("redis-server", "redis-server"),
    "REELMILL_STORE": ("s3://shop/videos", "s3://shop/videos"),
    "REELMILL_ACCOUNT": ("acme", "acme"),
    "REELMILL_TIER": ("Gold", "gold"),
    "REELMILL_VIDEOS_PER_MINUTE": ("17", 17),
    "REELMILL_CONCURRENT_VIDEOS": ("19", 19),
    "REELMILL_DAILY_BUDGET": ("12.50", "12.50"),
    "REELMILL_STARTS": ("no", False),
    "REELMILL_ATTEMPTS": ("2", 2),
    "REELMILL_OVERDUE_S": ("7200", 7200.0),
    "REELMILL_POLL_MIN_S": ("7.5", 7.5),
    "REELMILL_FIRST_POLL_S": ("9", 9.0),
    "REELMILL_SETTLING_S": ("240", 240.0),
    "REELMILL_WEBHOOK_URL": ("https://h.example/w/", "https://h.example/w"),
    "REELMILL_LEASE_S": ("45", 45.0),
    "REELMILL_TICK_S": ("0.75", 0.75),
    "REELMILL_SUBMIT_TIMEOUT_S": ("90", 90.0),
    "REELMILL_REQUEST_TIMEOUT_S": ("12", 12.0),
    "REELMILL_DOWNLOAD_TIMEOUT_S": ("300", 300.0),
    "REELMILL_POSTERS": ("OFF", "off"),
    "REELMILL_STORE_CHECKSUM": ("Off", "off"),
    "REELMILL_KEEP_DAYS": ("60", 60),
    "REELMILL_REUSE_DAYS": ("30", 30),
    "REELMILL_STOP_S": ("300", 300.0),
    "REELMILL_NOTIFY_URL": (HOOK, SecretStr(HOOK)),
    "REELMILL_NOTIFY_SECRET": ("whisper", SecretStr("whisper")),
    "REELMILL_NOTIFY_EMAIL": ("a@x.org,b@x.org", "a@x.org,b@x.org"),
    "REELMILL_SMTP_URL": (SMTP, SecretStr(SMTP)),
    "REELMILL_REPORT_URL": ("https://x.org/{batch}", "https://x.org/{batch}"),
}

#: What a variable has no meaning without.
NEEDS = {"REELMILL_NOTIFY_EMAIL": {"REELMILL_SMTP_URL": SMTP}}


@pytest.mark.parametrize("name", GIVEN)
def test_a_variable_sets_its_setting(name: str) -> None:
    text, value = GIVEN[name]
    (field,) = [f for f, i in Settings.model_fields.items() if i.alias == name]
    assert getattr(read({**NEEDS.get(name, {}), name: text}), field) == value
    assert getattr(read({name: ""}), field) == getattr(read({}), field)
    assert getattr(read({}), field) != value


def test_the_page_tells_of_every_variable_and_of_no_other() -> None:
    told = set(re.findall(r"\bREELMILL_[A-Z_]*[A-Z]\b", DOCS.read_text("utf-8")))
    assert told == {name for name in VARIABLES if name.startswith("REELMILL_")}
    assert descriptions().keys() == Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("REELMILL_SETTEL_S", "did you mean REELMILL_SETTLING_S?"),
        ("REELMILL_ZZZ", "unset it"),
    ],
)
def test_a_misspelt_variable_is_an_error(name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is no setting") as caught:
        read({name: "1"})
    assert said in str(caught.value)


WRONG = [
    ({"REELMILL_TIER": "platinum"}, "REELMILL_TIER: Input should be 'bronze'"),
    ({"REELMILL_ATTEMPTS": "0"}, "REELMILL_ATTEMPTS: "),
    ({"REELMILL_POLL_MIN_S": "nan"}, "REELMILL_POLL_MIN_S: "),
    ({"REELMILL_LEASE_S": "1e9"}, "REELMILL_LEASE_S: "),
    ({"REELMILL_ACCOUNT": "a:b"}, "REELMILL_ACCOUNT: "),
    ({"REELMILL_DAILY_BUDGET": "-1"}, "REELMILL_DAILY_BUDGET: "),
    ({"REELMILL_DAILY_BUDGET": "much"}, "REELMILL_DAILY_BUDGET: "),
    ({"REELMILL_REDIS_URL": "localhost:6379"}, "must begin with redis://"),
    ({"WAVESPEED_BASE_URL": "ftp://x"}, "must be an origin alone"),
    ({"WAVESPEED_BASE_URL": "https://x/api/v3"}, "must be an origin alone"),
    ({"WAVESPEED_BASE_URL": "https://me:pw@x"}, "must be an origin alone"),
    ({"WAVESPEED_API_KEY": "a\r\nX: y"}, "WAVESPEED_API_KEY: "),
    ({"REELMILL_NOTIFY_URL": "hooks.example.com"}, "REELMILL_NOTIFY_URL: must be"),
    ({"REELMILL_NOTIFY_URL": "https://a:b@x"}, "REELMILL_NOTIFY_URL: must be"),
    ({"REELMILL_NOTIFY_EMAIL": "nobody"}, "REELMILL_NOTIFY_EMAIL: must be"),
    ({"REELMILL_NOTIFY_EMAIL": "a@x.org"}, "NOTIFY_EMAIL needs REELMILL_SMTP_URL"),
    ({"REELMILL_SMTP_URL": "https://x"}, "REELMILL_SMTP_URL: must be smtp"),
    ({"REELMILL_SMTP_URL": "smtp://x"}, "REELMILL_SMTP_URL: must end with ?from="),
    ({"REELMILL_REPORT_URL": "https://x.org/report"}, "REELMILL_REPORT_URL: must"),
    (
        {"REELMILL_LEASE_S": "2", "REELMILL_TICK_S": "2"},
        "REELMILL_LEASE_S must exceed REELMILL_TICK_S",
    ),
    (
        {"REELMILL_SETTLING_S": "60", "REELMILL_SUBMIT_TIMEOUT_S": "60"},
        "REELMILL_SETTLING_S must exceed REELMILL_SUBMIT_TIMEOUT_S",
    ),
    (
        {"REELMILL_SETTLING_S": "70", "REELMILL_POLL_MIN_S": "80"},
        "REELMILL_SETTLING_S must be at least REELMILL_POLL_MIN_S",
    ),
]


@pytest.mark.parametrize(("environ", "said"), WRONG)
def test_what_cannot_be_is_refused_with_its_name(
    environ: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(environ)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_key_is_shown_nowhere() -> None:
    chosen = read({"WAVESPEED_API_KEY": f" {KEY}\n"})
    assert chosen.api_key is not None
    assert chosen.api_key.get_secret_value() == KEY
    for shown in (
        repr(chosen),
        str(chosen),
        str(chosen.model_dump()),
        chosen.model_dump_json(),
        chosen.account_id,
        str(list(chosen)),
    ):
        assert KEY not in shown


@pytest.mark.parametrize("key", [f"{KEY} x", f"{KEY}ü"])
def test_no_error_quotes_a_key(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read({"WAVESPEED_API_KEY": key, "REELMILL_LEASE_S": "x"})
    text = str(caught.value)
    assert KEY not in text
    assert "WAVESPEED_API_KEY: holds a character" in text
    assert caught.value.__cause__ is None


def test_passwords_of_the_ledger_are_not_shown() -> None:
    chosen = read({"REELMILL_REDIS_URL": "rediss://me:hunter2@r:6379/1"})
    assert "hunter2" not in repr(chosen)
    with pytest.raises(SettingsError) as caught:
        read({"REELMILL_REDIS_URL": "http://me:hunter2@r"})
    assert "hunter2" not in str(caught.value)


def test_an_account_is_known_by_origin_and_key() -> None:
    ours = read({"WAVESPEED_API_KEY": KEY}).account_id
    assert ours == read({"WAVESPEED_API_KEY": f"{KEY} "}).account_id
    assert ours != read({"WAVESPEED_API_KEY": f"{KEY}0"}).account_id
    elsewhere = {"WAVESPEED_API_KEY": KEY, "WAVESPEED_BASE_URL": "http://127.0.0.1:1"}
    assert ours != read(elsewhere).account_id
    assert read({**elsewhere, "REELMILL_ACCOUNT": "acme"}).account_id == "acme"


def test_the_account_stays_the_same_however_its_origin_is_written() -> None:
    ids = {
        read({"WAVESPEED_BASE_URL": url, "WAVESPEED_API_KEY": "k"}).account_id
        for url in ("https://api.x.de", "HTTPS://api.x.de/")
    }
    assert len(ids) == 1


def test_a_blank_address_of_the_ledger_is_not_taken_for_none() -> None:
    with pytest.raises(SettingsError, match="REELMILL_REDIS_URL is blank"):
        read({"REELMILL_REDIS_URL": " "})


def test_a_comma_too_many_does_no_harm() -> None:
    chosen = read(
        {
            "REELMILL_NOTIFY_EMAIL": "a@x.com,",
            "REELMILL_SMTP_URL": "smtp://mail.x.de?from=m@x.de",
        }
    )
    assert chosen.notify_email == "a@x.com,"


def test_limits_are_those_of_the_tier_or_what_is_set_instead() -> None:
    assert read({}).limits == Limits(2, 2)
    assert read({"REELMILL_TIER": "silver"}).limits == Limits(500, 300)
    fewer = {"REELMILL_TIER": "silver", "REELMILL_CONCURRENT_VIDEOS": "3"}
    assert read(fewer).limits == Limits(500, 3)


@given(st.text("ab/ü ", min_size=1, max_size=300))
def test_a_socket_path_always_fits(name: str) -> None:
    home = Path("/tmp/x") / name.strip("/")  # noqa: S108 - nothing is made there
    chosen = read({}, home=home)
    assert len(str(chosen.socket_path).encode()) <= MAX_SOCKET_PATH
    assert chosen.socket_path.is_absolute()


def test_long_homes_do_not_share_a_socket() -> None:
    one, two = (read({}, home=Path("/" + "x" * 200) / n) for n in ("a", "b"))
    assert one.socket_path != two.socket_path
    assert one.socket_path == read({}, home=one.home).socket_path


def test_another_process_reads_the_same_settings() -> None:
    environ = {name: text for name, (text, _) in GIVEN.items()}
    for chosen in (read({}), read(environ)):
        assert read(child_environment(chosen)) == chosen
