"""A worker that kills itself: `celery -A tests.chaos.killing worker`.

It is the real worker, armed with the points of `deaths` that its environment names;
whichever is reached first ends it.
"""

import json
import os

from tests.chaos.deaths import KILL, arm
from worker.app import app

__all__ = ["app"]

for _name, _count in json.loads(os.environ[KILL]).items():
    arm(_name, _count)
