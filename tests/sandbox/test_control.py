from tests.sandbox.desk import Desk


def test_fresh_books_are_empty_and_hold_the_balance(desk: Desk) -> None:
    books = desk.books()
    assert books["balance_usd_micros"] == 1_000_000_000
    assert (books["predictions"], books["requests"], books["rows"]) == (0, {}, [])
    assert "rows" not in desk.ask("GET", "/sandbox/books", None).json()


def test_questions_and_answers_are_counted_by_route(desk: Desk) -> None:
    started = desk.start()
    desk.result(started)
    desk.ask("POST", "/api/v3/none")
    desk.ask("GET", "/api/v3/balance", None)
    books = desk.books()
    assert books["requests"] == {"submit": 2, "result": 1, "balance": 1}
    assert books["answers"] == {"200": 2, "404": 1, "401": 1}


def test_each_key_has_its_own_sheet(desk: Desk) -> None:
    desk.submit(key="one")
    desk.submit(key="two")
    desk.submit(key="two")
    books = desk.books()
    sheets = books["by_key"].values()
    assert [sheet["predictions"] for sheet in sheets] == [1, 2]
    assert (books["predictions"], books["worst_60s_starts"]) == (3, 2)
    assert books["balance_usd_micros"] == 2_000_000_000 - 3 * 210_000


def test_settings_are_read_and_changed_while_it_runs(desk: Desk) -> None:
    path = "/sandbox/settings"
    changes = {"history_lag_s": 2.5, "submit_429": 1}
    answer = desk.ask("POST", path, None, json=changes)
    assert answer.json() == desk.ask("GET", path, None).json()
    assert answer.json()["history_lag_s"] == 2.5
    assert desk.submit().status_code == 429
    wrong = desk.ask("POST", path, None, json={"submit_429": 0, "tire": "gold"})
    assert (wrong.status_code, "tire: no such" in wrong.text) == (400, True)
    assert desk.submit().status_code == 429


def test_it_says_that_it_is_there(desk: Desk) -> None:
    assert desk.ask("GET", "/sandbox/health", None).json() == {"ok": True}


def test_what_is_not_there_is_told_in_json(desk: Desk) -> None:
    missing = desk.ask("GET", "/api/v9/x")
    assert (missing.status_code, missing.json()["code"]) == (404, 404)
    wrong = desk.ask("PUT", "/api/v3/balance")
    assert (wrong.status_code, wrong.json()["code"]) == (405, 405)
