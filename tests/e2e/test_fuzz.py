"""Whatever a client sends to a baked token backend, it gets a token or an error message."""

import os
import re
import sys
from pathlib import Path

from tests.baking import BakedProject, printed_by

SCRIPT = Path(__file__).with_name("fuzz_in_project.py")
REQUESTS = os.environ.get("FUZZ_REQUESTS", "3000")  # the nightly workflow sends more


def test_no_request_makes_it_fail_hang_grow_or_leak_its_secret(automatic: BakedProject) -> None:
    path = automatic.path
    printed = printed_by(path, sys.executable, str(SCRIPT), REQUESTS, PYTHONPATH=str(path))
    number = re.search(r"^(\d+) requests: ", printed, re.MULTILINE)
    assert number
    assert int(number[1]) >= int(REQUESTS)
