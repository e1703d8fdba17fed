# file only 1.8
"""The worker where `python -m livekit.agents` finds it; for pipeline, with fake models."""

import importlib

from app.agent import server
from tests.e2e.programs import WORKER

importlib.import_module(WORKER)
__all__ = ["server"]
