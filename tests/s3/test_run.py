"""`reelmill run` with a bucket for a store, from end to end."""

import json
import uuid

from jobs.storage import Store
from tests.producer.running import as_csv, desk, quick_sandbox, rows
from tests.s3.server import BUCKET, S3


def test_a_batch_goes_to_a_bucket_with_its_report_and_is_reused_from_there(
    s3: S3,
) -> None:
    name = uuid.uuid4().hex[:8]
    url = f"s3://{BUCKET}/{name}"
    with (
        quick_sandbox() as sandbox,
        desk(sandbox, **s3.environment()) as place,
    ):
        table = rows(sandbox, 6)
        first = place.run(place.write("a.csv", as_csv(table)), "--store", url, "--json")
        assert first.code == 0, first.err
        document = first.json()
        batch = document["batch"]
        store = Store(url)
        report = json.loads(store.get(f"{batch}/report.json") or b"")
        assert report["jobs"]["stored"] == 6
        for row in report["rows"]:
            assert row["video"] == f"{url}/{row['key']}"
            assert store.size_bytes(row["key"]) == row["bytes"]
        kept = {key.rpartition(".")[2] for key in s3.keys(f"{name}/{batch}")}
        assert kept == {"mp4", "json", "jpg", "csv", "html"}
        assert not place.store.exists()

        # The next night asks for the same and for one more: only that is to pay.
        store.remove(report["rows"][0]["key"])
        more = [*table, *({**row, "id": "new", "prompt": "new"} for row in table[:1])]
        night = place.write("b.csv", as_csv(more))
        priced = place.here("price", night, "--store", url, "--json").json()
        assert (priced["videos"], priced["reused"]) == (6 + 1, 6 - 1)
