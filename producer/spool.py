"""Jobs set aside in a temporary file between reading a manifest and handing it over.

A manifest is read once, whatever it is read from, and its jobs are gone through several
times: for their pictures, their price, their batch. None of it is held in memory, and
what a job asks for is worked out once and set aside with it.
"""

import tempfile
from collections.abc import Iterator

from jobs.attempt.asking import Ask, Asked
from jobs.job import Job


class Spool:
    """Jobs in their order, to be written first and then read as often as needed."""

    def __init__(self) -> None:
        # Closed with the spool, and gone with the process however it ends.
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it outlives this call

    def write(self, job: Job, ask: Ask) -> None:
        """Add one job, and what it asks for."""
        # Neither digests nor JSON have a tab or an end of a line in them.
        self._file.write(f"{ask.content}\t{ask.written}\t{job.to_json()}\n")

    def __iter__(self) -> Iterator[Asked]:
        self._file.seek(0)
        for line in self._file:
            content, written, text = line.split("\t", 2)
            yield Asked(Job.from_json(text), Ask(content, written))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()
