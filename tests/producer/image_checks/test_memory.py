"""What is remembered helps tomorrow; what happens to its file hurts nobody."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.catalogue.pictures import ImageInfo
from producer.image_checks import Found, ImageCache
from producer.image_checks.keeping import VERSION
from producer.image_checks.memory import KEPT_S, Kept
from producer.image_checks.round import look_at
from tests.producer.image_checks.conftest import QUICK, Looker
from tests.producer.image_checks.gallery import Gallery, padded, picture

ADDRESS = "https://example.com/a.jpg?signature=hush"
LOOK = ImageInfo("jpeg", 5, 400, 300, "0" * 64)


def keep_one(looker: Looker) -> None:
    with looker.memory() as memory:
        memory.keep(ADDRESS, Kept(LOOK, '"1"'), fresh=True)


def kept_one(looker: Looker) -> Kept | None:
    with looker.memory() as memory:
        return memory.kept(ADDRESS)


def test_what_was_kept_is_there_tomorrow(looker: Looker) -> None:
    keep_one(looker)
    kept = kept_one(looker)
    assert kept
    assert kept.look == LOOK
    assert kept.tag == '"1"'
    assert looker.said == []


def test_what_was_not_looked_at_is_not_found(looker: Looker) -> None:
    keep_one(looker)
    with looker.memory() as memory:
        assert memory.find(ADDRESS) is None


def test_what_was_noted_is_found_in_this_run_only(looker: Looker) -> None:
    bad = Found(None, "unreachable", "it is not there", "look again")
    with looker.memory() as memory:
        memory.note("a", Found(LOOK))
        memory.note("b", bad)
        assert memory.find("a") == Found(LOOK)
        assert memory.find("b") == bad
    with looker.memory() as memory:
        assert memory.find("a") is None


def test_what_is_not_used_for_long_is_forgotten(looker: Looker) -> None:
    keep_one(looker)
    looker.clock.forward(KEPT_S - 1)
    assert kept_one(looker)
    looker.clock.forward(2)
    assert kept_one(looker) is None


def test_a_clock_that_was_set_back_makes_nothing_fresh(looker: Looker) -> None:
    keep_one(looker)
    looker.clock.forward(-10)
    with looker.memory() as memory:
        kept = memory.kept(ADDRESS)
        assert kept
        assert not memory.is_fresh(kept)


def test_only_its_owner_may_read_the_file(looker: Looker) -> None:
    with looker.memory() as memory:
        memory.keep(ADDRESS, Kept(LOOK, '"1"'), fresh=True)
        memory.write()
        files = list(looker.path.parent.glob("pictures.sqlite*"))
        assert len(files) == 3
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_no_address_stands_in_the_file(looker: Looker) -> None:
    keep_one(looker)
    content = looker.path.read_bytes()
    assert b"hush" not in content
    assert b"example" not in content


def broken(path: Path) -> None:
    path.write_bytes(b"no database" * 1_000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def scribbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4_096:] = b"\x55" * (len(content) - 4_096)
    path.write_bytes(content)


def other(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute(f"PRAGMA user_version = {VERSION + 1}")
    file.close()


@pytest.mark.parametrize("harm", [broken, cut, scribbled, other])
def test_a_broken_file_is_put_aside_and_begun_anew(
    host: Gallery, looker: Looker, harm: object
) -> None:
    address = host.show("/a.jpg", picture(), etag='"1"')
    looker.look(address)
    assert callable(harm)
    harm(looker.path)
    assert looker.look(address)[0].look
    (said,) = looker.said
    assert "begun anew" in said
    assert looker.path.with_name("pictures.sqlite.broken").exists()
    looker.look(address)
    assert looker.summary.remembered == 1


def test_a_file_that_cannot_be_made_costs_only_the_memory(
    host: Gallery, looker: Looker
) -> None:
    looker.path.mkdir(parents=True)
    assert looker.look(host.show("/a.jpg", picture(), etag='"1"'))[0].look
    (said,) = looker.said
    assert "nothing can be remembered" in said


WRITER = """
import sys
from pathlib import Path
from jobs.catalogue.pictures import ImageInfo
from producer.image_checks.memory import Kept, ImageCache

memory = ImageCache.open(Path(sys.argv[1]), lambda said: sys.exit(said))
for number in range(300):
    look = ImageInfo("jpeg", 5, 400, 300, None)
    memory.keep(f"{sys.argv[2]}-{number}", Kept(look, "1"), fresh=True)
    memory.write()
memory.close()
"""


def test_several_processes_use_the_file_at_once(looker: Looker) -> None:
    command = [sys.executable, "-c", WRITER, str(looker.path)]
    writers = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    looker.clock.now_s = 0.0
    with looker.memory() as memory:
        for name in "abc":
            assert all(memory.kept(f"{name}-{number}") for number in range(300))


def test_a_second_round_looks_only_for_what_is_not_known(
    host: Gallery, tmp_path: Path
) -> None:
    good = host.show("/a.jpg", padded(200_000))
    bad = f"{host.url}/missing.jpg"
    memory = ImageCache.open(tmp_path / "pictures.sqlite")
    for whole, looked in ((False, 2), (True, 2), (True, 1)):
        summary = look_at(
            [good, bad], memory, near_allowed=True, whole=whole, manners=QUICK
        )
        assert summary.looked == looked
    memory.close()


def test_progress_is_told_after_every_picture(host: Gallery, tmp_path: Path) -> None:
    addresses = [host.show(f"/{n}.jpg", picture()) for n in range(5)]
    told: list[tuple[int, int]] = []
    memory = ImageCache.open(tmp_path / "pictures.sqlite")
    look_at(
        addresses,
        memory,
        near_allowed=True,
        whole=True,
        fetched=lambda *progress: told.append(progress),
        manners=QUICK,
    )
    memory.close()
    assert [done for done, _ in told] == [1, 2, 3, 4, 5]
    assert told[-1][1] == 5 * len(picture())


def test_what_breaks_the_source_of_addresses_comes_through(
    host: Gallery, tmp_path: Path
) -> None:
    def addresses() -> object:
        yield host.show("/a.jpg", picture())
        raise LookupError("gone")

    memory = ImageCache.open(tmp_path / "pictures.sqlite")
    with pytest.raises(LookupError, match="gone"):
        look_at(addresses(), memory, near_allowed=True, whole=True, manners=QUICK)  # type: ignore[arg-type]  # yields
    memory.close()
