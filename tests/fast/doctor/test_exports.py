"""livekit_doctor/exports.json, and the script that makes it."""

from pathlib import Path

import pytest

from livekit_doctor.project.releases import exports
from script.exports import Package, Signature, spans


def minors(module: str, name: str) -> str:
    return exports().describe(exports().minors_with(module, name))


NAMES = [
    ("livekit.agents", "AgentServer", "1.3 and later"),
    ("livekit.agents", "multimodal", "0.12"),
    ("livekit.agents", "Worker", "0.12 to 1.2"),
    ("livekit.agents", "cli", "0.12 and later"),
    ("livekit.agents", "mcp", "1.0 and later"),  # made by __getattr__
    ("livekit.agents.llm", "FunctionContext", "0.12"),
    ("livekit.agents", "VoiceAgent", ""),
]


@pytest.mark.parametrize(("module", "name", "expected"), NAMES)
def test_when_a_name_was_exported(module: str, name: str, expected: str) -> None:
    assert minors(module, name) == expected


ARGUMENTS = [
    ("RoomInputOptions", "close_on_disconnect", "1.1 and later"),
    ("AgentServer", "entrypoint_fnc", ""),
    ("AgentServer.rtc_session", "agent_name", "1.3 and later"),
    ("WorkerOptions", "namespace", ""),
]


@pytest.mark.parametrize(("call", "argument", "expected"), ARGUMENTS)
def test_when_a_call_took_an_argument(call: str, argument: str, expected: str) -> None:
    assert exports().describe(exports().minors_accepting(call, argument)) == expected


def test_the_releases_that_we_support_are_in_it() -> None:
    versions = exports().releases
    assert str(versions["1.0"]) == "1.0.23"
    assert list(versions) == ["0.12", *(f"1.{minor}" for minor in range(len(versions) - 1))]


def test_minors_as_spans() -> None:
    held = ["1.0", "1.1", "1.3", "1.5", "1.6"]
    assert spans(held, ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]) == "1.0-1.1,1.3,1.5+"


def test_a_package_is_read_without_importing_it(tmp_path: Path) -> None:
    agents = tmp_path / "livekit" / "agents"
    agents.mkdir(parents=True)
    (agents / "__init__.py").write_text(
        "from .worker import *\nfrom .worker import Options as WorkerOptions\n"
        "if True:\n    from . import job\nraise SystemExit\n"
        "def __getattr__(name):\n    if name == 'lazy': ...\n"
    )
    (agents / "job.py").write_text("A, B = 1, 2\n")
    (agents / "worker.py").write_text(
        "@dataclass\nclass Base:\n    a: int\n"
        "@dataclass\nclass Options(Base):\n    b: int = 1\n    C: ClassVar[int] = 2\n"
        "class AgentServer:\n"
        "    def __init__(self, *, port=0): ...\n"
        "    def rtc_session(self, func=None, *, agent_name='', **more): ...\n"
    )
    package = Package(tmp_path)
    assert {"Base", "WorkerOptions", "job", "lazy"} <= set(package.names("livekit.agents"))
    assert set(package.names("livekit.agents.job")) == {"A", "B"}
    options = Signature({"a": None, "b": None}, {"a": None}, 2)
    assert package.call("WorkerOptions") == options
    assert package.call("AgentServer") == Signature({"port": None})
    session = Signature({"func": None, "agent_name": None}, {}, 1, is_open=True)
    assert package.call("AgentServer.rtc_session") == session
    assert package.call("missing") is None
