"""Where a job can be and what may happen to it there: one table.

It decides nothing about time, money or the outside; the ledger refuses every move that
is not in it, and a job is moved only *from* the state its mover believed it was in.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a job is."""

    WAITING = "waiting"  #: no permit yet
    ADMITTED = "admitted"  #: holds a permit; its request has not begun to leave
    SUBMITTING = "submitting"  #: the paid request is written down and may have left
    UNKNOWN = "unknown"  #: the answer was lost; it may exist and be charged
    UNRESOLVED = "unresolved"  #: looked for without a clear finding; a person decides
    GENERATING = "generating"  #: the provider has it and we have its id
    OVERDUE = "overdue"  #: generating for far too long; its slot is free for others
    GENERATED = "generated"  #: the provider is done; the video is not yet stored
    STORED = "stored"  #: the video is checked and kept
    FOLLOWING = "following"  #: another job makes the same video; it waits for that one
    REUSED = "reused"  #: the same video was stored before, and serves again
    FAILED = "failed"  #: no video, and none will come
    CANCELLED = "cancelled"  #: a person took it back before it was paid


class Event(StrEnum):
    """What happens to a job."""

    GRANT = "grant"  #: rate, slot and budget were free and are now taken
    CLAIM = "claim"  #: a worker is about to send it
    RETURN = "return"  #: nothing was created: it never left, or the account was busy
    REFUSE = "refuse"  #: the provider refused the request; nothing was charged
    LOSE = "lose"  #: no answer that tells whether a prediction exists
    ACCEPT = "accept"  #: the provider gave an id
    ADOPT = "adopt"  #: the id of a lost answer was found
    ABSENT = "absent"  #: it is proven that no prediction exists
    GIVE_UP = "give_up"  #: it cannot be told by looking
    OVERDUE = "overdue"  #: the provider goes on far beyond the times of its kind
    COMPLETE = "complete"  #: the provider finished the video
    TRY_AGAIN = "try_again"  #: the provider failed; a new attempt is allowed
    FAIL = "fail"  #: the provider failed, or the file is gone; no new attempt
    STORE = "store"  #: the video is checked and kept
    CANCEL = "cancel"  #: a person takes it back
    ABANDON = "abandon"  #: a person gives up what is paid; it is not collected
    RETRY = "retry"  #: a person asks for one more attempt
    FOLLOW = "follow"  #: a job of another batch makes the same video
    SPARE = "spare"  #: the provider refused the same before, and charged for it
    LEAD = "lead"  #: nobody else makes it any more
    REUSE = "reuse"  #: the video that another job stored serves this one too
    DOUBT = "doubt"  #: an older ledger does not know whether it was sent since


#: States in which a later attempt may be under way that an older ledger has forgotten.
DOUBTED = (
    *(State.WAITING, State.ADMITTED, State.FOLLOWING, State.FAILED, State.CANCELLED),
    *(State.GENERATING, State.OVERDUE, State.GENERATED),
)

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.WAITING, Event.GRANT): State.ADMITTED,
    (State.WAITING, Event.CANCEL): State.CANCELLED,
    (State.ADMITTED, Event.CLAIM): State.SUBMITTING,
    (State.ADMITTED, Event.RETURN): State.WAITING,
    (State.ADMITTED, Event.CANCEL): State.CANCELLED,
    (State.SUBMITTING, Event.RETURN): State.WAITING,
    (State.SUBMITTING, Event.REFUSE): State.FAILED,
    (State.SUBMITTING, Event.LOSE): State.UNKNOWN,
    (State.SUBMITTING, Event.ACCEPT): State.GENERATING,
    (State.UNKNOWN, Event.ADOPT): State.GENERATING,
    (State.UNKNOWN, Event.ABSENT): State.WAITING,
    (State.UNKNOWN, Event.GIVE_UP): State.UNRESOLVED,
    (State.UNRESOLVED, Event.ADOPT): State.GENERATING,
    (State.UNRESOLVED, Event.ABSENT): State.WAITING,
    (State.GENERATING, Event.COMPLETE): State.GENERATED,
    (State.GENERATING, Event.TRY_AGAIN): State.WAITING,
    (State.GENERATING, Event.FAIL): State.FAILED,
    (State.GENERATING, Event.OVERDUE): State.OVERDUE,
    (State.OVERDUE, Event.COMPLETE): State.GENERATED,
    (State.OVERDUE, Event.TRY_AGAIN): State.WAITING,
    (State.OVERDUE, Event.FAIL): State.FAILED,
    (State.OVERDUE, Event.ABANDON): State.FAILED,
    (State.GENERATED, Event.STORE): State.STORED,
    (State.GENERATED, Event.TRY_AGAIN): State.WAITING,
    (State.GENERATED, Event.FAIL): State.FAILED,
    (State.GENERATING, Event.ABANDON): State.FAILED,
    (State.GENERATED, Event.ABANDON): State.FAILED,
    (State.FAILED, Event.RETRY): State.WAITING,
    (State.CANCELLED, Event.RETRY): State.WAITING,
    (State.WAITING, Event.FOLLOW): State.FOLLOWING,
    (State.WAITING, Event.REUSE): State.REUSED,
    (State.WAITING, Event.SPARE): State.FAILED,
    (State.FOLLOWING, Event.LEAD): State.WAITING,
    (State.FOLLOWING, Event.SPARE): State.FAILED,
    (State.FOLLOWING, Event.REUSE): State.REUSED,
    (State.FOLLOWING, Event.CANCEL): State.CANCELLED,
    **dict.fromkeys([(state, Event.DOUBT) for state in DOUBTED], State.UNKNOWN),
}

#: What happens to a job that was over only because a person asks for it.
BY_A_PERSON = frozenset({Event.RETRY, Event.DOUBT})

#: States that nothing leaves without a person's word. Derived, so that it cannot
#: disagree with the table.
FINAL = frozenset(State) - {s for s, event in TRANSITIONS if event not in BY_A_PERSON}

#: Unfinished states that somebody must look at: exactly these stand in the due-set.
WATCHED = frozenset(State) - FINAL - {State.WAITING}

#: Money is at stake at the provider: reserved or charged, and not yet over.
PAID = frozenset(
    {
        *(State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED),
        *(State.GENERATING, State.OVERDUE),
    }
)


class IllegalTransitionError(Exception):
    """An event that cannot happen in that state: a mistake in our own code."""

    def __init__(self, state: State, event: Event) -> None:
        possible = sorted(event for at, event in TRANSITIONS if at is state)
        super().__init__(
            f"{event} cannot happen to a job that is {state}; "
            f"from there: {', '.join(possible) or 'nothing'}"
        )
        self.state = state
        self.event = event


def after(state: State, event: Event) -> State:
    """The state that `event` leads to from `state`.

    Raises:
        IllegalTransitionError: the table has no such move.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None
