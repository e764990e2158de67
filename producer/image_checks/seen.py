"""What comes of looking at pictures, for those too who ask nobody on the web."""

from dataclasses import dataclass


class ImageCheckError(Exception):
    """A picture could not be seen; the message goes on after the picture's name."""

    def __init__(
        self,
        message: str,
        suggestion: str,
        *,
        trouble: str = "unreachable",
        passing: bool = False,
        after_s: float = 0.0,
        to_range: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion
        self.trouble = trouble
        #: It may be gone after a while.
        self.passing = passing
        #: Seconds that the host wants to be left alone.
        self.after_s = after_s
        #: The host refused a request that the same one without a range may not bring.
        self.to_range = to_range


@dataclass(frozen=True, slots=True)
class LookSummary:
    """What a round of looks came to."""

    #: Pictures that were looked at, their first time or again.
    looked: int
    #: Pictures of which nothing had changed, so that they were not read again.
    remembered: int
    #: That came over the network or from a disk.
    bytes: int
