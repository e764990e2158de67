"""What a look shall find out, and how far a picture is read for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobs.catalogue.pictures import ImageInfo, ImageSniffer


@dataclass(frozen=True, slots=True)
class Wish:
    """What a look shall find out."""

    #: Learn the digest of the whole content, of pictures that some model takes.
    whole: bool
    #: Whether some model takes a picture.
    taken: Callable[[ImageInfo], bool]
    #: Larger than this, no model takes it and nobody reads it.
    most_bytes: int
    #: Told how many bytes came.
    count: Callable[[int], None]

    def wants_all(self, reading: ImageSniffer, size_bytes: int) -> bool:
        """Whether a picture that is judged by its beginning is read to its end."""
        return (
            self.whole
            and size_bytes <= self.most_bytes
            and self.taken(reading.info(size_bytes, whole=False))
        )

    def read_through(self, chunks: Iterable[bytes], size_bytes: int) -> ImageSniffer:
        """Read a picture of this size as far as is wanted."""
        reading = ImageSniffer()
        decided = False
        for chunk in chunks:
            self.count(len(chunk))
            reading.feed(chunk)
            if not decided and reading.sniff():
                decided = True
                if not self.wants_all(reading, size_bytes):
                    break
        return reading
