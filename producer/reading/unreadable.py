"""What ends the reading of a manifest: one problem of the file as a whole.

It decides how such a problem travels to the one place that tells it; when a file is not
worth reading on is decided by `sources`, `sniffing`, `text` and the readers of forms.
"""

from jobs.manifest.rows import Problem


class UnreadableError(Exception):
    """A manifest that cannot be read on; it carries the problem to be told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def whole(file: str, kind: str, message: str, suggestion: str) -> Problem:
    """A problem of the file as a whole, with no line."""
    return Problem(file, None, None, None, message, suggestion, kind)
