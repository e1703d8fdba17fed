"""A fleet serves a hundred rooms, even after it loses a worker and a server."""

import re
from pathlib import Path

import pytest

from tests.baking import BakedProject, printed_by

TABLE = re.compile("(?m)^ {20,}.*|^.* of 100 .*|^.* had to join again.*")
SCRIPT = Path(__file__).with_name("fleet_in_project.py")


@pytest.mark.alone
def test_each_room_has_exactly_one_agent_before_and_after_each_loss(
    automatic: BakedProject, capsys: pytest.CaptureFixture[str]
) -> None:
    path = automatic.path
    command = ("uv", "run", "--quiet", "python", str(SCRIPT))
    printed = printed_by(path, *command, PYTHONPATH=str(path))
    with capsys.disabled():
        print("", *TABLE.findall(printed), sep="\n")
    assert len(re.findall(" 100 of 100 ", printed)) == 3
