"""What goes wrong, and what plain LiveKit and a baked project do about it: docs/reliability.md.

    uv run python -m benchmarks.reliability                  every fault, in about 25 minutes
    uv run python -m benchmarks.reliability --only FAULT …   some of them, into the stored run
    uv run python -m benchmarks.reliability --render         only the page, from the stored run

Each fault happens on a real LiveKit server, once in a project as it is and once in plain LiveKit.
Writes docs/reliability.json after each row, so an interrupted run can continue with --only. Then
writes docs/reliability.md.
"""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.baked import lines_of
from benchmarks.reliability.page import (
    PAGE,
    STORED,
    TWO_PROJECTS,
    render,
    sentences,
    stored_run,
)
from tests.baking import add_tests, bake, clean_environment


def measure(faults: list[str], is_whole: bool) -> None:
    """Measure each of `faults`, and add it to the stored run."""
    run = {"rows": []} if is_whole else stored_run()
    order = sentences()
    for measured in measurements(faults):
        print(json.dumps(measured), flush=True)
        if "fault" not in measured:
            if not is_whole and run | measured != run:
                sys.exit(f"The stored run has other releases than {measured}: run without --only.")
            run |= measured
            continue
        name = measured["fault"]
        measured |= {
            "sentence": order[name],
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        rows = {row["fault"]: row for row in run["rows"]} | {name: measured}
        run["rows"] = [rows[fault] for fault in order if fault in rows]
        STORED.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def measurements(faults: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the releases, then a row for each of `faults`."""
    for text in lines_of("reliability/in_project.py", *faults):
        if text.startswith(('{"agents"', '{"fault"')):  # workers also log JSON
            yield json.loads(text)
    if TWO_PROJECTS in faults:
        yield {
            "fault": TWO_PROJECTS,
            "plain": two_projects(plain="true"),
            "ours": two_projects(plain=""),
        }


def two_projects(plain: str) -> Any:
    """Return the outcome for two explicit projects."""
    with tempfile.TemporaryDirectory() as folder:
        projects = [
            add_tests(bake(Path(folder), project_name=name, dispatch="explicit")).path
            for name in ("Concierge", "Sales")
        ]
        arguments = [text for path in projects for text in (str(path), path.name)]
        printed = subprocess.run(
            ["uv", "run", "--quiet", "python", "-m", "tests.e2e.two_projects", *arguments],
            cwd=projects[0],
            env=clean_environment(PLAIN=plain),
            stdout=subprocess.PIPE,
            text=True,
            check=False,  # plain LiveKit fails
        ).stdout
    return json.loads(printed.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability")
    choice = parser.add_mutually_exclusive_group()
    known = list(sentences())
    choice.add_argument("--only", choices=known, nargs="+", metavar="FAULT", help=", ".join(known))
    choice.add_argument("--render", action="store_true", help="only write docs/reliability.md")
    arguments = parser.parse_args()
    if not arguments.render:
        measure(arguments.only or known, is_whole=not arguments.only)
    PAGE.write_text(render(stored_run()), encoding="utf-8")


if __name__ == "__main__":
    main()
