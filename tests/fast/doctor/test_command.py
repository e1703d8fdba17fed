"""The command `livekit-doctor`: its output and exit codes."""

import gzip
import io
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livekit_doctor import causes, project
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
    assert "\n   $ unset LIVEKIT_AGENT_NAME" in printed
    assert "/docs/causes.md#named-worker\n" in printed
    assert "eyJ" not in printed
    assert "\033" not in printed


def test_what_a_program_reads(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_text(REGISTERED % "theirs", encoding="utf-8")
    assert main(["--json", "--log", str(log)]) == 1
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["healthy", "diagnosis", "findings"]
    assert not result["healthy"]
    (named,) = result["diagnosis"]
    assert list(named) == [
        *("check", "level", "cause", "seen", "means", "advice", "command", "docs")
    ]
    assert (named["check"], named["cause"]) == ("log", "named-worker")
    assert named["command"].startswith("unset LIVEKIT_AGENT_NAME")
    assert named["docs"].endswith("/docs/causes.md#named-worker")
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
    assert "keeps an agent away." in capsys.readouterr().out
    code.write_text("from livekit.agents import *\nWorkerOptions(f, agent_name='x')\n")
    assert main([str(tmp_path), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["diagnosis"]
    assert finding["check"] == "project"
    assert finding["seen"].startswith("agent.py:2: ")


def test_it_says_if_it_cannot_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def reason(*arguments: str) -> str:
        assert main([*arguments, "--json"]) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith("Could not check. ")
        assert printed.err.count("\n") == 1
        return str(json.loads(printed.out)["error"])

    assert "No such file or directory" in reason("--log", str(tmp_path / "worker.log"))
    assert reason(str(tmp_path)) == f"No file in {tmp_path} mentions LiveKit."
    assert "To read a project: livekit-doctor" in reason("--log", str(tmp_path))
    file = tmp_path / "a"
    file.write_bytes(bytes(range(256)) * 100)
    assert "To read a log: livekit-doctor --log" in reason(str(file))
    assert reason("--log", str(file)) == f"{file} is binary."
    file.write_bytes(b"PK\3\4" + bytes(100))
    assert reason("--log", str(file)) == f"{file} is a ZIP archive."
    file.write_bytes(gzip.compress(b"starting worker\n" * 10_000)[:-20])
    assert "compressed data ends early" in reason("--log", str(file))


def test_an_empty_log(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(b"")
    assert main(["--log", str(log)]) == 1
    assert capsys.readouterr().out.startswith("problem  The log is empty.\n")


def test_without_arguments_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert "livekit-doctor --log FILE" in printed
    assert "docker compose logs worker | livekit-doctor --log -" in printed
    assert printed.endswith("Give a FOLDER, or --log FILE.\n")


def test_the_list_of_causes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    for table in causes.tables().values():
        for cause in table:
            assert f"  {cause.id:24} {cause.title.rstrip('.')}\n" in printed
    assert main(["--list", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(causes.tables())


def test_a_mistake_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(project, "examine", broken)
    assert main([str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert "This is a mistake in livekit-doctor: ZeroDivisionError at test_command.py:" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("variables", "has_colours"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours(log: Path, variables: dict[str, str], has_colours: bool) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "livekit_doctor", "--log", str(log)]
    environ = {**os.environ, "TERM": "xterm", "NO_COLOR": "", **variables}
    subprocess.run(command, stdout=terminal, env=environ, check=False)
    os.close(terminal)
    assert (b"\033[32mok" in os.read(controller, 10_000)) == has_colours
    os.close(controller)


def allow_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # these tests may run in the background


def test_an_interrupt_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "livekit_doctor", "--log", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=allow_interrupt
    ) as process:
        assert process.stdin
        process.stdin.write(b"x\n" * 100_000)  # more than a pipe holds: it is reading
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (2, b"Could not check. Interrupted.\n")


def test_a_large_log_takes_no_memory(log: Path) -> None:
    lines = [
        (REGISTERED % "").encode(),
        b'{"message": "hello", "level": "INFO", "name": "app", "text": "%s"}\n' % (b"x" * 500),
        b"2026-11-20 09:20:02,101 - INFO app - a person said something\n",
    ]
    log.write_bytes(b"".join(lines) * 20_000 + b"x" * 20_000_000)
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (400_000_000,) * 2);"
    limited += "from livekit_doctor.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", limited, "--log", str(log)]
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    ended = subprocess.run(command, capture_output=True, check=False)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - started
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert seconds < 20  # 30 MB took 2 s on two busy cores


CRAFTED = [
    *(text * 10_000 for text in ("a", " ", "\t", "{", '{"', '"', "\\", "|", "-", "1", "[", "(")),
    *(
        text * 3_000
        for text in ("a.", "a|", "a: ", "2026-", " - ", "/a", "A_", "a-", "'a' ", "=> ")
    ),
    "Traceback (most recent call last): " + "a." * 5_000 + "Error",
    "2026-11-20 09:20:02,101 - ERROR livekit.agents - " + "No module named " * 600,
    "cannot import name '" * 500,
    "failed to connect to livekit " + "certificate " * 800,
    '{"message": "' + "\\n" * 4_000,
    "error: " + "A_KEY " * 1_500 + "environment variable",
    "usage: " * 1_400,
    "sh: " * 2_500,
    "exit code " * 1_000,
    "a" * 9_000 + " exited with code x",
    "engine: signal failure " * 400,
]


@pytest.mark.parametrize("line", CRAFTED, ids=range(len(CRAFTED)))
def test_a_crafted_line_takes_linear_time(log: Path, line: str) -> None:
    log.write_text(f"{line}\n" * 100, encoding="utf-8")
    started = time.process_time()
    main(["--log", str(log)])
    assert time.process_time() - started < 5  # 1 MB took at most 1 s


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_closed_pipe_ends_it_quietly(log: Path, options: tuple[str, ...]) -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    command = [sys.executable, "-m", "livekit_doctor", "--log", str(log), *options]
    ended = subprocess.run(command, stdout=writing_end, stderr=subprocess.PIPE, check=False)
    os.close(writing_end)
    assert (ended.returncode, ended.stderr) == (2, b"")


@pytest.mark.parametrize(
    "arguments", [[""], ["--log", ""], [".", "--log", "-"], [".", "--agent-name", "x"], ["--nope"]]
)
def test_invalid_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
