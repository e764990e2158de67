"""One address serves ledger and broker, over TLS too."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from celery import Celery

from jobs import broker
from jobs.broker import BrokerError, make_app
from jobs.ledger import Ledger, LedgerError, connect
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
