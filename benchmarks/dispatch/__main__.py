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
import sys
from pathlib import Path
from typing import Any

from benchmarks.dispatch.cases import CASES, Case
from benchmarks.dispatch.page import PAGE, STORED, render, stored_runs
from benchmarks.dispatch.runner import AT_ONCE, Played, environment, play, release_in

SDKS = {"1.0.23": "==1.0.23", "1.8": ">=1.8,<1.9"}


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
    from benchmarks.dispatch.world import find_server, version_of

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
