"""`check`: every problem of a manifest, before anything is spent."""

from contextlib import closing

from producer import console, problems
from producer.console import print_json
from producer.exits import Exit
from producer.options import READING, Json, Manifest, Reading, chosen_settings
from producer.submit import read


def check(
    manifest: Manifest, /, *, reading: Reading = READING, json: Json = False
) -> int:
    """Name every problem of every row, with file, line and column; spends nothing.

    Looks at every picture too, unless told `--no-look`.

        reelmill check products.csv
        reelmill check shop.csv --model kling-v2.6-std --prompt "{{ title }} turning"

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        json: Print the problems as JSON.
    """
    with closing(read(manifest, reading, chosen_settings(), whole=False)) as found:
        if json:
            listed = problems.document(found.problems)
            print_json({"jobs": found.jobs, "skipped": dict(found.skipped)} | listed)
        elif found.problems.count:
            problems.print_problems(found.problems, console.out)
        else:
            rows = "1 row is" if found.jobs == 1 else f"{found.jobs} rows are"
            then = f"; reelmill price {manifest} tells the cost"
            console.tell(f"{rows} in order{then if manifest != '-' else ''}")
        return Exit.USAGE if found.problems.count else Exit.STORED
