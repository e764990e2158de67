"""Standard output and error that outlive their readers.

Whoever reads may go at any time: `head` has enough, a connection breaks, a terminal is
closed. What is written after that is lost, and the command goes on: work that is paid
for is finished, and the exit code tells what came of it.
"""

import errno
import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_NAMES = ("stdout", "stderr")


class LastingFile(FileIO):
    """A file descriptor that becomes the null device once nobody reads it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        # A terminal that was closed; of a file it is a disk that fails.
        self._gone = {errno.EPIPE, errno.EIO} if self.isatty() else {errno.EPIPE}
        #: Whether a reader was there and has left.
        self.is_deserted = False

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write; what nobody reads counts as written."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in self._gone:
                raise
            self.is_deserted = True
            forget(self.fileno())
            return super().write(data) or 0


def make_lasting() -> None:
    """Let no closed stream, no reader's end and no odd character end a command."""
    for name in _NAMES:
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, nowhere)
        elif type(stream) is TextIOWrapper:
            stream.flush()
            made = TextIOWrapper(
                BufferedWriter(LastingFile(stream.fileno())),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, made)


def are_deserted() -> bool:
    """Whether a reader of standard output or error has left."""
    buffers = (getattr(getattr(sys, name), "buffer", None) for name in _NAMES)
    files = (getattr(buffer, "raw", None) for buffer in buffers)
    return any(isinstance(file, LastingFile) and file.is_deserted for file in files)


def forget(descriptor: int) -> None:
    """Let what is written to a descriptor from now on be lost."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
