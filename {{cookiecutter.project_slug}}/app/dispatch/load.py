"""The load that a worker reports, capped so that LiveKit never skips the worker."""

import logging
import time
from typing import Any

from livekit.agents import WorkerOptions
from prometheus_client import Gauge

from app.dispatch.policy import LOAD_LIMIT, TARGET_LOAD

logger = logging.getLogger("app.dispatch.load")

# Not in app/observability/metrics.py: the token backend would export it as well, as 0.
WORKER_LOAD = Gauge("app_worker_load", "Share of the worker's CPU in use, 0 to 1")

WARN_EVERY_SECONDS = 60
_warned_at = -float(WARN_EVERY_SECONDS)


def report_load(worker: Any) -> float:
    """Return the share of this machine's CPU in use, from 0 to just under LiveKit's target load.

    LiveKit offers a room once, to a worker below the target. If none is, the person stays alone.
    The cap only matters then, because LiveKit prefers less busy workers. docs/observability.md says
    how to refuse rooms instead.
    """
    global _warned_at
    machine_load: Any = WorkerOptions.load_fnc  # the SDK's own measurement
    load: float = machine_load(worker)
    WORKER_LOAD.set(load)
    if load >= TARGET_LOAD and time.monotonic() - _warned_at >= WARN_EVERY_SECONDS:
        _warned_at = time.monotonic()
        logger.warning("This machine is busy (load %.2f): start another worker elsewhere", load)
    return min(load, LOAD_LIMIT)
