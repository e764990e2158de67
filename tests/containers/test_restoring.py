"""The documentation has the commands of a backup, in the order of their use."""

import subprocess

from tests.containers.restoring import documented


def test_the_documentation_has_the_commands_of_a_backup() -> None:
    take, put_back = documented()
    assert [line.split()[2] for line in take] == ["exec", "run"]
    steps = [line.split()[2] for line in put_back]
    assert steps == ["stop", "run", "up", "run", "run"]
    for command in (*take, *put_back):
        assert command.startswith("docker compose ")
        subprocess.run(["bash", "-n", "-c", command], check=True)  # noqa: S607 - any bash will do
