"""The command `livekit-doctor`: its output and exit codes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from livekit_doctor.__main__ import main

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6e319.c2lnbmF0dXJl"
REGISTERED = '{"message": "registered worker", "name": "livekit.agents", "agent_name": "%s"}\n'
RETRYING = '{"message": "failed to connect to livekit, retrying", "name": "livekit.agents"}\n'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of a worker without a name."""
    log = tmp_path / "worker.log"
    log.write_text(REGISTERED % "", encoding="utf-8")
    return log


def test_a_healthy_log(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log", str(log)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("ok       A worker is registered without a name.")
    assert printed.endswith("\nAll is well.\n")


def test_what_a_person_reads(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_text(RETRYING + REGISTERED % f"x\033{JWT}", encoding="utf-8")
    assert main(["--log", str(log)]) == 1
    printed = capsys.readouterr().out
    assert "\nWhat to do, in this order:\n\n1. The worker cannot reach" in printed
    assert "\n\n2. A worker is registered as the agent 'x" in printed
    assert "\n   -> Remove the name" in printed
    assert "eyJ" not in printed
    assert "\033" not in printed


def test_what_a_program_reads(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_text(REGISTERED % "theirs", encoding="utf-8")
    assert main(["--json", "--log", str(log)]) == 1
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["healthy", "diagnosis", "findings"]
    assert not result["healthy"]
    (named,) = result["diagnosis"]
    assert list(named) == ["check", "level", "cause", "seen", "means", "advice"]
    assert (named["check"], named["cause"]) == ("log", "named-worker")
    assert named in result["findings"]


def test_a_log_on_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = io.BytesIO(b"\xff\n" + (REGISTERED % "").encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(lines, encoding="utf-8"))
    assert main(["--log", "-"]) == 0
    assert "All is well." in capsys.readouterr().out


def test_the_name_of_a_worker_under_explicit_dispatch(log: Path) -> None:
    log.write_text(REGISTERED % "concierge", encoding="utf-8")
    assert main(["--log", str(log)]) == 1
    assert main(["--log", str(log), "--agent-name", "concierge"]) == 0
    assert main(["--log", str(log), "--agent-name", "Concierge"]) == 1


def test_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = tmp_path / "agent.py"
    code.write_text("import livekit\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 0
    assert "Nothing in 1 file keeps an agent away." in capsys.readouterr().out
    code.write_text("from livekit.agents import *\nWorkerOptions(f, agent_name='x')\n")
    assert main([str(tmp_path), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["diagnosis"]
    assert finding["check"] == "project"
    assert finding["seen"].startswith("agent.py:2: ")


def test_it_says_if_it_cannot_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log", str(tmp_path / "worker.log")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
    assert main([str(tmp_path), "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"error": f"No file in {tmp_path} mentions LiveKit."}
    assert printed.err.startswith("Could not check.")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_closed_pipe_ends_it_quietly(log: Path, options: tuple[str, ...]) -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    command = [sys.executable, "-m", "livekit_doctor", "--log", str(log), *options]
    ended = subprocess.run(command, stdout=writing_end, stderr=subprocess.PIPE, check=False)
    os.close(writing_end)
    assert (ended.returncode, ended.stderr) == (2, b"")


@pytest.mark.parametrize(
    "arguments", [[], [""], ["--log", ""], [".", "--log", "-"], [".", "--agent-name", "x"]]
)
def test_invalid_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
