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
    """Run a script of this folder, or a module of the project's tests; yield what it prints.

    It runs in a new project with this assistant.

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
        what = [str(script)] if script.suffix == ".py" else ["-m", name]
        command = ["uv", "run", "--quiet", "python", *what, *arguments]
        with subprocess.Popen(
            command, cwd=project, env=env, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout
            yield from running.stdout
        if running.returncode:
            sys.exit(running.returncode)
