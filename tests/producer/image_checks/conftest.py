"""Things that looks need: a host of pictures, and a memory that forgets nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer.image_checks import Found, ImageCache, LookSummary
from producer.image_checks.asking import Manners
from producer.image_checks.round import look_at
from tests.conftest import Clock
from tests.producer.image_checks.gallery import Gallery, gallery

#: Patience for tests: nothing here needs more.
QUICK = Manners(wait_s=0.001, read_timeout_s=5.0, deadline_s=10.0)


class Looker:
    """Looks at addresses as one command after another would, each with its memory."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.said: list[str] = []
        self.summary = LookSummary(0, 0, 0)

    @contextmanager
    def memory(self) -> Iterator[ImageCache]:
        opened = ImageCache.open(self.path, self.said.append, self.clock)
        try:
            yield opened
        finally:
            opened.close()

    def look(
        self,
        *addresses: str,
        whole: bool = True,
        near_allowed: bool = True,
        manners: Manners = QUICK,
    ) -> list[Found]:
        """What one command finds."""
        with self.memory() as memory:
            self.summary = look_at(
                addresses,
                memory,
                near_allowed=near_allowed,
                whole=whole,
                manners=manners,
            )
            found = [memory.find(address) for address in addresses]
        return [one for one in found if one is not None]


@pytest.fixture
def host() -> Iterator[Gallery]:
    with gallery() as opened:
        yield opened


@pytest.fixture
def looker(tmp_path: Path, clock: Clock) -> Looker:
    return Looker(tmp_path / "home" / "pictures.sqlite", clock)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
