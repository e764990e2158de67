"""What a backup is put back with: commands of the documentation, and a table."""

import subprocess

from tests.containers.restoring import decide, documented


def test_the_documentation_has_the_commands_of_a_backup() -> None:
    take, put_back = documented()
    assert [line.split()[2] for line in take] == ["exec", "run"]
    steps = [line.split()[2] for line in put_back]
    assert steps == ["stop", "run", "up", "run", "run"]
    for command in (*take, *put_back):
        assert command.startswith("docker compose ")
        subprocess.run(["bash", "-n", "-c", command], check=True)  # noqa: S607 - any bash will do


def test_a_row_is_settled_by_its_prompt() -> None:
    table = (
        "job,prediction,candidates,model,prompt,picture\na,,x y,m,p 1,\nb,,x y,m,p 2,\n"
    )
    assert decide(table, {"p 2": "y"}).split() == ["job,prediction", "a,absent", "b,y"]
