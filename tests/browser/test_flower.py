"""The dashboard: tasks of a batch by name, jobs and state, and no way to act."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from jobs.states import State
from tests.browser.running import PASSWORD, USER, browser, flower
from tests.fleet.running import API_KEY, Fleet, fleet
from tests.fleet.running import PASSWORD as LEDGER_PASSWORD
from tests.producer.running import quick_sandbox, until

pytestmark = pytest.mark.browser

TASKS = {"submit", "poll", "collect", "finish"}


@dataclass(frozen=True, slots=True)
class Watched:
    """A fleet that has rendered something while the dashboard looked on."""

    fleet: Fleet
    url: str
    browser: Browser

    def page(self, path: str) -> Page:
        """A page of the dashboard, as somebody sees it who knows the password."""
        page = self.browser.new_page(
            http_credentials={"username": USER, "password": PASSWORD, "send": "always"}
        )
        page.goto(f"{self.url}{path}")
        return page


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with (
        quick_sandbox("--key", API_KEY) as sandbox,
        fleet(sandbox) as made,
        flower(made.place.folder, made.place.environment) as url,
        browser() as started,
    ):
        made.ready(made.worker())
        # The dashboard asks each worker for its events, every 5 s.
        until(lambda: "enabled by remote" in made.said())
        for count, batch in ((4, "spring-shoes"), (2, "autumn")):
            made.order(count, batch)
            made.until_all_stored()
        yield Watched(made, url, started)


def test_tasks_of_a_batch_are_seen_by_name_jobs_and_state(watched: Watched) -> None:
    assert watched.fleet.count(State.STORED) == 6
    page = watched.page("/tasks")
    page.get_by_placeholder("state:FAILURE").fill("args:spring-shoes")
    rows = page.locator("#tasks-table tbody tr")
    expect(rows.filter(has_text="spring-shoes").first).to_be_visible()
    expect(rows.filter(has_text="autumn")).to_have_count(0)
    for task in TASKS:
        of_batch = rows.filter(has_text=f"reelmill.{task}").first
        expect(of_batch).to_contain_text("spring-shoes")
        expect(of_batch).to_contain_text("SUCCESS")
    seen = page.locator("#tasks-table tbody").inner_text()
    for number in range(4):
        assert f"r{number}" in seen


def test_a_worker_is_seen_at_work_and_no_secret_with_it(watched: Watched) -> None:
    page = watched.page("/workers")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("w0@")
    for path in (
        "/workers",
        f"/worker/{row.locator('a').first.inner_text()}",
        "/broker",
    ):
        page.goto(f"{watched.url}{path}")
        text = page.content()
        assert LEDGER_PASSWORD not in text
        assert API_KEY not in text


def test_nobody_sees_anything_without_the_password(watched: Watched) -> None:
    nobody = watched.browser.new_context().request
    for path in ("/", "/tasks", "/workers", "/broker", "/api/tasks"):
        assert nobody.get(f"{watched.url}{path}").status == 401


def test_nothing_can_be_ordered_from_it(watched: Watched) -> None:
    answer = watched.page("/workers").request.post(
        f"{watched.url}/api/task/async-apply/reelmill.submit", data="{}"
    )
    assert answer.status == 403
