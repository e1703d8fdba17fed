"""What goes wrong, what plain LiveKit does then, and what a baked project does: a table.

    uv run python -m benchmarks.reliability

Each fault happens on a real LiveKit server, once with DISPATCH_ENSURE=false
and once without. Takes about ten minutes, and writes the table into docs/reliability.md.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.baking import TEMPLATE, bake, clean_environment

PAGE = TEMPLATE / "docs" / "reliability.md"
HEAD = "| What goes wrong | Plain LiveKit | This project |\n|---|---|---|\n"


def main() -> int:
    here = TEMPLATE / "benchmarks"
    with tempfile.TemporaryDirectory() as folder:
        project = bake(Path(folder)).path
        env = clean_environment(PYTHONPATH=os.pathsep.join((str(project), str(here))))
        command = ["uv", "run", "--quiet", "python", str(here / "reliability_in_project.py")]
        rows = []
        with subprocess.Popen(
            command, cwd=project, env=env, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout
            for line in running.stdout:
                if line.startswith("| "):
                    rows.append(line)
                    print(line, end="", flush=True)
    if not running.returncode:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(re.sub(r"(?m)(^\|.*\n)+", HEAD + "".join(rows), text, count=1))
    return running.returncode


if __name__ == "__main__":
    sys.exit(main())
