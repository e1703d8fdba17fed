"""How many of ten rooms that open at once get an agent: this project beside the SDK's own settings.

    uv run python -m benchmarks.burst

One worker each, in `start` mode, and a server that passes over no worker, whatever load it reports:
what is seen is what the worker itself refuses.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.baking import TEMPLATE, bake, clean_environment


def main() -> int:
    here = TEMPLATE / "benchmarks"
    with tempfile.TemporaryDirectory() as folder:
        project = bake(Path(folder)).path
        env = clean_environment(PYTHONPATH=os.pathsep.join((str(project), str(here))))
        command = ["uv", "run", "--quiet", "python", str(here / "burst_in_project.py")]
        return subprocess.run(command, cwd=project, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
