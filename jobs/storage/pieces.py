"""What comes in pieces of any size, in larger ones as a store wants them."""

from collections.abc import Iterable, Iterator

#: Bytes handed to the store at a time.
CHUNK_BYTES = 1 << 20


class Pieces:
    """Pieces of a text as larger ones of bytes, counted."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks: Iterator[str] = iter(chunks)
        self.size_bytes = 0

    def up_to(self, most_bytes: int) -> Iterator[bytes]:
        """Pieces until there are so many bytes of them."""
        until = self.size_bytes + most_bytes
        while self.size_bytes < until and (piece := next(self, b"")):
            yield piece

    def __iter__(self) -> "Pieces":
        return self

    def __next__(self) -> bytes:
        piece = bytearray()
        for chunk in self._chunks:
            piece += chunk.encode()
            if len(piece) >= CHUNK_BYTES:
                break
        self.size_bytes += len(piece)
        if not piece:
            raise StopIteration
        return bytes(piece)
