"""What prevents a job, with an old and the newest SDK: docs/dispatch.json and docs/dispatch.md.

    uv run python -m benchmarks.dispatch                run all cases, in about seven minutes
    uv run python -m benchmarks.dispatch --only CASE    one case again, with the SDKs of its run
    uv run python -m benchmarks.dispatch --render       only write the page, from the stored runs

Each case has its own LiveKit server, because all unnamed workers of a server share its rooms.
LIVEKIT_SERVER_BIN selects another server, whose run is stored beside the others.
"""

import argparse
import asyncio
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.dispatch_cases import CASES, Case
from benchmarks.dispatch_page import PAGE, STORED, render, stored_runs
from tests.baking import TEMPLATE

SDKS = {"1.0.23": "==1.0.23", "1.8": ">=1.8,<1.9"}
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
    from benchmarks.dispatch_world import world  # needs the LiveKit client; --render does not

    try:
        async with world(server, python) as its_world:
            outcome = await case.play(its_world, case.worker)
            return Played(outcome, its_world.detail, its_world.seconds)
    except Exception as error:  # the other cases must still run
        print(f"{case.slug}: {error!r}", file=sys.stderr)
        return Played(f"not measured ({type(error).__name__})")


async def rows(cases: list[Case], server: Path, pythons: dict[str, Path]) -> dict[str, Any]:
    """Run the cases, several at once."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case, release: str) -> Played:
        async with slots:
            played = await play(case, server, pythons[release])
        print(f"{release:7} {case.slug:24} {played.outcome} {played.detail}", flush=True)
        return played

    async def row(case: Case) -> dict[str, Any]:
        results = await asyncio.gather(*(one(case, release) for release in pythons))
        return {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "outcomes": [played.outcome for played in results],
            "details": [played.detail for played in results],
            "seconds": [played.seconds for played in results],
        }

    measured = await asyncio.gather(*map(row, cases))
    return {case.slug: values for case, values in zip(cases, measured, strict=True)}


def measure(only: str | None) -> list[dict[str, Any]]:
    """Measure all cases or one; return the stored runs with the result."""
    from benchmarks.dispatch_world import find_server, version_of

    server = find_server()
    runs = {run["server"]: run for run in (stored_runs() if STORED.exists() else [])}
    version = version_of(server)
    wanted = SDKS
    if only:
        if version not in runs:
            sys.exit(f"There is no stored run of livekit-server {version}.")
        wanted = {
            name: f"=={release}" for name, release in zip(SDKS, runs[version]["sdks"], strict=True)
        }
    pythons = {
        release_in(python): python
        for python in (environment(name, release) for name, release in wanted.items())
    }
    cases = [CASES[only]] if only else list(CASES.values())
    measured = asyncio.run(rows(cases, server, pythons))
    if only:
        known = runs[version]["rows"] | measured
        runs[version]["rows"] = {slug: known[slug] for slug in CASES if slug in known}
    else:
        runs[version] = {
            "server": version,
            "sdks": list(pythons),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "rows": measured,
        }
    return sorted(runs.values(), key=lambda run: _numbers(run["server"]), reverse=True)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dispatch")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--only", choices=CASES, metavar="CASE", help="run one case again")
    choice.add_argument("--render", action="store_true", help="only write docs/dispatch.md")
    arguments = parser.parse_args()
    if not arguments.render:
        runs = measure(arguments.only)
        STORED.write_text(json.dumps({"runs": runs}, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(stored_runs()), encoding="utf-8")


if __name__ == "__main__":
    main()
