"""A process of the worker that is asked line by line; only workers ask the provider.

It knows nothing of what is asked; whoever asks must take an answer now and then, for
neither side holds more than a few.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from jobs.settings import Settings, child_environment
from producer.exits import CommandError, Exit

#: Questions that may be unanswered at a time.
MOST_UNDER_WAY = 8


class Conversation:
    """Questions of one kind, each answered by one line, in whatever order."""

    def __init__(self, settings: Settings, kind: str) -> None:
        """Start the process; as a context manager it is ended at the end.

        Args:
            settings: which provider, and whose account.
            kind: what is asked, as `worker.ask` calls it.
        """
        # What it says to people is only read once it has ended.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(  # noqa: S603 - a command of our own
            [sys.executable, "-m", "worker.ask", kind],
            env=child_environment(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            # Ctrl-C is for the command alone, which then ends this one.
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def ask(self, question: Mapping[str, Any]) -> None:
        """Ask something.

        Raises:
            CommandError: nobody listens any more.
        """
        to = self._process.stdin
        try:
            if to:
                to.write(json.dumps(question) + "\n")
                to.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def answer(self) -> dict[str, Any]:
        """The next answer to anything that was asked.

        Raises:
            CommandError: none will come.
        """
        of = self._process.stdout
        line = of.readline() if of else ""
        if not line:
            raise self._ended()
        return dict(json.loads(line))

    def answers(
        self, questions: Iterable[Mapping[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """The answers to all these questions, in whatever order.

        Raises:
            CommandError: nobody answers any more.
        """
        under_way = 0
        for question in questions:
            if under_way == MOST_UNDER_WAY:
                yield self.answer()
            else:
                under_way += 1
            self.ask(question)
        for _ in range(under_way):
            yield self.answer()

    def _ended(self) -> CommandError:
        self._process.wait()
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace").strip().splitlines()
        last = words[-1] if words else f"exit code {self._process.returncode}"
        return CommandError(
            f"the process that asks the provider has ended: {last}; "
            "nothing paid is lost, run the same command again",
            Exit.UNREACHABLE,
        )
