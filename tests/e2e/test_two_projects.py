"""Two projects share one LiveKit key: each room gets one agent, from its own project."""

import re
from pathlib import Path

import pytest

from tests.baking import add_tests, bake

TABLE = re.compile("(?m)^ {20,}.*|^.* of 20 .*")
# LiveKit cannot tell two unnamed workers apart: under automatic + automatic, either will do.
PAIRS = [("explicit", "explicit"), ("automatic", "explicit"), ("automatic", "automatic")]


@pytest.mark.alone
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_each_room_has_one_agent_from_its_own_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pair: tuple[str, str]
) -> None:
    projects = [
        add_tests(bake(tmp_path, project_name=name, dispatch=dispatch))
        for name, dispatch in zip(("Concierge", "Sales"), pair, strict=True)
    ]
    names = [
        project.path.name if dispatch == "explicit" else ""
        for project, dispatch in zip(projects, pair, strict=True)
    ]
    folders = [str(project.path) for project in projects]
    arguments = [text for both in zip(folders, names, strict=True) for text in both]
    printed = projects[0].run("python", "-m", "tests.e2e.two_projects", *arguments)
    with capsys.disabled():
        print(f"\n{' + '.join(pair)}", *TABLE.findall(printed), sep="\n")
    assert len(re.findall(" 20 of 20 ", printed)) == 3
