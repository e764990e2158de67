"""Reports as a person asks for them: labels, forms, and statements."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jobs import settings
from jobs.ledger import Ledger
from jobs.ledger.charges import Charge, Kind
from jobs.money import usd, usd_micros
from jobs.states import Event
from jobs.storage import Store
from producer.local_server import ledger_of
from producer.report import keep_report
from tests.jobs.ledger.ended import delete
from tests.jobs.ledger.play import ACCOUNT, PLENTY, grant, open_batch, play
from tests.producer.running import Desk, as_csv, desk, quick_sandbox, rows
from tests.sandbox.running import RunningSandbox

MODELS = ["kling-v2.6-std", "kling-v3.0-std"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.1) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Nights:
    """Two batches of one ledger; of the second the job records are deleted."""

    place: Desk
    cups: str
    mugs: str

    def report(self, *words: str) -> Any:
        """What `report --json` prints."""
        ended = self.place.here("report", *words, "--json")
        assert ended.code == 0, ended.err
        return ended.json()


@pytest.fixture(scope="module")
def nights(sandbox: RunningSandbox) -> Iterator[Nights]:
    with desk(sandbox, "reporting") as place:
        first = rows(sandbox, 4, MODELS)
        second = rows(sandbox, 3, MODELS)
        second[0]["prompt"] = "Another orbit"
        cups = place.write("cups.csv", as_csv(first))
        mugs = place.write("mugs.csv", as_csv(second))
        shoes = ("--label", "team=shoes", "--label", "season=spring 2027")
        assert place.run(cups, *shoes).code == 0
        assert place.run(mugs, "--fresh", "--label", "team=hats").code == 0
        ids = {x["manifest"]: x["batch"] for x in place.here("list", "--json").json()}
        chosen, old = settings.read(place.environment), ids[str(mugs)]
        with ledger_of(chosen, alone=False) as ledger:
            # The worker may have ended before it wrote down that it had reported it.
            version = ledger.delay_queue.report_version(old)
            ledger.delay_queue.drop_batch(chosen.account_id, old, version)
            delete(ledger, old)
        yield Nights(place, ids[str(cups)], ids[str(mugs)])


def test_a_batch_carries_its_labels_into_list_and_report(nights: Nights) -> None:
    place = nights.place
    (found,) = place.here("list", "--label", "team=shoes", "--json").json()
    assert found["batch"] == nights.cups
    assert found["labels"] == {"season": "spring 2027", "team": "shoes"}
    assert "team=shoes" in place.here("list", COLUMNS="160").out
    none = place.here("list", "--label", "team=coats")
    assert (none.code, none.err) == (0, "no batch has the label team=coats\n")
    kept = json.loads((place.store / nights.cups / "report.json").read_text("utf-8"))
    assert kept["labels"] == found["labels"]
    assert "season=spring 2027, team=shoes" in place.here("show", nights.cups).err


def test_a_batch_keeps_its_labels_takes_those_it_lacks_and_never_loses_them(
    sandbox: RunningSandbox,
) -> None:
    with desk(sandbox, "relabelled") as place:
        manifest = place.write("pot.csv", as_csv(rows(sandbox, 1, MODELS)))
        assert place.run(manifest, "--label", "team=shoes").code == 0
        words = ("run", manifest, "--yes")
        new = ("--label", "team=hats", "--label", "year=2027")
        again = place.here(*words, *new)
        assert again.code == 0
        assert "keeps its label team=shoes; team=hats is not taken" in again.err
        (found,) = place.here("list", "--json").json()
        assert found["labels"] == {"team": "shoes", "year": "2027"}
        many = [f"--label=n{number}=x" for number in range(19)]
        too_many = place.here(*words, *many)
        assert too_many.code == 2
        assert "a batch has up to 20" in too_many.err
        # The copy in the store has the first, and the report what came later.
        shutil.rmtree(place.home)
        assert place.here("rebuild", "--yes").code == 0
        assert place.here("list", "--json").json()[0]["labels"] == found["labels"]


def test_a_statement_sums_batches_by_batch_model_and_label(nights: Nights) -> None:
    made = nights.report("--since", "1d")
    total = made["total"]
    assert (total["batches"], total["stored"], total["attempts"]) == (2, 7, 7)
    assert total["charged_usd"] == usd(4 * 210_000 + 3 * 420_000)
    read_from = {line["batch"]: line["read_from"] for line in made["by_batch"]}
    assert read_from == {nights.cups: "ledger", nights.mugs: "report"}
    for kind in ("by_batch", "by_model"):
        nets = [usd_micros(line["net_usd"]) for line in made[kind]]
        assert usd(sum(nets)) == total["net_usd"]
    lines = {(x["label"], x["value"]): x["net_usd"] for x in made["by_label"]}
    assert lines == {
        ("season", "spring 2027"): "1.26",
        ("season", None): "0.84",
        ("team", "shoes"): "1.26",
        ("team", "hats"): "0.84",
    }
    assert made["inexact"] == []


def test_a_statement_can_be_of_one_label_or_of_another_time(nights: Nights) -> None:
    hats = nights.report("--since", "1d", "--label", "team=hats")
    assert [line["batch"] for line in hats["by_batch"]] == [nights.mugs]
    assert hats["labels"] == {"team": "hats"}
    past = nights.report("--since", "2d", "--until", "1d")
    assert (past["by_batch"], past["total"]["net_usd"]) == ([], "0.00")


def test_a_statement_comes_as_a_table_and_a_sheet(nights: Nights) -> None:
    place = nights.place
    shown = place.here("report", "--since", "1d", COLUMNS="100")
    assert "team=shoes" in shown.out
    assert "charged $2.10, refunded $0.00, net $2.10" in shown.out
    text = place.here("report", "--since", "1d", "--format", "csv").out
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {line["by"] for line in lines} >= {"all", "batch", "model", "label"}
    for by in ("all", "batch", "model"):
        nets = [usd_micros(x["net_usd"]) for x in lines if x["by"] == by]
        assert usd(sum(nets)) == "2.10"


def test_what_cannot_be_read_is_named_and_still_counted(nights: Nights) -> None:
    place = nights.place
    file = place.store / nights.mugs / "report.json"
    kept = file.with_name("kept.json")
    shutil.move(file, kept)
    try:
        ended = place.here("report", "--since", "1d", "--json")
        assert ended.code == 3
        made = ended.json()
        assert made["total"]["net_usd"] == "2.10"
        assert made["by_model"][-1]["model"] is None
        assert made["by_model"][-1]["net_usd"] == "0.84"
        why = f"{file}: it is missing"
        assert made["inexact"] == [{"batch": nights.mugs, "why": why, "counted": True}]
        assert f"{nights.mugs} is counted by its own sums: {why}" in ended.err
    finally:
        shutil.move(kept, file)


def test_the_billing_of_a_time_equals_its_statement(
    nights: Nights,
) -> None:
    made = nights.report("--since", "1d", "--billed")
    assert made["invoice"]["billed_net_usd"] == made["total"]["net_usd"] == "2.10"
    assert made["invoice"]["differences"] == made["invoice"]["unexplained"] == []
    # Before anything was sent nothing is compared, and nobody's charge is a riddle.
    past = nights.report("--since", "2d", "--until", "1d", "--billed")
    assert past["invoice"]["billed_net_usd"] == "0.00"


def test_charges_that_were_named_are_dismissed(nights: Nights) -> None:
    with ledger_of(settings.read(nights.place.environment), alone=False) as ledger:
        account = settings.read(nights.place.environment).account_id
        charge = Charge(Kind.UNKNOWN, "p1", MODELS[0], 210_000, ledger.now_s())
        before_s = ledger.charges.compared_until_s(account)
        assert ledger.charges.note(account, before_s, ledger.now_s(), [charge])
    listed = nights.place.here("list")
    (line,) = [x for x in listed.err.splitlines() if "that no row here explains" in x]
    command = line.partition("; reelmill ")[2].partition(" names them")[0].split()
    named = nights.place.here(*command)
    assert named.code == 0, named.err
    assert "no row here explains" in nights.place.here("list").err
    dismissed = nights.place.here(*command, "--dismiss")
    assert "charges that no row explains are known now" in dismissed.err
    assert "no row here explains" not in nights.place.here("list").err


def test_the_billing_of_a_time_is_of_one_account_and_says_whose_is_left_out(
    nights: Nights,
) -> None:
    place = nights.place
    words = ("report", "--since", "1d", "--billed")
    with ledger_of(settings.read(place.environment), alone=False) as ledger:
        ours = ledger.batches.read(nights.cups)
        assert ours
        theirs = replace(ours, id="theirs", account="acme", created_at_s=ledger.now_s())
        assert ledger.batches.create(theirs)
    ended = place.here(*words, "--json")
    said = "1 batch of other accounts left out (acme: 1): each needs its own key\n"
    assert (ended.code, ended.err) == (0, said)
    made = ended.json()
    assert made["account"] == ours.account
    assert made["other_accounts"] == [{"account": "acme", "batches": 1}]
    assert made["invoice"]["billed_net_usd"] == made["total"]["net_usd"] == "2.10"
    assert "left out,acme," in place.here(*words, "--format", "csv").out
    # Without the provider all are summed, and a stranger's key asks for nothing.
    assert "other_accounts" not in nights.report("--since", "1d")
    refused = place.here(*words, REELMILL_ACCOUNT="stranger")
    assert (refused.code, refused.out) == (2, "")
    assert "no batch of that time belongs to account stranger" in refused.err
    assert "3 batches of other accounts left out" in refused.err


def test_a_report_comes_in_every_form(nights: Nights) -> None:
    place, batch = nights.place, nights.cups
    made = nights.report(batch)
    schema = place.here("report", "--schema").json()
    assert set(schema["required"]) <= set(made) <= set(schema["properties"])
    assert place.here("report", batch, "--format", "json").json()["batch"] == batch
    text = place.here("report", batch, "--format", "csv").out
    assert len(list(csv.reader(io.StringIO(text)))) == 5
    assert text.startswith("\ufeffid,line,state")
    assert place.here("report", batch, "--format", "html").out.startswith("<!doctype")


def test_a_report_that_is_written_anew_keeps_the_invoice_of_the_same_charges(
    nights: Nights,
) -> None:
    place, batch = nights.place, nights.cups
    invoice = nights.report(batch, "--billed")["invoice"]
    made = nights.report(batch)
    assert made["invoice"] == invoice
    assert invoice["asked_at"] < made["made_at"]
    said = place.here("report", batch)
    assert "is as of" in said.err
    assert "--billed asks it anew" in said.err
    kept = place.store / batch / "report.json"
    assert json.loads(kept.read_text("utf-8"))["invoice"] == invoice
    page = (place.store / batch / "report.html").read_text("utf-8")
    assert "agrees, as of" in page
    assert "was not asked for" not in page
    # Of other charges, or from a file that somebody else wrote, it is not believed.
    true = kept.read_text("utf-8")
    for before, after in (
        ('"charged_usd": "1.26"', '"charged_usd": "0.84"'),
        ('"rows": [', '"lines": ['),
    ):
        kept.write_text(true.replace(before, after), "utf-8")
        assert "invoice" not in nights.report(batch)


def test_of_a_batch_whose_job_records_are_deleted_its_report_is_named(
    nights: Nights, sandbox: RunningSandbox
) -> None:
    place = nights.place
    listed = {x["batch"]: x for x in place.here("list", "--json").json()}
    assert listed[nights.mugs]["jobs_deleted"] is True
    assert listed[nights.mugs]["charged_usd"] == "0.84"
    assert "jobs deleted" in place.here("list", COLUMNS="160").out
    folder = place.store / nights.mugs
    kept = (folder / "report.json").read_bytes()
    for command in ("report", "show", "retry", "cancel", "collect"):
        ended = place.here(command, nights.mugs)
        assert ended.code == 2, command
        assert f"its report is {folder}/report.json" in ended.err
    assert (folder / "report.json").read_bytes() == kept
    # The same manifest is the same batch, and nothing of it is paid again.
    before = sandbox.books()["predictions"]
    mugs = place.folder / "mugs.csv"
    for words in (("price", mugs), ("run", mugs, "--yes")):
        ended = place.here(*words)
        assert ended.code == 0, ended.err
        assert "nothing was sent, --fresh renders all anew" in ended.err
    assert sandbox.books()["predictions"] == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "1d"), "add --since 30d"),
        (("--dismiss",), "that --since 2d --billed has named"),
        (("x", "--since", "1d"), "cannot be combined with the id"),
        (("--since", ""), "--since is empty; give it a value or leave it out"),
        (("",), "the id of the batch is empty"),
        (("--since", "0001-01-01", "--billed"), "no batch is so old"),
        (("--since", "1d", "--format", "html"), "does not go with --since"),
        (("--format", "html", "--json"), "are two forms; name one"),
        (("--since", "1d", "--billed", "--label", "a=b"), "leave --label out"),
    ],
)
def test_what_does_not_go_together_says_what_does(
    nights: Nights, words: tuple[str, ...], said: str
) -> None:
    ended = nights.place.here("report", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_report_that_is_overtaken_by_a_change_is_made_anew(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ref, *_ = open_batch(ledger, budget_usd_micros=0, store=str(tmp_path))
    assert grant(ledger) == []
    puts, keep = count(), Store.put_chunks

    def cancelled_meanwhile(store: Store, *args: Any) -> int:
        if next(puts) == 0:
            play(ledger, ref, Event.CANCEL)
        return keep(store, *args)

    monkeypatch.setattr(Store, "put_chunks", cancelled_meanwhile)
    document, _ = keep_report(ledger, "spring", ledger.now_s())
    kept = json.loads((tmp_path / "spring" / "report.json").read_text("utf-8"))
    assert document["jobs"]["cancelled"] == kept["jobs"]["cancelled"] == 1
