"""Run a part of a benchmark in a baked project."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.baking import TEMPLATE, add_tests, bake, clean_environment

BENCHMARKS = TEMPLATE / "benchmarks"


def lines_of(name: str, *arguments: str, assistant: str = "keyless") -> Iterator[str]:
    """Run a script of this folder in a new project with this assistant; yield what it prints.

    Raises:
        SystemExit: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = BENCHMARKS / name
        project = add_tests(bake(Path(folder), assistant=assistant)).path
        env = clean_environment(
            PYTHONPATH=os.pathsep.join(map(str, (project, script.parent, BENCHMARKS))),
            PYTHONUNBUFFERED="1",
        )
        command = ["uv", "run", "--quiet", "python", str(script), *arguments]
        with subprocess.Popen(
            command, cwd=project, env=env, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout
            yield from running.stdout
        if running.returncode:
            sys.exit(running.returncode)
