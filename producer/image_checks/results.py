"""What an image check shall find out, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from jobs.catalogue.model import PictureLimits
from jobs.catalogue.pictures import ImageInfo, ImageSniffer, validate_image


class ImageCheckError(Exception):
    """A picture could not be checked; the message goes on after the picture's name."""

    def __init__(
        self,
        message: str,
        suggestion: str,
        *,
        kind: str = "unreachable",
        retryable: bool = False,
        retry_after_s: float = 0.0,
        range_refused: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion
        self.kind = kind
        self.retryable = retryable
        #: Seconds that the host wants to be left alone.
        self.retry_after_s = retry_after_s
        #: The same request without a range may succeed.
        self.range_refused = range_refused


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check."""

    #: None where the picture could not be read.
    info: ImageInfo | None
    #: Why not, as a stable word for programs: `unreachable`, `private`, `link-local`,
    #: `not-found`, `not-readable`, `not-a-file` or `picture-bytes`. Where it was read:
    #: `browsers-only` if its host refuses programs, else empty.
    kind: str = ""
    message: str = ""
    suggestion: str = ""


@dataclass(slots=True)
class CheckSummary:
    """What a round of checks came to so far."""

    #: Pictures that were read.
    read: int = 0
    #: Pictures that had not changed, so that they were not read again.
    unchanged: int = 0
    #: Bytes that came over the network or from a disk.
    bytes: int = 0


@dataclass(frozen=True)
class Demand:
    """How far pictures are read, and which are worth being remembered."""

    #: Learn the digest of the whole content, of pictures that some model accepts.
    whole: bool
    #: What each model accepts.
    limits: tuple[PictureLimits, ...]

    @cached_property
    def max_bytes(self) -> int:
        """Larger than this, no model accepts a picture."""
        return max(limits.max_bytes for limits in self.limits)

    def is_accepted(self, info: ImageInfo) -> bool:
        """Whether some model accepts a picture."""
        return any(not validate_image(info, limits, "") for limits in self.limits)

    def is_refused(self, info: ImageInfo) -> bool:
        """Whether some model does not."""
        return any(validate_image(info, limits, "") for limits in self.limits)

    def wants_all(self, sniffer: ImageSniffer, size_bytes: int) -> bool:
        """Whether a picture whose beginning was read is to be read to its end."""
        return (
            self.whole
            and size_bytes <= self.max_bytes
            and self.is_accepted(sniffer.info(size_bytes, whole=False))
        )

    def read(self, chunks: Iterable[bytes], size_bytes: int) -> ImageSniffer:
        """Read a picture of this size as far as is wanted."""
        sniffer = ImageSniffer()
        decided = False
        for chunk in chunks:
            sniffer.feed(chunk)
            if not decided and sniffer.sniff():
                decided = True
                if not self.wants_all(sniffer, size_bytes):
                    break
        return sniffer
