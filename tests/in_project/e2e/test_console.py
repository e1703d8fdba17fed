"""A person talks to the assistant in a terminal, without a LiveKit server.

In the SDK's own console (`python -m app.agent console`), and over TCP, as `lk agent console` does.
"""

import importlib.util
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from livekit import agents

from app import assistant
from tests.e2e.programs import WORKER, LiveKit, free_ports, program
from tests.e2e.terminal import CTRL_B, CTRL_C, terminal

IS_OLD = agents.__version__.startswith("1.0.")
GREETING = "Hello!"
QUESTION = "good morning"
ANSWER = f"You {'said' if hasattr(assistant, 'RuleBasedMind') else 'wrote'}: {QUESTION}"
FAILURE = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b|never retrieved")
ARGUMENTS = () if IS_OLD else ("--text",)


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    """The worker's variables. Nothing listens at its LIVEKIT_URL."""
    with ExitStack() as stack:
        env = {**LiveKit().env, "WORKER_HOST": "127.0.0.1", "WORKER_PORT": "0"}
        if importlib.util.find_spec("tests.fake_openai"):
            (port,) = free_ports(1)
            fake = program("tests.fake_openai", str(port), ready="listening", env={})
            stack.enter_context(fake)
            env["OPENAI_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
        yield env


def test_it_greets_and_answers_typed_lines(env: dict[str, str]) -> None:
    with terminal(WORKER, "console", *ARGUMENTS, env=env) as console:
        if IS_OLD:  # it starts with the microphone, and knows no --text
            console.shows("[Audio]")
            console.presses(CTRL_B)
        console.shows("Enter your message" if IS_OLD else "Type to talk")
        console.types(QUESTION)
        console.presses("\r")
        console.shows(ANSWER)
        console.shows("Enter your message" if IS_OLD else "Type to talk")
        console.presses(CTRL_C)
        assert console.ends() == 0
    assert GREETING in console.screen
    assert not FAILURE.search(console.screen)
