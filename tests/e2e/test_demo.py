"""`script/demo`, as a newcomer runs it."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.baking import TEMPLATE, clean_environment


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(TEMPLATE / "script" / "demo"), *arguments],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_once_shows_an_agent_that_joins_and_answers(tmp_path: Path) -> None:
    result = demo(tmp_path, "--once", "hello")
    print(result.stdout)
    assert result.returncode == 0, result.stdout
    assert 'registered with the agent name ""' in result.stdout
    assert re.search(r"median of 5: \d\.\d\d s from joining to seeing the agent", result.stdout)
    assert "read 'You wrote: Is anybody there?'" in result.stdout
    assert (tmp_path / "hello" / "app" / "agent.py").exists()


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    result = demo(tmp_path, "--once", "hello")
    assert result.returncode == 1
    assert "hello already exists" in result.stdout


@pytest.mark.parametrize("name", ["con", "-x"])
def test_an_invalid_folder_name_is_rejected(tmp_path: Path, name: str) -> None:
    result = demo(tmp_path, "--once", "--", name)
    assert result.returncode == 1
    assert "project_slug" in result.stdout
    assert not list(tmp_path.iterdir())
