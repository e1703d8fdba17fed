"""This project's worker, where `python -m livekit.agents` finds it; with fake models for pipeline."""

import importlib

from app.agent import server
from tests.e2e.programs import WORKER

importlib.import_module(WORKER)
__all__ = ["server"]
