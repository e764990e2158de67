"""What image checks need: a host of pictures, and commands that check them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer.image_checks import ImageCache
from producer.image_checks.check import check_images
from producer.image_checks.fetch import FetchLimits
from producer.image_checks.results import CheckSummary, Finding
from tests.conftest import Clock
from tests.producer.image_checks.gallery import Gallery, gallery

QUICK = FetchLimits(first_wait_s=0.001, read_timeout_s=5.0, timeout_s=10.0)


class Checker:
    """Checks pictures as one command after another would, each with the cache."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.said: list[str] = []
        self.summary = CheckSummary()

    @contextmanager
    def cache(self) -> Iterator[ImageCache]:
        opened = ImageCache(self.path, self.said.append, self.clock)
        try:
            yield opened
        finally:
            opened.close()

    def __call__(
        self,
        *addresses: str,
        whole: bool = True,
        near_allowed: bool = True,
        limits: FetchLimits = QUICK,
    ) -> list[Finding]:
        """What one command finds."""
        with self.cache() as cache:
            self.summary = check_images(
                addresses,
                cache,
                near_allowed=near_allowed,
                whole=whole,
                limits=limits,
            )
            found = [cache.find(address) for address in addresses]
        return [one for one in found if one is not None]

    def one(self, address: str, *, whole: bool = True) -> Finding:
        """What a command finds of one picture."""
        return self(address, whole=whole)[0]


@pytest.fixture
def host() -> Iterator[Gallery]:
    with gallery() as opened:
        yield opened


@pytest.fixture
def check(tmp_path: Path, clock: Clock) -> Checker:
    return Checker(tmp_path / "home" / "pictures.sqlite", clock)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
