"""The compose file by itself: its form, who may reach what, what is demanded."""

import re
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jobs.broker import QUEUE
from jobs.settings import Settings
from producer.worker import celery_command
from tests.containers.files import (
    COMPOSE,
    EXAMPLE,
    OURS,
    ROOT,
    SERVICES,
    TEXT,
    command_of,
    dockerfile,
    volumes,
)

SETTINGS = {str(field.alias) for field in Settings.model_fields.values()}

#: What each service must say, and what it must say of it.
HARDENED = {
    "restart": "unless-stopped",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_hardened_limited_and_heard_on_this_machine_alone(
    name: str,
) -> None:
    service = SERVICES[name]
    assert {word: service.get(word) for word in HARDENED} == HARDENED
    assert {"pids_limit", "mem_limit", "cpus", "networks"} <= service.keys()
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_runs_as_root(name: str) -> None:
    if name not in OURS:
        assert SERVICES[name]["user"]
        return
    assert "USER reelmill" in dockerfile()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_whoever_is_waited_for_can_say_that_it_is_well(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert "healthcheck" in SERVICES[other]
        # Who only some people start must not keep the others waiting for ever.
        assert ("profiles" in SERVICES[other]) == (how.get("required") is False)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_whoever_needs_another_is_on_a_network_with_it(name: str) -> None:
    here = set(SERVICES[name]["networks"])
    for other in SERVICES[name].get("depends_on", {}):
        assert here & set(SERVICES[other]["networks"])
    assert here <= set(COMPOSE["networks"])


def test_only_those_who_store_reach_the_unguarded_ports_of_the_store() -> None:
    reach = {name for name, each in SERVICES.items() if "store" in each["networks"]}
    assert reach == {"s3", "worker", "scheduler"}


def test_workers_take_from_the_queue_that_is_filled() -> None:
    assert command_of("worker")[:2] == ["reelmill", "worker"]
    words = celery_command("w", 1, "INFO")
    assert words[words.index("--queues") + 1] == QUEUE


def test_the_ledger_has_room_to_rewrite_its_file() -> None:
    words = " ".join(command_of("valkey"))
    (most,) = re.findall(r"--maxmemory (\d+)gb", words)
    assert int(SERVICES["valkey"]["mem_limit"].removesuffix("g")) >= 2 * int(most)


def test_a_stop_waits_for_what_a_worker_has_begun() -> None:
    grace_s = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > Settings.model_fields["stop_s"].default
    assert grace_s > Settings.model_fields["submit_timeout_s"].default


def test_every_volume_with_a_name_is_declared() -> None:
    named = {v.partition(":")[0] for v in volumes() if not v.startswith(("/", "."))}
    assert named == set(COMPOSE["volumes"])


def test_the_image_is_built_once_and_never_sought_elsewhere() -> None:
    built = [name for name, service in SERVICES.items() if "build" in service]
    assert built == ["worker"]
    build = SERVICES["worker"]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    for name in OURS:
        # `build` would build before each `docker compose run`, too, and Compose writes
        # of that to where the command's own output goes.
        assert SERVICES[name]["pull_policy"] == "never"


def test_no_container_leaves_a_volume_without_a_name_behind() -> None:
    assert [each for each in volumes() if ":" not in each] == []


#: Settings that mean nothing in a container, or that the file itself decides.
NOT_PASSED_ON = {"REELMILL_HOME", "REELMILL_SERVER"}


def test_every_setting_reaches_the_containers() -> None:
    passed_on = {name for name in COMPOSE["x-settings"] if name in SETTINGS}
    assert passed_on == SETTINGS - NOT_PASSED_ON


def test_a_container_gets_settings_that_exist() -> None:
    """Reelmill refuses to start with a variable of its own that it does not know."""
    for service in SERVICES.values():
        ours = {n for n in service.get("environment", {}) if n.startswith("REELMILL_")}
        assert ours <= SETTINGS
    for name in ("worker", "scheduler"):
        assert set(SERVICES[name]["environment"]) >= {
            *("WAVESPEED_API_KEY", "WAVESPEED_BASE_URL", "AWS_ENDPOINT_URL"),
            *("REELMILL_REDIS_URL", "REELMILL_STORE", "REELMILL_TIER"),
        }


def test_who_only_shows_gets_no_key_of_the_account() -> None:
    for name in ("flower", "metrics"):
        assert "WAVESPEED_API_KEY" not in SERVICES[name]["environment"]
        assert "AWS_SECRET_ACCESS_KEY" not in SERVICES[name]["environment"]


def test_the_example_environment_names_what_compose_reads() -> None:
    named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
    passed = {n for n, v in COMPOSE["x-settings"].items() if v is None}
    read = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT))
    # It names the profiles, which compose reads for itself.
    assert named - {"COMPOSE_PROFILES"} == passed | read
    assert {n for n in named if n.startswith("REELMILL_")} <= SETTINGS


def test_the_example_environment_fits_the_store_that_is_started() -> None:
    given = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    s3 = SERVICES["s3"]
    assert given["COMPOSE_PROFILES"] in s3["profiles"]
    assert given["REELMILL_STORE"] == f"s3://{s3['environment']['S3_BUCKET']}"
    assert given["AWS_ENDPOINT_URL"] == "http://s3:8333"
    assert "-s3.port=8333" in s3["command"][0]


@pytest.mark.parametrize(
    "name", ["WAVESPEED_API_KEY", "VALKEY_PASSWORD", "FLOWER_BASIC_AUTH"]
)
def test_a_secret_is_never_written_down(name: str) -> None:
    assert f"${{{name}:?" in TEXT
    assert f"\n{name}=\n" in EXAMPLE


def test_what_the_image_copies_is_there_and_not_left_out() -> None:
    let_in = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [line for line in dockerfile() if line.startswith("COPY")]
    sources = [
        source
        for line in copied
        if "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert {"jobs", "producer", "worker", "sandbox"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source.split('/')[0]}" in let_in


def test_the_image_installs_from_files_that_hold_hashes() -> None:
    installs = [line for line in dockerfile() if "pip install" in line]
    files = [name for line in installs for name in re.findall(r"-r (\S+)", line)]
    made = [name for line in installs for name in re.findall(r"> (\S+)", line)]
    assert ".constraints/run.txt" in files
    for name in files:
        assert name in made or (ROOT / name).is_file()
    for line in installs:
        assert "--require-hashes" in line or "--no-deps" in line


def test_the_dashboard_installs_all_that_flower_needs() -> None:
    """Here as well as in the image, where pip would refuse a list that is too short."""
    listed = next(line for line in dockerfile() if "keep = /^(" in line)
    names = set(re.findall(r"\(([a-z|-]+)\)==", listed)[0].split("|"))
    locked = (ROOT / ".constraints" / "run.txt").read_text("utf-8")
    always = set(re.findall(r"^([a-z0-9-]+)==", locked, re.MULTILINE))
    assert names == needs("flower") - always


def needs(name: str) -> set[str]:
    """A distribution and all that it needs here, by name."""
    found: set[str] = set()
    open_names = {canonicalize_name(name)}
    while open_names:
        found |= open_names
        wanted = [Requirement(r) for n in open_names for r in requires(n) or []]
        here = [w for w in wanted if not w.marker or w.marker.evaluate({"extra": ""})]
        open_names = {canonicalize_name(w.name) for w in here} - found
    return found


def test_the_dashboard_is_the_same_in_a_container_and_on_a_desk() -> None:
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    desk = set(re.findall(r"--[a-z-]+(?:=\S+)?", text[text.index(" flower --") :]))
    options = {word for word in command_of("flower") if word.startswith("--")}
    own = {"--read-only", "--persistent=True", "--state-save-interval=3000"}
    assert own <= options
    places = ("--db=", "--address=")
    assert {o for o in options if not o.startswith(places)} <= desk
