"""What a person reads at a prompt: help, exit codes, a sentence for every mistake."""

import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App
from rich.console import Console

from producer.cli import app
from producer.options import Reading, command_line
from tests.producer.running import Desk, Ended, desk, quick_sandbox
from tests.sandbox.running import RunningSandbox

KEY = "the-right-key"


def commands(of: App = app, before: str = "") -> Iterator[str]:
    """Every command as it is written, those of a command's own included."""
    for name in of:
        if name.startswith("-"):
            continue
        inner = list(commands(of[name], f"{before}{name} "))
        yield from inner or [before + name]


COMMANDS = list(commands())

HEADER = "id,model,image,prompt,duration,sound\n"
PICTURE = "https://example.com/mug.jpg"
ROW = f"a,kling-v2.6-std,{PICTURE},Slow orbit,5,\n"


#: Options, and what must be said about them.
OPTIONS = {
    "a budget of words": (["--budget", "ten"], "'ten' is no amount of dollars"),
    "a budget below nothing": (["--budget=-1"], "--budget: "),
    "a value without a name": (["--set", "10"], "--set 10: write it as NAME=VALUE"),
    "an unknown model": (["--model", "klng-v2.6-std"], "did you mean kling-v2.6-std"),
    "a key that climbs": (["--key", "../{id}.mp4"], "write it like {batch}/{id}.mp4"),
    "an unknown encoding": (["--encoding", "klingon"], "encoding"),
    "no priority": (["--priority", "0"], "--priority"),
    "an unknown option": (["--yess"], "--yes"),
    "a store of another kind": (["--store", "ftp://x"], "ftp://x: not a store"),
    "a store that is a file": (["--store", "taken"], "set REELMILL_STORE or --store"),
    "a store below a file": (["--store", "taken/x"], "set REELMILL_STORE or --store"),
    "a store of the kernel": (["--store", "/proc/x"], "set REELMILL_STORE or --store"),
}

#: Settings, and what must be said about them.
SETTINGS: dict[str, tuple[dict[str, str | None], str]] = {
    "a misspelt name": ({"REELMILL_TEIR": "gold"}, "did you mean REELMILL_TIER?"),
    "an unknown tier": ({"REELMILL_TIER": "lead"}, "REELMILL_TIER: Input should be"),
    "a number of words": ({"REELMILL_ATTEMPTS": "many"}, "REELMILL_ATTEMPTS: "),
    "no key": ({"WAVESPEED_API_KEY": None}, "reelmill demo shows everything without"),
    "a key copied badly": ({"WAVESPEED_API_KEY": "a…b"}, "copy it once more"),
    "a base with a path": ({"WAVESPEED_BASE_URL": "http://x/api/v3"}, "origin alone"),
    "another ledger's scheme": ({"REELMILL_REDIS_URL": "http://x"}, "redis://"),
    "no such server": ({"REELMILL_SERVER": "nope"}, "REELMILL_SERVER: nope is no"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox("--key", KEY) as running:
        yield running


@pytest.fixture
def place(sandbox: RunningSandbox) -> Iterator[Desk]:
    with desk(sandbox, KEY) as made:
        made.write("taken", "a file")
        picture = f"{sandbox.files_url}/pictures/mug.jpg"
        made.write("products.csv", HEADER + ROW.replace(PICTURE, picture))
        made.write("shop.csv", f"Handle,Title,Image Src\nmug,Mug,{picture}\n")
        yield made


def examples(name: str) -> list[list[str]]:
    """The command lines that the help of a command shows."""
    found = app
    for word in name.split():
        found = found[word]
    text = str(found.help)
    lines = re.findall(r"^ *reelmill (\w.*)$", text, re.MULTILINE)
    return [shlex.split(line) for line in lines if not line.endswith(".")]


def help_of(name: str) -> str:
    """The help of a command, as a terminal of 80 columns shows it."""
    shown = StringIO()
    app.help_print(name.split(), console=Console(file=shown, width=80))
    return shown.getvalue()


def refused(ended: Ended, words: str, code: int = 2) -> None:
    assert ended.code == code, ended
    assert words in " ".join(ended.err.split()), ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def run(place: Desk, manifest: Path, *words: str, **changes: str | None) -> Ended:
    """How a manifest is met of which nothing can be rendered."""
    return place.here("run", manifest, "--yes", *words, **changes)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_that_it_understands(name: str) -> None:
    shown = examples(name)
    assert shown
    lines = [line.replace('"', "").split() for line in help_of(name).splitlines()]
    for words in shown:
        assert ["reelmill", *" ".join(words).split()] in lines
        command, bound, _ = app.parse_args(
            words, exit_on_error=False, print_error=False
        )
        assert " ".join(words).startswith(name)
        called = getattr(command, "__name__", "").rstrip("_").replace("_", "-")
        assert called == name.rsplit(maxsplit=1)[-1]
        assert bound.arguments or words == name.split()


def test_a_command_line_is_read_as_the_options_that_it_was_made_of() -> None:
    of_kind = {bool: True, tuple: ("a=it's", "-b=c"), type(None): "- a 'b'"}
    values: dict[str, Any] = {
        field.name: of_kind.get(type(field.default)) for field in fields(Reading)
    }
    more = {"look": False, "encoding": "cp1252", "limit": 3, "header_line": 2}
    given = Reading(**values | more)
    words = shlex.split(command_line("check", "my shop.csv", given))
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert bound.args == ("my shop.csv",)
    assert bound.kwargs == {"reading": given}


def test_help_tells_the_commands_and_the_exit_codes(place: Desk) -> None:
    for words in (["--help"], []):
        ended = place.reelmill(*words)
        assert ended.code == 0
        names = {name.split()[0] for name in COMMANDS}
        assert all(re.search(rf"\b{name}\b", ended.out) for name in names)
        assert "0 all stored · 1 some jobs failed" in ended.out
        assert ended.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run", "reelmill run needs MANIFEST; see reelmill run --help"),
        ("run a.csv b.csv", "reelmill run takes no more: b.csv; see"),
        ("list --limit", "--limit needs a value; see reelmill list --help"),
        ("list --limit few", 'invalid value for --limit: unable to convert "few"'),
        ("run --yess a.csv", "--yess is no option of this command; see reelmill run"),
        ("init --mode x", "unknown option: --mode; did you mean --model? see"),
        ("completion tcsh", 'choose from: "bash", "zsh", "fish"; see'),
        ("check \x1b[2J.csv", r"\x1b[2J.csv: not-found: there is no such file"),
    ],
)
def test_a_slip_of_the_command_line_is_one_sentence(
    words: str, said: str, place: Desk
) -> None:
    ended = place.here(*words.split())
    assert ended.code == 2
    assert said in ended.err + ended.out
    assert "\x1b" not in ended.err + ended.out


def test_the_help_of_schedules_says_what_each_command_does(place: Desk) -> None:
    ended = place.here("schedule", "--help")
    assert re.search(r"run-now +Fire a schedule", ended.out)


@pytest.mark.parametrize("command", ["metrics", "sandbox", "hooks"])
def test_a_port_that_there_is_not_is_explained(command: str, place: Desk) -> None:
    url = "redis://127.0.0.1:9/0"
    ended = place.reelmill(command, "--port", "99999", REELMILL_REDIS_URL=url)
    assert ended.code == 2
    assert "99999" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", ["price", "doctor"])
def test_a_store_that_is_none_is_explained(command: str, place: Desk) -> None:
    words = [place.folder / "products.csv"] if command == "price" else []
    ended = place.here(command, *words, REELMILL_STORE="ftp://x")
    assert ended.code == 2
    assert "ftp://x: not a store" in " ".join((ended.out + ended.err).split())
    assert "Traceback" not in ended.err


def test_version_is_one_word(place: Desk) -> None:
    ended = place.reelmill("--version")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", ended.out)


def test_a_manifest_that_is_not_there_or_a_folder_is_explained(place: Desk) -> None:
    refused(run(place, place.folder / "nope.csv"), "there is no such file")
    refused(run(place, place.folder), "there are no pictures in it")
    # Such as that of a variable which is not set; it is no name of this folder.
    refused(place.here("run", "", "--yes"), "no manifest is named")


def test_a_broken_memory_of_pictures_is_told(place: Desk) -> None:
    place.home.mkdir(exist_ok=True)
    (place.home / "pictures.sqlite").write_bytes(b"no database" * 2_000)
    ended = place.here("check", place.folder / "products.csv")
    assert ended.code == 0
    assert "begun anew" in ended.err


@pytest.mark.parametrize("name", OPTIONS)
def test_a_bad_option_is_explained(name: str, place: Desk) -> None:
    words, said = OPTIONS[name]
    refused(run(place, place.folder / "products.csv", *words), said)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_bad_setting_is_explained(name: str, place: Desk) -> None:
    changes, said = SETTINGS[name]
    refused(run(place, place.folder / "products.csv", **changes), said)


@pytest.mark.parametrize("home", ["taken", "taken/x", "/proc/x"])
def test_a_home_that_cannot_be_one_is_explained(home: str, place: Desk) -> None:
    ended = place.run(place.folder / "products.csv", REELMILL_HOME=home)
    refused(ended, "set REELMILL_HOME")


def test_an_unknown_command_is_met_with_the_likely_one(place: Desk) -> None:
    refused(place.reelmill("rnu"), 'there is no command "rnu"; did you mean run? see')
    refused(place.here("schedule", "ad"), "did you mean add? see reelmill schedule")


def test_an_unknown_table_is_met_with_the_whole_command_that_works(place: Desk) -> None:
    place.write(
        "shop list.csv",
        "Product URL,Hosted Image URLs\nhttps://a.example/mug,https://a.example/mug.jpg\n",
    )
    words = ("check", "shop list.csv", "--model", "kling-v2.6-std", "--no-look")
    said = place.here(*words, "--prompt", "a turn")
    *_, tried = (said.out + said.err).splitlines()
    assert tried.startswith("try: reelmill check 'shop list.csv' ")
    again = place.here(*shlex.split(tried)[2:])
    assert (again.code, "1 video can be made" in again.out) == (0, True)


def test_a_misspelt_model_is_met_with_the_likely_one(place: Desk) -> None:
    refused(place.here("models", "show", "kling-v3-std"), "did you mean kling-v3.0-std")


def test_without_a_terminal_nothing_is_spent_unasked(
    place: Desk, sandbox: RunningSandbox
) -> None:
    before = sandbox.books()["predictions"]
    ended = place.here("run", place.folder / "products.csv")
    refused(ended, "--yes answers for you")
    assert sandbox.books()["predictions"] == before


def test_a_key_that_the_provider_refuses_is_told(place: Desk) -> None:
    ended = run(place, place.folder / "products.csv", WAVESPEED_API_KEY="another")
    refused(ended, "check WAVESPEED_API_KEY", code=4)
    assert "another" not in ended.err


class _Elsewhere(BaseHTTPRequestHandler):
    """Some web server that is not the provider: a page, or the way to another."""

    location = ""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>It works!</title>"
        self.send_response(302 if self.location else 200)
        self.send_header("Location", self.location)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def elsewhere(location: str = "") -> Iterator[str]:
    """Origin of a web server that knows nothing of the provider's API."""
    handler = type("Handler", (_Elsewhere,), {"location": location})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_provider_that_is_none_is_told_before_anything_is_sent(
    place: Desk, sandbox: RunningSandbox
) -> None:
    asked = sandbox.books()["requests"] | {"picture": 0}
    with elsewhere() as page, elsewhere(sandbox.url) as redirect:
        for url in ("http://127.0.0.1:9", page, redirect):
            ended = run(place, place.folder / "products.csv", WAVESPEED_BASE_URL=url)
            refused(ended, "the provider is out of reach", code=4)
            assert url.removeprefix("http://") in ended.err
            assert "check WAVESPEED_BASE_URL" in ended.err
    # Its pictures were looked at, as everybody may.
    assert sandbox.books()["requests"] | {"picture": 0} == asked


def test_a_report_of_nothing_is_told(place: Desk) -> None:
    for words in examples("report"):
        if "--since" not in words:  # a time in which nothing was sent costs nothing
            refused(place.here(*words), "there is no batch")
