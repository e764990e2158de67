"""TAB: the scripts that shells are given, and ids that only reelmill knows."""

import shutil
import subprocess

import pytest

from tests.producer.running import REELMILL, Desk, desk

BASH = shutil.which("bash") or "bash"

#: What a shell asks for, and what it must be offered among the rest.
ASKED = {
    "reelmill ''": {"run", "list", "schedule", "completion"},
    "reelmill sche": {"schedule", "scheduler"},
    "reelmill schedule ''": {"add", "list", "remove", "run-now"},
    "reelmill run pro": {"products.csv"},
    "reelmill run products.csv --bud": {"--budget"},
    "reelmill completion z": {"zsh"},
    "reelmill models ''": {"list", "show", "refresh"},
    "reelmill models show kling-v3": {"kling-v3.0-std"},
    "reelmill show sp": {"spring-1f0c33ab"},
    "reelmill watch spring-1f0c33ab sp": {"spring-1f0c33ab"},
}

SCRIPT = """
source <("$REELMILL" completion bash)
complete -p reelmill
ask() {
  COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
  _reelmill
  echo "${COMPREPLY[*]}"
}
"""


def test_bash_completes_commands_options_files_and_ids() -> None:
    with desk() as place:
        place.write("products.csv", "")
        for name, file in (("spring-1f0c33ab", "report.json"), ("other", "x.json")):
            (place.store / name).mkdir(parents=True)
            (place.store / name / file).touch()
        path = f"{REELMILL.parent}:{place.environment['PATH']}"
        answer = subprocess.run(
            [BASH, "--norc", "-c", SCRIPT + "".join(f"ask {a}\n" for a in ASKED)],
            cwd=place.folder,
            env={**place.environment, "REELMILL": str(REELMILL), "PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        # Nothing was made or started for somebody who only pressed a key.
        assert not place.home.exists()
    registered, *offered = answer.stdout.splitlines()
    assert registered == "complete -o default -F _reelmill reelmill"
    assert answer.stderr == ""
    for asked, answered in zip(ASKED.items(), offered, strict=True):
        assert asked[1] <= set(answered.split()), asked
    assert "other" not in answer.stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_with_every_command(shell: str) -> None:
    with desk() as place:
        script = place.here("completion", shell).out
        for word in ("run", "run-now", "resolve", "--budget", "__complete"):
            assert word in script
        assert names_no_folder_of(place, script)


def names_no_folder_of(place: Desk, script: str) -> bool:
    return str(place.folder) not in script and str(REELMILL.parent) not in script
