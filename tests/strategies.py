"""Values that Hypothesis makes up, for tests of several modules."""

from hypothesis import strategies as st

from jobs.provider.answers import (
    Accepted,
    AccountTrouble,
    AnswerLost,
    Completed,
    Missing,
    Over,
    PollAgain,
    PollAnswer,
    Refused,
    Running,
    SubmitAnswer,
    Throttled,
    Trouble,
    Unsent,
)

words = st.text(max_size=12)
addresses = st.text("abc/:", min_size=1, max_size=12)
waits_s = st.none() | st.floats(0, 1e12)
prediction_ids = st.text("abcdef0123456789", min_size=1, max_size=32)

#: JSON of any shape, with the numbers that other languages cannot hold.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)

troubles = st.builds(AccountTrouble, st.sampled_from(Trouble), words)

submit_answers: st.SearchStrategy[SubmitAnswer] = st.one_of(
    st.builds(Accepted, prediction_ids),
    st.builds(Unsent, words),
    st.builds(AnswerLost, words),
    st.builds(Throttled, words, waits_s),
    st.builds(Refused, st.sampled_from([400, 404, 413, 422]), words),
    troubles,
)

overs = st.builds(
    Over,
    st.sampled_from(["failed", "timeout", "cancelled", "deleted"]),
    st.sampled_from([0, 1200, 1400, 1402, 5000, 5003, 5004]) | st.integers(),
    words,
)

poll_answers: st.SearchStrategy[PollAnswer] = st.one_of(
    st.builds(Running, words),
    st.builds(Completed, st.lists(addresses, max_size=3).map(tuple), waits_s, words),
    overs,
    st.builds(Missing, words),
    st.builds(PollAgain, words, waits_s),
    troubles,
)
