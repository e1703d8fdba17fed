"""Whatever a client sends to a baked token backend, it gets a token or a reason."""

import re
import subprocess
import sys
from pathlib import Path

from tests.baking import BakedProject, clean_environment

SCRIPT = Path(__file__).with_name("fuzz_in_project.py")


def test_no_request_makes_it_fail_hang_or_tell_its_secret(automatic: BakedProject) -> None:
    result = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=automatic.path,
        env=clean_environment(PYTHONPATH=str(automatic.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout[-3000:]
    number = re.search(r"^(\d+) requests: ", result.stdout, re.MULTILINE)
    assert number
    assert int(number[1]) >= 2_000
