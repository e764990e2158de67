"""The arena lets each contender render the same jobs, and counts what came of it."""

import json
from pathlib import Path
from typing import Any

from bench.arena import medians, turned
from bench.arena_page import page
from bench.contenders.starting import read_jobs
from bench.results import markdown
from bench.rounds import ENTRANTS, write_jobs
from jobs.catalogue import builtin
from jobs.job import Job
from producer.manifests import Options, plan
from tests.bench.commands import bench


def test_its_jobs_are_rows_of_a_manifest_in_order(tmp_path: Path) -> None:
    jobs = write_jobs(tmp_path / "jobs.csv", 30)
    found = list(plan(tmp_path / "jobs.csv", Options(), builtin()))
    ours = [each for each in found if isinstance(each, Job)]
    theirs = read_jobs(tmp_path / "jobs.csv")
    assert [job.id for job in ours] == [job.id for job in theirs] == [*jobs.values()]
    assert {job.inputs["prompt"] for job in theirs} == set(jobs)
    assert {job.model for job in theirs} == {job.model for job in ours}


def test_rounds_begin_with_another_contender_each() -> None:
    firsts = {turned(tuple(ENTRANTS), by)[0] for by in range(len(ENTRANTS))}
    assert firsts == set(ENTRANTS)


def test_medians_are_of_each_contender_and_time() -> None:
    runs = [
        {"contender": "a", "median_s": 20.0, "seed": n, "cpu_s_per_1000": cpu}
        for n, cpu in enumerate((3.0, 1.0, 2.0))
    ]
    failed = {"contender": "a", "median_s": 20.0, "failed": "it ended"}
    other = {"contender": "a", "median_s": 60.0, "seed": 7, "cpu_s_per_1000": 9.0}
    found = medians([*runs, failed, other])
    assert [(each["median_s"], each["runs"]) for each in found] == [
        (20.0, 3),
        (60.0, 1),
    ]
    assert [each["cpu_s_per_1000"] for each in found] == [2.0, 9.0]


FIGURES = {
    "broker_cpu_s_per_1000": 0.1,
    "producer_cpu_s_per_1000": 0.1,
    "peak_mb": 80.0,
    "lag_p50_s": 1.0,
    "lag_p95_s": 2.0,
    "lag_max_s": 3.0,
    "wall_s": 70.0,
    "ideal_s": 66.0,
    "lost": 0,
    "server_cores": 0.1,
}


def numbers() -> dict[str, Any]:
    costs = {
        "reelmill": (2.0, 3.0),
        "celery_retry": (20.0, 12.0),
        "httpx_script": (5.0, 12.0),
        "aiohttp_script": (1.5, 12.0),
    }
    return {
        "jobs": 2_000,
        "rounds": 3,
        "poll_s": 5.0,
        "spread": 0.35,
        "video_bytes": 200_000,
        "lesson": 100,
        "visibility_s": 60.0,
        "kill_bound_s": 400.0,
        "machine": {"cores": 2, "python": "3.11"},
        "medians": [
            {"contender": name, "median_s": 60.0, "cpu_s_per_1000": cpu_s}
            | {"gets_per_job": gets}
            | FIGURES
            for name, (cpu_s, gets) in costs.items()
        ],
        "runs": [{"contender": "sdk_threads", "failed": "it ended\nbadly"}],
        "kills": [
            {
                "contender": "reelmill",
                "median_s": 60.0,
                "lost": 0,
                "paid_twice": 1,
            }
        ],
    }


def test_what_is_found_stands_beside_what_is_aimed_at() -> None:
    text = markdown(page(numbers()))
    for line in (
        "| reelmill: CPU of celery_retry's | 60.00 | ≤ 1/8 | 0.100 | yes |",
        "| reelmill: CPU of httpx_script's | 60.00 | ≤ 1/3 | 0.400 | no |",
        "| reelmill: CPU of aiohttp_script's | 60.00 | ≤ 2 | 1.33 | yes |",
        "| reelmill: GETs of a fixed spacing's | 60.00 | ≤ 1/2 | 0.250 | yes |",
        "| reelmill: lost or paid twice after a kill | 60.00 | 0 | 1 | no |",
        "- sdk_threads failed in a run: it ended",
    ):
        assert line in text


def test_contenders_render_each_job_once_and_pages_are_written(
    tmp_path: Path,
) -> None:
    short = "--median-s 0.3 --poll-s 0.2 --rounds 1 --kills 0 --lesson 0"
    who = ("aiohttp_script", "celery_retry", "reelmill")
    run = bench(
        *("arena", "--jobs", "4", "--contenders", *who, *short.split()),
        *("--results", str(tmp_path), "--json", str(tmp_path / "arena.json")),
    )
    assert run.returncode == 0, run.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"arena.json", "arena.md"}
    told = json.loads((tmp_path / "arena.json").read_text("utf-8"))
    for each in told["runs"]:
        ends = ("ended", "lost", "paid_twice", "paid_for_nothing")
        assert [each[end] for end in ends] == [True, 0, 0, 0]
    assert {each["contender"] for each in told["medians"]} == {*who}
    assert "aiohttp_script" in run.stdout
