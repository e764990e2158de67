"""`resolve`: settle lost answers by the user's word, and what `show` says of them.

What cannot be true is refused: a prediction of another model, or of another job.
"""

import csv
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from jobs import transitions
from jobs.attempt.reconciling import is_clipped
from jobs.ledger import Ledger
from jobs.ledger.transitions import ADOPTABLE_S, REMEMBERED_DAYS, Applied
from jobs.provider.answers import Listed
from jobs.records import BatchRecord, JobRecord
from jobs.report.sheet import csv_line
from jobs.settings import Settings
from jobs.states import State
from jobs.text import choice, counted, iso
from producer import account, console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.lookup import find_batch, find_job, same_account
from producer.options import Batch, Flag, Json, chosen_settings

#: What an id of the provider may look like.
PREDICTION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

#: States from which a lost answer can be settled.
LOST = (State.UNKNOWN, State.UNRESOLVED)

#: The word for no prediction in a table of decisions.
ABSENT = "absent"

#: Columns of that table; only the first two are read again.
COLUMNS = ("job", "prediction", "candidates", "model", "prompt", "picture")

#: The prediction of each job; None if it has none.
Words = Mapping[str, str | None]


def resolve(
    batch: Batch,
    job: str | None = None,
    *,
    adopt: str | None = None,
    absent: Flag = False,
    candidates: Flag = False,
    decisions: str | None = None,
    json: Json = False,
) -> int:
    """Settle paid requests whose answers were lost; `reelmill show` has the candidates.

    For example:

        reelmill resolve products-1f0c33ab mug-orbit --adopt 6376541342614005
        reelmill resolve products-1f0c33ab mug-orbit --absent
        reelmill resolve products-1f0c33ab --absent
        reelmill resolve products-1f0c33ab --candidates
        reelmill resolve products-1f0c33ab --decisions decisions.csv

    Args:
        batch: Id of the batch.
        job: Id of the job in it.
        adopt: The prediction that is this job's.
        absent: No prediction is this job's; it is sent, and paid, again. Without a job:
            all of which no candidate is left that no other row has.
        candidates: Print a table of all that are unresolved, as CSV; the column
            `prediction` is to be filled in, with an id or `absent`.
        decisions: Settle what that table says; lines without a word stay as they are.
        json: Print what was done as JSON.
    """
    ways = {
        "--adopt PREDICTION": adopt,
        "--absent": absent,
        "--candidates": candidates,
        "--decisions FILE": decisions,
    }
    _check_one_way(batch, job, ways)
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        if candidates:
            return _print_candidates(ledger, found)
        if job is not None:
            words: Words = {job: adopt}
        elif decisions is not None:
            words = _read(decisions)
        else:
            words = {r.job.id: None for r in _without_candidates(ledger, found)}
        done = _settle(ledger, chosen, found, words)
        left = 0 if job is not None else sum(1 for _ in _unresolved(ledger, found))
    if job is not None and not done:
        raise CommandError(
            f"{batch}/{job} changed in the meantime; "
            f"reelmill show {batch} {job} tells how it stands now"
        )
    document = _document(found, job, done, left)
    if json:
        print_json(document)
    else:
        _say_done(found, done, left, chosen)
    return Exit.INCOMPLETE if left else Exit.STORED


def settling_help(
    ledger: Ledger, batch: BatchRecord, record: JobRecord, chosen: Settings
) -> list[str]:
    """How to settle a job, a line each; none where there is nothing to settle."""
    if record.state not in LOST:
        return []
    result = f"{chosen.base_url}/api/v3/predictions"
    free = _free_candidates(ledger, batch, record)
    lines = [
        f"candidate {c.prediction_id}: {c.status}, created {iso(c.created_at_s)}, "
        f"{c.model or 'model unknown'}, {result}/{c.prediction_id}/result"
        for c in free
    ]
    if owned := len(record.candidates) - len(free):
        lines.append(f"of other rows by now: {counted(owned, 'more candidate')}")
    command = f"reelmill resolve {batch.id} {record.job.id}"
    return [
        *lines,
        f"if one of them is this row's: {command} --adopt PREDICTION",
        _look_up(batch, record)
        if is_clipped(record)
        else f"if none of them is, it will be sent and paid again: {command} --absent",
    ]


def _check_one_way(batch: str, job: str | None, ways: Mapping[str, object]) -> None:
    """Refuse none, or several, of the ways to settle something.

    Raises:
        CommandError: names the ways there are.
    """
    possible = list(ways)[:2] if job is not None else list(ways)[1:]
    said = [way for way, value in ways.items() if value]
    if len(said) == 1 and said[0] in possible:
        return
    found = f"{choice(said, word='and')} was said" if said else "nothing was said"
    what = f"{batch} {job}" if job is not None else f"all of {batch}"
    raise CommandError(
        f"for {what} say one of {choice(possible)}; {found}; "
        f"reelmill show {what.removeprefix('all of ')} has the candidates"
    )


def _read(path: str) -> dict[str, str | None]:
    """The words of a table of decisions; lines without one are passed over.

    Raises:
        CommandError: it cannot be read, or says something twice.
    """
    words: dict[str, str | None] = {}
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not set(COLUMNS[:2]) <= set(rows.fieldnames or ()):
                raise CommandError(
                    f"{path}: needs the columns job and prediction; reelmill resolve "
                    "BATCH --candidates prints such a table"
                )
            for row in rows:
                name, word = ((row[column] or "").strip() for column in COLUMNS[:2])
                own = None if word == ABSENT else word
                if word and (name in words or (own and own in words.values())):
                    raise CommandError(
                        f"{path}, line {rows.line_num}: {name} or {word} stands there "
                        "twice; nothing was settled"
                    )
                words |= {name: own} if word else {}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path}: cannot be read: {error}") from None
    return words


def _settle(
    ledger: Ledger, chosen: Settings, batch: BatchRecord, words: Words
) -> Words:
    """Settle jobs so; those of the words that were still true.

    Raises:
        CommandError: one cannot be settled so.
    """
    steps = []
    for name, prediction_id in words.items():
        record = find_job(ledger, batch, name)
        if record.state not in LOST:
            raise CommandError(
                f"{batch.id}/{name} is {record.state}; there is nothing to settle"
            )
        if prediction_id is None:
            if is_clipped(record):
                raise CommandError(_look_up(batch, record))
            steps.append(transitions.mark_absent(batch.id, record, ledger.now_s()))
        else:
            _check_adoptable(ledger, chosen, batch, record, prediction_id)
            steps.append(transitions.accept(batch.id, record, prediction_id, 0.0))
    made = zip(words.items(), ledger.transitions.apply(steps), strict=True)
    return dict(word for word, moved in made if moved is Applied.YES)


def _unresolved(ledger: Ledger, batch: BatchRecord) -> Iterator[JobRecord]:
    refs = ledger.batches.refs_in(batch.id, [State.UNRESOLVED])
    return ledger.batches.records(refs)


def _free_candidates(
    ledger: Ledger, batch: BatchRecord, record: JobRecord
) -> list[Listed]:
    """Candidates of a job that no other job has."""
    ids = [each.prediction_id for each in record.candidates]
    owned = ledger.transitions.known(batch.account, ids)
    return [each for each in record.candidates if each.prediction_id not in owned]


def _without_candidates(ledger: Ledger, batch: BatchRecord) -> Iterator[JobRecord]:
    """Unresolved jobs of which no candidate is left that no other job has."""
    for record in _unresolved(ledger, batch):
        if not (_free_candidates(ledger, batch, record) or is_clipped(record)):
            yield record


def _print_candidates(ledger: Ledger, batch: BatchRecord) -> int:
    sys.stdout.write("\ufeff" + csv_line(COLUMNS))
    for record in _unresolved(ledger, batch):
        inputs = record.job.inputs
        pictures = inputs.get("image") or inputs.get("images") or ""
        candidates = _free_candidates(ledger, batch, record)
        free = " ".join(each.prediction_id for each in candidates)
        told = (free, record.job.model, inputs.get("prompt", ""), pictures)
        sys.stdout.write(csv_line((record.job.id, "", *told)))
    return Exit.STORED


def _document(
    batch: BatchRecord, job: str | None, done: Words, left: int
) -> dict[str, object]:
    """What was done, for a program."""
    if job is not None:
        own = done[job]
        return {"batch": batch.id, "job": job, "adopted": own, "absent": own is None}
    return {
        "batch": batch.id,
        "adopted": {name: own for name, own in done.items() if own is not None},
        "absent": [name for name, own in done.items() if own is None],
        "left": left,
    }


def _say_done(batch: BatchRecord, done: Words, left: int, chosen: Settings) -> None:
    if not (done or left):
        console.say(f"{batch.id}: nothing is unresolved")
        return
    again = "will be cancelled" if batch.cancelled else "will be sent again"
    words = [
        f"{job} {again}" if own is None else f"prediction {own} belongs to {job} now"
        for job, own in done.items()
    ]
    if len(words) != 1:
        absent = sum(own is None for own in done.values())
        words = [f"{len(done) - absent} adopted, {absent} {again}"]
    then = "the workers go on with it"
    if not chosen.redis_url:
        then = f"run the manifest again, or reelmill collect {batch.id}, to go on"
    console.say(f"{words[0]}; {then}")
    if left:
        console.say(
            f"left, each with predictions that no row has: {counted(left, 'row')}; "
            f"reelmill resolve {batch.id} --candidates prints them"
        )


def _look_up(batch: BatchRecord, record: JobRecord) -> str:
    """What to do about a job some of whose candidates are not listed."""
    return (
        f"not all candidates of {record.job.id} are listed, so --absent could pay for "
        f"it twice; look its prompt up in the provider's history of {record.job.model} "
        f"since {iso(record.attempt.sent_at_s)}, and name its prediction with "
        f"reelmill resolve {batch.id} {record.job.id} --adopt PREDICTION; if it has "
        "none there, hand its row in as a manifest of its own with --fresh"
    )


def _check_adoptable(
    ledger: Ledger,
    chosen: Settings,
    batch: BatchRecord,
    record: JobRecord,
    prediction_id: str,
) -> None:
    if not PREDICTION_ID.fullmatch(prediction_id):
        raise CommandError(
            f"--adopt {prediction_id!r}: is no id of a prediction; "
            f"reelmill show {batch.id} {record.job.id} has the candidates"
        )
    owner = ledger.transitions.owner(batch.account, prediction_id)
    if owner:
        raise CommandError(
            f"prediction {prediction_id} belongs to {owner} already; "
            "adopt another one, or say --absent"
        )
    if ledger.now_s() - record.attempt.sent_at_s > ADOPTABLE_S:
        raise CommandError(
            f"{record.job.id} was sent more than {REMEMBERED_DAYS - 1} days ago: whose "
            "a prediction of then is, is not known any more; say --absent"
        )
    same_account(batch, chosen)
    known = {c.prediction_id: c.model for c in record.candidates}
    if known.get(prediction_id) != record.job.model:
        account.must_fit(chosen, prediction_id, record.job.model)
