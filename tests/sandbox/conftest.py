from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.desk import Desk, open_desk
from tests.sandbox.running import RunningSandbox, running_sandbox


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def process() -> Iterator[RunningSandbox]:
    """A real process, shared by the tests of a module; predictions take no time."""
    with running_sandbox(
        generation_s=0.0, quality="small", webhook_retry_s=0.02
    ) as sandbox:
        yield sandbox
