#!/usr/bin/env bash
# The library of Standard Webhooks signs another moment than the one that it is given.
#
# Expected: a time with a zone names one moment, so a message signed at 12:00 in Berlin has the
# signature of 11:00 UTC. `sign` replaces the zone instead of converting it: the signature is
# that of 12:00 UTC, and `verify` of the same library refuses it beside the right timestamp.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import base64
import sys
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook("whsec_" + base64.b64encode(b"0" * 24).decode())
BODY = '{"status": "completed"}'


def accepted(moment: datetime) -> bool:
    """Whether a message that is signed with a moment is accepted with its timestamp."""
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": webhook.sign("msg_1", moment, BODY),
    }
    try:
        webhook.verify(BODY, headers)
    except WebhookVerificationError as error:
        print(f"    {type(error).__name__}: {error}")
        return False
    return True


now = datetime.now(UTC)
berlin = now.astimezone(timezone(timedelta(hours=1)))
assert berlin == now
print(f"standardwebhooks {version('standardwebhooks')}")
found = {}
for name, moment in (("UTC", now), ("an hour ahead of it", berlin)):
    found[name] = accepted(moment)
    print(f"  the same moment in {name}: {'accepted' if found[name] else 'refused'}")
as_found = list(found.values()) == [True, False]
print("as found" if as_found else "CHANGED")
sys.exit(not as_found)
PYTHON
