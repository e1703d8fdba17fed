"""The load that a worker reports, so that LiveKit never passes over it."""

import logging
import time
from typing import Any

from livekit.agents import WorkerOptions
from prometheus_client import Gauge

from app.dispatch.policy import LOAD_LIMIT, TARGET_LOAD

logger = logging.getLogger("app.dispatch.load")

# Not in app/observability/metrics.py: the token backend would show it as well, as 0.
WORKER_LOAD = Gauge("app_worker_load", "Share of the worker's processors in use, 0 to 1")

WARN_EVERY_SECONDS = 60
_warned_at = -float(WARN_EVERY_SECONDS)


def report_load(worker: Any) -> float:
    """The share of this machine's processors in use, from 0 to just under LiveKit's target load.

    LiveKit offers a room once, to a worker below the target. If all are above, nobody is asked, and
    a person stays alone. Among workers below it, LiveKit prefers the less busy one, so the limit
    changes nothing as long as one of them is. docs/observability.md says how to refuse rooms.
    """
    global _warned_at
    machine_load: Any = WorkerOptions.load_fnc  # what the SDK itself would report
    load: float = machine_load(worker)
    WORKER_LOAD.set(load)
    if load >= TARGET_LOAD and time.monotonic() - _warned_at >= WARN_EVERY_SECONDS:
        _warned_at = time.monotonic()
        logger.warning("This machine is busy (load %.2f): start another worker elsewhere", load)
    return min(load, LOAD_LIMIT)
