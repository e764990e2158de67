"""What is counted while things are killed, and what was found to be wrong."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Figures of one form of the exercise."""

    #: Processes that got a SIGKILL, by kind or by point.
    kills: Counter[str] = field(default_factory=Counter)
    #: How the command ended when it was not killed, by exit code.
    endings: Counter[int] = field(default_factory=Counter)
    audits: int = 0
    #: Further figures of the end, by what they count.
    figures: dict[str, object] = field(default_factory=dict)
    #: Sentences about what must not be; empty when all is well.
    problems: list[str] = field(default_factory=list)

    def expect(self, true: object, otherwise: str) -> None:
        """Take a sentence down unless it is as it should be."""
        if not true:
            self.problems.append(otherwise)
