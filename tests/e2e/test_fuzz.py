"""Whatever a client sends to a baked token backend, it gets a token or an error message."""

import os
import re
import sys

from tests.baking import BakedProject, add_tests, printed_by

REQUESTS = os.environ.get("FUZZ_REQUESTS", "3000")  # the nightly workflow sends more


def test_no_request_makes_it_fail_hang_grow_or_leak_its_secret(automatic: BakedProject) -> None:
    # Not in the project's environment, because a project does not need schemathesis.
    fuzz = (sys.executable, "-m", "tests.e2e.fuzz", REQUESTS)
    printed = printed_by(add_tests(automatic).path, *fuzz)
    number = re.search(r"^(\d+) requests: ", printed, re.MULTILINE)
    assert number
    assert int(number[1]) >= int(REQUESTS)
