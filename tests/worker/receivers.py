"""Real receivers on loopback: of web requests and of mail, that do as they are told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer


@dataclass(slots=True)
class Receiver:
    """What a receiver got, and what it answers."""

    port: int = 0
    #: Headers and body, or envelope and text, of each that came.
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    #: What it answers next; the last one for ever.
    answers: list[int] = field(default_factory=lambda: [200])
    #: Answers wait for it.
    free: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told/T0/secret"

    def take(self, head: dict[str, str], body: bytes) -> int:
        """Write down what came; the answer, once it may go."""
        self.got.append((head, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.free.wait(30.0)
        return answer


@contextmanager
def served(server: TCPServer, receiver: Receiver) -> Iterator[Receiver]:
    """A receiver while its server runs; at the end nobody waits for it."""
    receiver.port = server.server_address[1]
    receiver.free.set()
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.free.set()
            server.shutdown()
            thread.join()


@contextmanager
def web_receiver() -> Iterator[Receiver]:
    """A web server that takes what is posted to it."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            head = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take({**head, "path": self.path}, body)
            try:
                self.send_response(status)
                if status in range(300, 400):
                    self.send_header("location", receiver.url)
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # whoever asked is gone

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own
            """Say nothing."""

    with served(ThreadingHTTPServer(("127.0.0.1", 0), Handler), receiver) as made:
        yield made


@contextmanager
def mail_receiver(host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A mail server; it answers a mail with 250 where it shall say 200."""
    receiver = Receiver()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            envelope: dict[str, str] = {}
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                word, _, rest = line.partition(" ")
                word = word.upper()
                if word == "EHLO":
                    self.say("250-here\r\n250 AUTH PLAIN")
                elif word == "DATA":
                    self.say("354 go on")
                    answer = receiver.take(dict(envelope), self.text())
                    self.say("250 taken" if answer == 200 else f"{answer} not now")
                elif word == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    envelope[word] = f"{envelope.get(word, '')} {rest}".strip()
                    self.say("235 known" if word == "AUTH" else "250 well")

        def text(self) -> bytes:
            lines = iter(self.rfile.readline, b".\r\n")
            return b"".join(lines)

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    class Server(ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with served(Server((host, 0), Handler), receiver) as made:
        yield made
