"""Run a case with a release of the SDK, in an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.dispatch.cases import Case
from tests.baking import TEMPLATE

ENVIRONMENTS = TEMPLATE / ".cache" / "dispatch"
AT_ONCE = 3  # cases


class Played(NamedTuple):
    """The result of a case with one SDK.

    Attributes:
        detail: a number that differs from run to run, if there is one.
        seconds: how long the agent took, if one came.
    """

    outcome: str
    detail: str = ""
    seconds: float | None = None


def environment(name: str, release: str, *more: str) -> Path:
    """Install this livekit-agents release, and `more` packages; return the environment's Python."""
    folder = ENVIRONMENTS / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = ["uv", "pip", "install", "--quiet", "--upgrade", "--python", str(python)]
    subprocess.run([*install, f"livekit-agents{release}", *more], check=True)
    return python


def release_in(python: Path) -> str:
    code = "from importlib.metadata import version; print(version('livekit-agents'))"
    printed = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return printed.stdout.strip()


async def play(case: Case, server: Path, python: Path) -> Played:
    """Run a case in its own world."""
    from benchmarks.dispatch.world import world  # needs the LiveKit client; --render does not

    try:
        async with world(server, python) as its_world:
            outcome = await case.scenario(its_world, case.worker)
            return Played(outcome, its_world.detail, its_world.seconds)
    except Exception as error:  # the other cases must still run
        print(f"{case.slug}: {error!r}", file=sys.stderr)
        return Played(f"not measured ({type(error).__name__})")
