"""A person talks to the assistant in a terminal, without a LiveKit server.

In the SDK's own console (`python -m app.agent console`), and over TCP, as `lk agent console` does.
"""

import asyncio
import importlib.util
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from livekit import agents

from app import assistant
from tests.e2e.programs import TIMEOUT, WORKER, LiveKit, free_ports, program
from tests.e2e.terminal import CTRL_B, CTRL_C, terminal

IS_OLD = agents.__version__.startswith("1.0.")
GREETING = "Hello!"
QUESTION = "good morning"
ANSWER = f"You {'said' if hasattr(assistant, 'RuleBasedMind') else 'wrote'}: {QUESTION}"
ENTRYPOINT = "tests/e2e/console_worker.py"
HAS_VOICE = not hasattr(assistant, "READING_SECONDS")  # of all, only keyless has none
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
    # The old console drops what the agent says until Ctrl-B, and the greeting may come before.
    assert IS_OLD or GREETING in console.screen
    assert not FAILURE.search(console.screen)


@pytest.mark.skipif(IS_OLD, reason="livekit-agents 1.0.23 has no console over TCP")
@pytest.mark.parametrize("is_audible", [False, True], ids=["text", "audio"])
async def test_it_talks_to_lk_over_tcp(
    env: dict[str, str], is_audible: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    from livekit.protocol.agent_pb.agent_session import SessionRequest

    from tests.e2e.lk import Lk

    off: dict[str, bool] = {"audio_enabled": False}
    text_only = SessionRequest.UpdateIO(
        input=SessionRequest.UpdateIO.Input(**off), output=SessionRequest.UpdateIO.Output(**off)
    )
    async with Lk() as lk:
        command = ("livekit.agents", "console", ENTRYPOINT, "--connect-addr", lk.address)
        with program(*command, ready="starting worker", env=env) as worker:
            if not is_audible:  # as `lk agent debugger` does
                await lk.asks(update_io=text_only)
            await lk.reads(GREETING)
            await lk.asks(run_input=SessionRequest.RunInput(text=QUESTION))
            await lk.reads(ANSWER)
            assert lk.heard or not (is_audible and HAS_VOICE)
            worker.terminate()
            await asyncio.to_thread(worker.wait, TIMEOUT)
            assert worker.returncode == 0
    assert not FAILURE.search(capfd.readouterr().out)
