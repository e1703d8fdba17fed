"""Two projects share one LiveKit key: each room gets one agent, from its own project."""

import re
from pathlib import Path

import pytest

from tests.baking import bake, printed_by

SCRIPT = Path(__file__).with_name("two_projects_in_project.py")
TABLE = re.compile("(?m)^ {20,}.*|^.* of 20 .*")
# LiveKit cannot tell two unnamed workers apart: under automatic + automatic, either will do.
PAIRS = [("explicit", "explicit"), ("automatic", "explicit"), ("automatic", "automatic")]


@pytest.mark.alone
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_each_room_has_one_agent_from_its_own_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pair: tuple[str, str]
) -> None:
    projects = [
        bake(tmp_path, project_name=name, dispatch=dispatch).path
        for name, dispatch in zip(("Concierge", "Sales"), pair, strict=True)
    ]
    names = [
        path.name if dispatch == "explicit" else ""
        for path, dispatch in zip(projects, pair, strict=True)
    ]
    arguments = [text for both in zip(map(str, projects), names, strict=True) for text in both]
    printed = printed_by(
        projects[0],
        *("uv", "run", "--quiet", "python", str(SCRIPT), *arguments),
        PYTHONPATH=str(projects[0]),
    )
    with capsys.disabled():
        print(f"\n{' + '.join(pair)}", *TABLE.findall(printed), sep="\n")
    assert len(re.findall(" 20 of 20 ", printed)) == 3
