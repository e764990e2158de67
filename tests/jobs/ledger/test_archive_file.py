"""An archive gives back what went into it, or says that it cannot."""

import json
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ledger.archive_file import ArchivedJob, BadArchive, key_of, pack, unpack

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
JOBS = st.lists(
    st.builds(
        ArchivedJob,
        TEXTS.filter(bool),
        st.integers(0, 10**6).map(float),
        st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4),
    ),
    max_size=6,
)
SOME = [
    ArchivedJob(f"row-{n}", float(n), {"state": "stored", "job": "\u2028 é\n"})
    for n in range(50)
]


def packed(jobs: list[ArchivedJob], count: int | None = None) -> bytes:
    expected = len(jobs) if count is None else count
    return b"".join(pack("spring", expected, jobs))


@given(jobs=JOBS, size=st.integers(1, 50))
def test_what_was_packed_is_unpacked_however_it_comes_in_pieces(
    jobs: list[ArchivedJob], size: int
) -> None:
    whole = packed(jobs)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert list(unpack("spring", pieces)) == jobs


def test_the_same_jobs_make_the_same_file_whenever_that_is() -> None:
    assert packed(SOME) == packed(SOME)


def test_it_is_made_piece_by_piece() -> None:
    taken: list[ArchivedJob] = []

    def jobs() -> Iterator[ArchivedJob]:
        for job in SOME:
            taken.append(job)
            yield job

    pieces = pack("spring", 50, jobs())
    next(pieces)
    next(pieces)
    assert len(taken) == 1


@pytest.mark.parametrize("left", [0, 1, 20, 200, -30, -1])
def test_a_file_that_was_cut_is_known_for_one(left: int) -> None:
    with pytest.raises(BadArchive):
        list(unpack("spring", [packed(SOME)[:left]]))


def test_a_file_with_too_few_jobs_says_how_many() -> None:
    with pytest.raises(BadArchive, match="50 of its 51 jobs"):
        list(unpack("spring", [packed(SOME, 51)]))


def zipped(*lines: object) -> bytes:
    packer = zlib.compressobj(wbits=31)
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    return packer.compress(text.encode()) + packer.flush()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"no gzip", "it is damaged"),
        (zipped({"version": 2, "batch": "spring", "jobs": 0}), "no archive of spring"),
        (zipped({"version": 1, "batch": "autumn", "jobs": 0}), "no archive of spring"),
        (zipped([1]), "none of an archive"),
        (zipped({"version": 1, "batch": "spring", "jobs": 0}), "its last line"),
    ],
)
def test_what_is_no_archive_of_the_batch_says_so(file: bytes, said: str) -> None:
    with pytest.raises(BadArchive, match=said):
        list(unpack("spring", [file]))


def test_a_line_that_is_no_json_says_so() -> None:
    packer = zlib.compressobj(wbits=31)
    with pytest.raises(BadArchive, match="a line of it cannot be read"):
        list(unpack("spring", [packer.compress(b"{\n") + packer.flush()]))


def test_two_who_archive_do_not_write_to_one_key() -> None:
    assert key_of("spring", "a") != key_of("spring", "b")
    assert key_of("spring", "a").startswith("spring/")
