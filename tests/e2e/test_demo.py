"""`script/demo`, as a newcomer runs it."""

import re
from pathlib import Path

from tests.baking import demo


def test_once_shows_an_agent_that_joins_and_answers(tmp_path: Path) -> None:
    result = demo(tmp_path, "--once", "hello")
    print(result.stdout)
    assert result.returncode == 0, result.stdout
    assert 'registered with the agent name ""' in result.stdout
    assert re.search(r"median of 5: \d\.\d\d s from joining to seeing the agent", result.stdout)
    assert "read 'You wrote: Is anybody there?'" in result.stdout
    assert (tmp_path / "hello" / "app" / "agent.py").exists()
