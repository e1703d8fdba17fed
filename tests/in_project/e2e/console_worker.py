"""This project's worker as `python -m livekit.agents` finds it, with fake models if it needs some."""

import importlib

from app.agent import server
from tests.e2e.programs import WORKER

importlib.import_module(WORKER)
__all__ = ["server"]
