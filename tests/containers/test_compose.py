"""The compose file by itself: its form, who may reach what, what is demanded."""

import re
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jobs.settings import Settings
from tests.containers.files import (
    COMPOSE,
    EXAMPLE,
    OURS,
    ROOT,
    SERVICES,
    TEXT,
    command_of,
    dockerfile,
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
    assert "USER reelmill" in dockerfile() if name in OURS else service["user"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_whoever_is_waited_for_can_say_that_it_is_well(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert "healthcheck" in SERVICES[other]
        # Who only some people start must not keep the others waiting for ever.
        assert ("profiles" in SERVICES[other]) == (how.get("required") is False)
        assert {*SERVICES[name]["networks"]} & {*SERVICES[other]["networks"]}


def test_only_those_who_store_reach_the_unguarded_ports_of_the_store() -> None:
    reach = {name for name, each in SERVICES.items() if "store" in each["networks"]}
    assert reach == {"s3", "worker", "scheduler"}


def test_the_ledger_has_room_to_rewrite_its_file() -> None:
    words = " ".join(command_of("valkey"))
    (most,) = re.findall(r"--maxmemory (\d+)gb", words)
    assert int(SERVICES["valkey"]["mem_limit"].removesuffix("g")) >= 2 * int(most)


def test_a_stop_waits_for_what_a_worker_has_begun() -> None:
    grace_s = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > Settings.model_fields["stop_s"].default
    assert grace_s > Settings.model_fields["submit_timeout_s"].default


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
