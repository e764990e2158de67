"""Which names a batch has used, and on which line; how often each came."""

from unicodedata import normalize


class Seen:
    """Names and the lines they were first used on."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def add(self, name: str, line: int) -> int | None:
        """The line that used this name before, or None if it is new and now kept."""
        folded = normalize("NFC", name.casefold())
        before = self._lines.get(folded)
        if before is None:
            self._lines[folded] = line
        return before

    def count(self, name: str) -> int:
        """How often this very name was counted, this time included."""
        self._lines[name] = times = self._lines.get(name, 0) + 1
        return times
