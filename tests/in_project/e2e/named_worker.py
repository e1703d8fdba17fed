# file only 1.8
"""This project's worker, given a name by something else: at its start, or when it registers.

This imitates livekit-agents after 1.8.9, which reads `[agent] name` from livekit.toml.
"""

import os
from typing import Any

from livekit.agents import cli

from app.agent import server
from app.dispatch.names import NAME_OF_WORKER

run, register = server.run, server._handle_register


async def run_with_name(**arguments: Any) -> None:
    setattr(server, NAME_OF_WORKER, "from-livekit-toml")
    await run(**arguments)


def register_with_name(answer: Any) -> None:
    setattr(server, NAME_OF_WORKER, "from-nowhere")
    register(answer)


if os.environ["NAMED"] == "as it starts":
    server.run = run_with_name  # type: ignore[method-assign]
else:
    server._handle_register = register_with_name  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    cli.run_app(server)
