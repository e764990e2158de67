from jobs.attempt.links import Link
from jobs.ledger import Ledger

NOW_S = 1_800_000_000.0


def test_a_link_is_found_by_its_content_and_account(ledger: Ledger) -> None:
    ledger.links.keep("a1", "aa", "https://files.example/ä.jpg", NOW_S)
    found = ledger.links.find("a1", ["aa", "bb"])
    assert found == {"aa": Link("https://files.example/ä.jpg", NOW_S)}
    assert ledger.links.find("a2", ["aa"]) == {}
    assert ledger.links.find("a1", []) == {}


def test_the_newest_link_counts_until_it_is_forgotten(ledger: Ledger) -> None:
    ledger.links.keep("a1", "aa", "https://files.example/1", NOW_S)
    ledger.links.keep("a1", "aa", "https://files.example/2", NOW_S + 1)
    assert ledger.links.find("a1", ["aa"])["aa"].until_s == NOW_S + 1
    ledger.links.forget("a1", ["aa", "bb"])
    ledger.links.forget("a1", [])
    assert ledger.links.find("a1", ["aa"]) == {}


def test_only_old_links_are_dropped(ledger: Ledger) -> None:
    contents = [f"{number:064x}" for number in range(600)]
    for number, content in enumerate(contents):
        ledger.links.keep("a1", content, "https://files.example/x", NOW_S + number)
    assert len(ledger.links.find("a1", contents)) == 600
    ledger.links.forget_old("a1", NOW_S + 300)
    assert sorted(ledger.links.find("a1", contents)) == contents[301:]
    ledger.links.forget_old("a2", NOW_S)
