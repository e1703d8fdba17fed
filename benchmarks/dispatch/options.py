"""What a case starts with: its worker, and how long it waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 6  # seconds without an agent, after which none will come
GONE = 40  # seconds for the server to notice that an agent is gone; it takes 20


@dataclass(frozen=True)
class Worker:
    """How a worker behaves; see worker.py.

    Attributes:
        options: further arguments for WorkerOptions.
        env: further environment variables.
        command: what follows the script's name.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    entrypoint: str = "stays"
    handler: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ("start",)


PLAIN = Worker()
GREETER = Worker(options={"agent_name": "greeter"})
