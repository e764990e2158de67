"""An index that asks for more than a clip does is refused before it is followed."""

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.test_mp4 import FILMS, box
from worker import index, posters
from worker.index import MOST_SAMPLES, UnusualIndexError
from worker.mp4 import NotAVideoError

FILM = FILMS["with sound"]
MOOV = FILM.index(b"moov") - 4
END = MOOV + int.from_bytes(FILM[MOOV : MOOV + 4])
#: Of the sound, which is the last track.
STSC, STSZ, STTS = (FILM.rindex(kind) for kind in (b"stsc", b"stsz", b"stts"))
TRAK = FILM[FILM.rindex(b"trak") - 4 : FILM.index(b"udta") - 4]


def said_of(content: bytes, folder: Path) -> str:
    """Why there is no poster of it; nothing of it may be opened for that."""
    path = folder / "v.mp4"
    path.write_bytes(content)
    try:
        index.check(path)
    except (UnusualIndexError, NotAVideoError) as error:
        return str(error)
    return ""


def patched(at: int, *numbers: int) -> bytes:
    """The film with other numbers, of four bytes each, in a box of a kind at `at`."""
    new = struct.pack(f">{len(numbers)}I", *numbers)
    return FILM[: at + 8] + new + FILM[at + 8 + len(new) :]


def with_more(more: bytes) -> bytes:
    """The film with something more at the end of its index."""
    moov = box(b"moov", FILM[MOOV + 8 : END] + more)
    return FILM[:MOOV] + moov + FILM[END:]


def renamed(old: bytes, new: bytes) -> bytes:
    assert old in FILM
    return FILM.replace(old, new)


@pytest.mark.parametrize("name", FILMS)
def test_a_real_film_is_plain(tmp_path: Path, name: str) -> None:
    assert said_of(FILMS[name], tmp_path) == ""
    assert said_of(FILMS[name] + box(b"uuid", b"trakstsd" * 9), tmp_path) == ""
    assert posters.make(tmp_path / "v.mp4")


BOMBS = {
    "sizes": patched(STSZ, 7, 0x0FFF_FFFF),
    "sizes that are one too many": patched(STSZ, 7, MOST_SAMPLES),
    "chunks": patched(STSC, 1, 1, 0x7FFF_FFFF),
    "times": patched(STTS, 1, 0x7FFF_FFFF),
}


@pytest.mark.parametrize("name", BOMBS)
def test_some_bytes_that_ask_for_gigabytes_are_refused(
    tmp_path: Path, name: str
) -> None:
    assert "too long" in said_of(BOMBS[name], tmp_path)


STRANGE = {
    "a second index": (FILM + box(b"moov"), "2 indexes"),
    "an index in pieces": (FILM + box(b"moof"), "b'moof' beside"),
    "a track beside the index": (FILM + TRAK, "b'trak' beside"),
    "words beside the index": (FILM + box(b"udta"), "b'udta' beside"),
    "a track that is hidden in words": (with_more(box(b"udta", TRAK)), "none belongs"),
    # A library takes it for an index.
    "an index that is called free": (FILM + box(b"free", box(b"mvhd")), "b'mvhd'"),
    "five tracks": (with_more(TRAK * 3), "5 tracks"),
    "a compressed index": (with_more(box(b"cmov", b"x")), "b'cmov'"),
    "a cover": (with_more(box(b"udta", box(b"covr", b"x"))), "b'covr'"),
    "pieces to come": (with_more(box(b"mvex")), "b'mvex'"),
    "a large index": (with_more(box(b"free", bytes(4 << 20))), "too large"),
    "raw sound": (renamed(b"mp4a", b"sowt"), "made of b'sowt'"),
    "a picture of another kind": (renamed(b"avc1\0", b"SVQ3\0"), "made of b'SVQ3'"),
    "a track of texts": (renamed(b"soun", b"text"), "made of b'mp4a'"),
    "another file": (renamed(b"url \0\0\0\1", b"url \0\0\0\0"), "in another file"),
    "a file by its path": (renamed(b"url \0", b"alis\0"), "in another file"),
    "no sizes": (renamed(b"stsz", b"free"), "not one b'stsz'"),
    "two tables": (renamed(b"smhd", b"stbl"), "not one b'stbl'"),
    "two descriptions": (patched(FILM.rindex(b"stsd"), 2), "several ways"),
    "chunks in no order": (patched(STSC, 1, 2), "in no order"),
    "a table that is cut off": (patched(STTS, 0xFFFF), "is cut off"),
    "boxes that are nested": (renamed(b"smhd", b"minf"), "not one b'minf'"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_strange_is_refused(tmp_path: Path, name: str) -> None:
    content, said = STRANGE[name]
    assert said in said_of(content, tmp_path)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index") / "v.mp4"


@given(
    st.integers(MOOV, END - 4),
    st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"trak", b"stbl"])
    | st.binary(min_size=1, max_size=4),
)
def test_a_spoilt_index_raises_nothing_else(path: Path, at: int, new: bytes) -> None:
    path.write_bytes(FILM[:at] + new + FILM[at + len(new) :])
    with suppress(UnusualIndexError, NotAVideoError):
        index.check(path)
