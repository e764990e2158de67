"""Labels: how they are written, what is refused, and which batches they choose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import labels
from jobs.labels import LabelError

names = st.from_regex(r"[a-z0-9_.-]{1,63}", fullmatch=True)
printable = st.characters(exclude_categories=["C", "Z"])
values = st.text(printable, min_size=1, max_size=labels.MAX_VALUE)
some = st.dictionaries(names, values, max_size=labels.MOST)


@given(some)
def test_what_is_written_is_read_again_in_any_order(
    given: dict[str, str],
) -> None:
    texts = [f"{name}={value}" for name, value in given.items()]
    assert labels.parsed(texts) == given
    assert labels.parsed(reversed(texts)) == given
    assert list(labels.parsed(texts)) == sorted(given)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["team"], "write it as NAME=VALUE"),
        (["team="], "write it as NAME=VALUE"),
        (["Team=shoes"], "small letters"),
        (["=shoes"], "small letters"),
        (["t" * 64 + "=shoes"], "up to 63"),
        (["team=" + "s" * 201], "has 201 characters; up to 200"),
        (["team=a\u202eb"], "cannot be printed"),
        (["team=a\nb"], "cannot be printed"),
        (["team=shoes", "team=hats"], "team is given twice"),
        ([f"n{number}=x" for number in range(21)], "a batch has up to 20"),
    ],
)
def test_what_is_no_label_is_refused_with_what_to_write(
    texts: list[str], said: str
) -> None:
    with pytest.raises(LabelError, match=said):
        labels.parsed(texts)


@given(some, some)
def test_a_batch_keeps_its_own_labels_and_takes_those_it_lacks(
    has: dict[str, str], given: dict[str, str]
) -> None:
    both = given | has
    if len(both) > labels.MOST:
        with pytest.raises(LabelError, match="a batch has up to 20"):
            labels.missing(has, given)
    else:
        assert has | labels.missing(has, given) == both
