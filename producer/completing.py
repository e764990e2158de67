"""What a shell is offered at TAB; nothing is started for it, and errors are silent."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

from cyclopts import App

from jobs.catalogue import builtin
from jobs.ledger import Ledger, LedgerError, connect
from jobs.settings import Settings
from jobs.storage import StoreError, parse
from producer import model_list
from producer.exits import CommandError
from producer.options import chosen_settings

#: Batches that are offered, the newest ones.
MAX_OFFERED = 50

#: A ledger that needs longer is not waited for.
TIMEOUT_S = 1.0


def script(app: App, shell: Literal["bash", "zsh", "fish"]) -> str:
    """What a shell must read so as to complete `reelmill`."""
    made = app.generate_completion(prog_name="reelmill", shell=shell)
    if shell == "bash":
        # Where nothing of ours is meant, such as after --store, it is a file.
        plain = "complete -F _reelmill reelmill"
        return made.replace(plain, "complete -o default -F _reelmill reelmill")
    return made


def batches() -> list[str]:
    """Ids of the newest batches that can be known without starting anything."""
    with suppress(CommandError, LedgerError, StoreError, OSError):
        chosen = chosen_settings()
        with _running_ledger(chosen) as ledger:
            if ledger:
                found, _ = ledger.batches.page(0, MAX_OFFERED)
                return [batch.id for batch in found]
        return _reported(chosen)
    return []


def models() -> list[str]:
    """Short names of the models, those of the kept list too."""
    found = builtin()
    with suppress(CommandError):
        if copy := model_list.kept(chosen_settings()):
            found = copy.catalogue
    return [model.name for model in found.models.values()]


def schedules() -> list[str]:
    """Names of the schedules of a fleet."""
    with suppress(CommandError, LedgerError, OSError):
        with _running_ledger(chosen_settings()) as ledger:
            everyone = ledger.schedules.all() if ledger else []
        return [standing.schedule.name for standing in everyone]
    return []


@contextmanager
def _running_ledger(chosen: Settings) -> Iterator[Ledger | None]:
    """The ledger, if one serves; a private one serves only beside a run."""
    if not chosen.redis_url and not chosen.socket_path.exists():
        yield None
        return
    with closing(connect(chosen.ledger_url, timeout_s=TIMEOUT_S)) as ledger:
        yield ledger


def _reported(chosen: Settings) -> list[str]:
    """Batches that have a report in the folder where the videos are."""
    kind, place = parse(chosen.store)
    found = Path(place).glob("*/report.json") if kind == "file" else []
    newest = sorted(found, key=lambda path: -path.stat().st_mtime)
    return [path.parent.name for path in newest[:MAX_OFFERED]]
