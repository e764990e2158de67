#!/usr/bin/env bash
# Makes the pictures of the documentation anew: `make pictures`. Needs chromium.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
REELMILL_HOME=home REELMILL_STORE=videos "$root/.venv/bin/reelmill" demo
report=$(echo "$work"/videos/demo/*/report.html)
# Without a network of its own; root needs --no-sandbox.
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync \
  --user-data-dir="$work/profile" --window-size=1100,1500 --virtual-time-budget=8000 \
  --screenshot="$work/report.png" "file://$report"
"$root/.venv/bin/python" - "$work/report.png" "$root/docs/pictures/report.png" <<'PY'
import sys
from PIL import Image

Image.open(sys.argv[1]).convert("P", palette=Image.Palette.ADAPTIVE, colors=200).save(
    sys.argv[2], optimize=True
)
PY
