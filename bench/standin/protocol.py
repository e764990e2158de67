"""One connection to the stand-in: reads requests, writes answers in the same order.

Nothing in it waits, so requests that come without waiting for answers are answered one
after the other. It marks when the last byte of a video was handed to the socket.
"""

import asyncio
import time

import httptools

from bench.standin.answers import FILES, Answers, NoAnswerError
from bench.standin.books import Prediction


class Connection(asyncio.Protocol):
    """Answers one client."""

    transport: asyncio.Transport

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._parser = httptools.HttpRequestParser(self)
        self._url = self._body = b""
        #: Whose video is on its way to the socket.
        self._leaving: list[Prediction] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport  # type: ignore[assignment]  # of TCP it always is one

    def data_received(self, data: bytes) -> None:
        """Read on; whoever does not speak HTTP is hung up on."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.transport.close()

    def on_url(self, part: bytes) -> None:
        """Take a part of the request's address."""
        self._url += part

    def on_body(self, part: bytes) -> None:
        """Take a part of what the request carries."""
        self._body += part

    def on_message_complete(self) -> None:
        """Answer."""
        path, _, query = self._url.partition(b"?")
        body, self._url, self._body = self._body, b"", b""
        try:
            if self._parser.get_method() == b"POST":
                self.transport.write(self._answers.post(path, query, body))
            elif path.startswith(FILES):
                self._send_file(self._answers.fetched(path))
            else:
                self.transport.write(self._answers.look(path))
        except NoAnswerError as refusal:
            self.transport.write(self._answers.refused(refusal))
        if not self._parser.should_keep_alive():
            self.transport.close()

    def pause_writing(self) -> None:
        """Take no more requests while the client does not take its answers."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Note that everything was handed to the socket, and read on."""
        now_s = time.time()
        for prediction in self._leaving:
            prediction.fetched_at_s = now_s
        self._leaving.clear()
        self.transport.resume_reading()

    def _send_file(self, prediction: Prediction) -> None:
        # From now on every byte that is not yet with the socket is told about.
        self.transport.set_write_buffer_limits(high=0)
        self._leaving.append(prediction)
        self.transport.write(self._answers.file)
        if not self.transport.get_write_buffer_size():
            self.resume_writing()
