"""What is remembered helps tomorrow; what happens to its file hurts nobody."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.catalogue.pictures import ImageInfo
from producer.image_checks.cache import KEPT_S, VERSION, CachedImage
from producer.image_checks.check import check_images
from tests.producer.image_checks.conftest import QUICK, Checker
from tests.producer.image_checks.gallery import Gallery, padded, picture

ADDRESS = "https://example.com/a.jpg?signature=hush"
INFO = ImageInfo("jpeg", 5, 400, 300, "0" * 64)


def keep_one(check: Checker) -> None:
    with check.cache() as cache:
        cache.keep(ADDRESS, CachedImage(INFO, '"1"'), fresh=True)


def cached(check: Checker) -> CachedImage | None:
    with check.cache() as cache:
        assert cache.find(ADDRESS) is None  # nothing was checked in this run
        return cache.cached(ADDRESS)


def test_what_was_kept_is_there_until_it_is_not_used_for_long(check: Checker) -> None:
    keep_one(check)
    check.clock.forward(KEPT_S - 1)
    kept = cached(check)
    assert kept
    assert (kept.info, kept.tag) == (INFO, '"1"')
    check.clock.forward(2)
    assert cached(check) is None
    assert check.said == []


def test_a_clock_that_was_set_back_makes_nothing_fresh(check: Checker) -> None:
    keep_one(check)
    check.clock.forward(-10)
    kept = cached(check)
    assert kept
    with check.cache() as cache:
        assert not cache.is_fresh(kept)


def test_the_file_is_its_owner_s_and_has_no_address(check: Checker) -> None:
    with check.cache() as cache:
        cache.keep(ADDRESS, CachedImage(INFO, '"1"'), fresh=True)
        cache.write()
        files = list(check.path.parent.glob("pictures.sqlite*"))
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    content = check.path.read_bytes()
    assert b"hush" not in content
    assert b"example" not in content


def garble(path: Path) -> None:
    path.write_bytes(b"no database" * 1_000)


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4_096:] = b"\x55" * (len(content) - 4_096)
    path.write_bytes(content)


def age(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute(f"PRAGMA user_version = {VERSION + 1}")
    file.close()


@pytest.mark.parametrize("harm", [garble, scribble, age])
def test_a_broken_file_is_begun_anew(
    host: Gallery, check: Checker, harm: Callable[[Path], None]
) -> None:
    address = host.show("/a.jpg", picture(), etag='"1"')
    check(address)
    harm(check.path)
    assert check.one(address).info
    (said,) = check.said
    assert "begun anew" in said
    check(address)
    assert check.summary.unchanged == 1


def test_without_a_file_everything_else_goes_on(host: Gallery, check: Checker) -> None:
    check.path.mkdir(parents=True)
    assert check.one(host.show("/a.jpg", picture(), etag='"1"')).info
    (said,) = check.said
    assert "nothing can be remembered" in said


WRITER = """
import sys
from pathlib import Path
from jobs.catalogue.pictures import ImageInfo
from producer.image_checks.cache import CachedImage, ImageCache

cache = ImageCache(Path(sys.argv[1]), lambda said: sys.exit(said))
for number in range(300):
    info = ImageInfo("jpeg", 5, 400, 300, None)
    cache.keep(f"{sys.argv[2]}-{number}", CachedImage(info, "1"), fresh=True)
    cache.write()
cache.close()
"""


def test_several_processes_use_the_file_at_once(check: Checker) -> None:
    command = [sys.executable, "-c", WRITER, str(check.path)]
    writers = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    check.clock.now_s = 0.0
    with check.cache() as cache:
        for name in "ab":
            assert all(cache.cached(f"{name}-{number}") for number in range(300))


def test_a_second_round_checks_only_what_is_not_known(
    host: Gallery, check: Checker
) -> None:
    addresses = [host.show("/a.jpg", padded(200_000)), f"{host.url}/missing.jpg"]
    with check.cache() as cache:
        for whole, read in ((False, 2), (True, 2), (True, 1)):
            summary = check_images(
                addresses, cache, near_allowed=True, whole=whole, limits=QUICK
            )
            assert summary.read == read


def test_progress_is_told_and_what_breaks_the_addresses_comes_through(
    host: Gallery, check: Checker
) -> None:
    told: list[tuple[int, int]] = []

    def addresses() -> Iterator[str]:
        for number in range(5):
            yield host.show(f"/{number}.jpg", picture())

    def check_all(addresses: Iterator[str]) -> None:
        with check.cache() as cache:
            check_images(
                addresses,
                cache,
                near_allowed=True,
                whole=True,
                progress=lambda *progress: told.append(progress),
                limits=QUICK,
            )

    check_all(addresses())
    assert [done for done, _ in told] == [1, 2, 3, 4, 5]
    assert told[-1][1] == 5 * len(picture())
    with pytest.raises(ZeroDivisionError):
        check_all(f"{1 / 0}" for _ in range(1))
