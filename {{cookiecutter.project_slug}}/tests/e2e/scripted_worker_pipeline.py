"""This project's worker with fake models, because the real ones need an account."""

from typing import Any

from livekit.agents import (
    AgentSession,
    APIConnectionError,
    APIStatusError,
    TurnHandlingOptions,
    cli,
)
from livekit.agents.voice.agent_session import Userdata_T

from app import agent, assistant
from tests.fake_models import FakeLLM, FakeSTT, FakeTTS, Reply, call

SCRIPT: dict[str, list[Reply]] = {
    "What time is it in Tokyo?": [call("time_in", zone="Asia/Tokyo")],
    "break off": ["This is how it begins,", APIConnectionError("a cable", retryable=False)],
    "refuse": [APIStatusError("no such model", status_code=404)],
    "talk": ["I have a lot to say, and I say it. " * 30],
}


class ScriptedSession(AgentSession[Userdata_T]):
    """The assistant's session with fake models."""

    def __init__(self, **options: Any) -> None:
        models = {"stt": FakeSTT(), "llm": FakeLLM(SCRIPT), "tts": FakeTTS()}
        # In the console, the SDK would ask LiveKit Cloud what an interruption is.
        turns = TurnHandlingOptions(interruption={"mode": "vad"})
        super().__init__(**options | models, turn_handling=turns)


# Each job's process imports this module, too.
assistant.AgentSession = ScriptedSession  # type: ignore[attr-defined]

if __name__ == "__main__":
    cli.run_app(agent.server)
