"""`livekit-doctor` on baked projects, and from a wheel."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.__main__ import main
from livekit_doctor.project import examine
from tests.bake.test_combinations import in_each_combination
from tests.baking import BakedProject, bake, clean_environment, printed_by

HANDLER = """
async def handle(request: object) -> bool:
    return True

WorkerOptions(entrypoint, request_fnc=handle)
"""


@in_each_combination
def test_a_baked_project_has_no_problem(tmp_path: Path, answers: dict[str, Any]) -> None:
    project = bake(tmp_path, **answers)
    assert [finding.level for finding in examine(project.path)] == ["ok"]


def test_a_fault_in_the_code_of_a_baked_project(
    automatic: BakedProject, capsys: pytest.CaptureFixture[str]
) -> None:
    code = automatic.read("app/agent.py") + HANDLER
    (automatic.path / "app" / "agent.py").write_text(code, encoding="utf-8")
    assert main([str(automatic.path), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["diagnosis"]
    assert finding["cause"] == "request-unanswered"
    line = 1 + code[: code.index("    return True")].count("\n")
    assert finding["seen"].startswith(f"app/agent.py:{line}: ")


def test_the_command_runs_from_the_wheel(
    tmp_path: Path, wheel: Path, explicit: BakedProject
) -> None:
    command = ("uvx", "--quiet", "--from", str(wheel), "livekit-doctor")
    assert "livekit-doctor --log FILE" in printed_by(tmp_path, *command, "--help")
    assert "All is well." in printed_by(tmp_path, *command, str(explicit.path))
    log = subprocess.run(
        [*command, "--log", "-", "--json"],
        cwd=tmp_path,
        env=clean_environment(),
        input="a log of another program\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert log.returncode == 1
    assert json.loads(log.stdout)["diagnosis"][0]["cause"] == "unknown-log"
