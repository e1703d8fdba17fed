"""A fleet serves a hundred rooms, even after it loses a worker and a server."""

import re

import pytest

from tests.baking import BakedProject, add_tests

TABLE = re.compile("(?m)^ {20,}.*|^.* of 100 .*|^.* had to join again.*")


@pytest.mark.alone
def test_each_room_has_exactly_one_agent_before_and_after_each_loss(
    automatic: BakedProject, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = add_tests(automatic).run("python", "-m", "tests.e2e.fleet")
    with capsys.disabled():
        print("", *TABLE.findall(printed), sep="\n")
    assert len(re.findall(" 100 of 100 ", printed)) == 3
