"""What the ledger says of batches, jobs and attempts, as plain values.

These are read, never written back: the ledger moves a job by an event, and the next
reading shows the outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.job import Job
from jobs.provider.answers import Listed
from jobs.quality import Quality
from jobs.states import FINAL, State


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed or waits for a person, in words for that person."""

    #: A stable word for programs: `moderation`, `refused`, `file-gone`, ...
    code: str
    #: What happened, with the provider's own words where there are any.
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One paid submission of a job."""

    #: From 1.
    number: int
    #: Unix seconds when the request was about to leave.
    sent_at_s: float
    #: `sent`, `generating`, `completed`, `failed`, `refused`, `unsent`, `unknown`,
    #: `absent`, `abandoned`: what became of it.
    outcome: str
    #: What it costs at its job's price; None where that is not known.
    price_usd_micros: int | None
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0
    prediction_id: str | None = None
    #: Unix seconds when the provider said that it was over.
    ended_at_s: float | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """When a job may have been sent without this ledger's knowing of it.

    The ledger lost data, or is older than what was sent. Whatever it knows of the job,
    it is not sent again before a search of this time finds nothing.
    """

    #: Unix seconds by the ledger's clock.
    since_s: float
    until_s: float
    #: Number of the attempt that stands for what may have been sent; 0 if there is
    #: none, because the job was not to be sent again.
    attempt: int = 0

    def __str__(self) -> str:
        return f"{self.since_s:.3f} {self.until_s:.3f} {self.attempt}"

    @classmethod
    def parse(cls, text: str) -> "Doubt":
        """The doubt that `str` wrote."""
        since_s, until_s, attempt = text.split()
        return cls(float(since_s), float(until_s), int(attempt))


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job and all that happened to it."""

    job: Job
    state: State
    attempts: tuple[Attempt, ...] = ()
    #: URL or path of the stored video.
    video: str | None = None
    video_bytes: int | None = None
    video_sha256: str | None = None
    #: Key of the video's poster in the batch's store; None if it has none.
    poster: str | None = None
    #: What the figures of the video come to; None if it was not inspected.
    quality: Quality | None = None
    failure: Failure | None = None
    #: Of an unresolved job: predictions that may be its own.
    candidates: tuple[Listed, ...] = ()
    #: Of a lost answer: ids of predictions that a look took for candidates.
    seen_candidates: frozenset[str] = frozenset()
    #: Unix seconds of the first of those looks for it that bring no answer since the
    #: last that did; None if that one did.
    unanswered_since_s: float | None = None
    #: Unix seconds of the newest claim by the provider's clock, as its sender knew it;
    #: None if it did not, or since the job got another permit.
    provider_sent_at_s: float | None = None
    #: Web addresses that the finished file may be at, with a blank between two.
    output: str | None = None
    #: Unix seconds when the file was finished; it vanishes seven days later.
    generated_at_s: float | None = None
    #: Counts its permits: whoever acts under an older one changes nothing.
    fencing_token: int = 0
    #: The mark that it was claimed under last; see `jobs.ledger.marks`.
    mark: str = ""
    #: None in a ledger that never lost data.
    doubt: Doubt | None = None
    #: Looks at the provider or at the file since its last move.
    polls: int = 0
    #: Links that its newest attempt was sent with, by the address of the picture as
    #: the row has it; only of pictures that were uploaded.
    links: Mapping[str, str] = field(default_factory=dict)
    #: Of a job that follows or reuses: the job, as `batch/job`, whose video it takes.
    source_job: str = ""

    @property
    def attempt(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]

    @property
    def is_supposed(self) -> bool:
        """Whether the newest attempt only stands for what may have been sent."""
        return self.doubt is not None and self.doubt.attempt == len(self.attempts)

    @property
    def charged_usd_micros(self) -> int:
        """What the provider took for all attempts, by our rules."""
        return sum(attempt.charged_usd_micros for attempt in self.attempts)

    @property
    def refunded_usd_micros(self) -> int:
        """What the provider gives back for failed attempts, by our rules."""
        return sum(attempt.refunded_usd_micros for attempt in self.attempts)

    @property
    def prediction_id(self) -> str | None:
        """The newest prediction, the one whose video is kept."""
        known = [a.prediction_id for a in self.attempts if a.prediction_id]
        return known[-1] if known else None


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A batch: its settings, its counts by state, its money."""

    id: str
    #: The manifest it came from, as the person named it.
    manifest: str
    account: str
    #: Store URL or folder that its videos go to.
    store: str
    #: Weight in the fair sharing of an account between batches.
    priority: int
    #: Most attempts a job may have.
    attempts: int
    #: Cap over reserved and charged money; None is no cap.
    budget_usd_micros: int | None
    #: Unix seconds.
    created_at_s: float
    #: True once every job of the manifest is in the ledger.
    complete: bool
    #: True while a person holds it.
    paused: bool = False
    #: True once a person took it back: nothing of it is sent any more.
    cancelled: bool = False
    #: Where relative paths in its rows start from, on the machine it came from.
    folder: str = ""
    #: True if it shares no videos with other batches: all is rendered anyway.
    fresh: bool = False
    #: True while it waits because another batch was chosen to be rendered here.
    aside: bool = False
    #: Why nothing more is started though jobs wait: `budget` or empty.
    stopped_by: str = ""
    #: What held up its videos or its report last, such as a full store.
    note: str = ""
    #: Unix seconds; nothing of it starts before, because its store takes no videos.
    held_until_s: float = 0.0
    #: How often a person brought back what was over.
    rounds: int = 0
    #: Unix seconds when its job records were deleted; 0 if they are in the ledger.
    deleted_at_s: float = 0.0
    #: A person's own words on it, by name; see `jobs.labels`.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: How often the provider took no request of it because the account was over a
    #: limit (429); nothing was created then.
    throttled: int = 0
    counts: Mapping[State, int] = field(default_factory=dict)
    #: Sum of the prices of its jobs, those of unknown price left out.
    estimated_usd_micros: int = 0
    #: Jobs whose price the list does not have.
    unpriced: int = 0
    reserved_usd_micros: int = 0
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0

    @property
    def total(self) -> int:
        """How many jobs it has."""
        return sum(self.counts.values())

    def count(self, *states: State) -> int:
        """Jobs in these states."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def over(self) -> int:
        """Jobs to which nothing happens any more."""
        return self.count(*FINAL)

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.complete and self.over == self.total
