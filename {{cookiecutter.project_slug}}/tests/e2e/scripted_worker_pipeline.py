"""This project's worker with fake models, because the real ones need an account."""

from typing import Any

from livekit.agents import (
    AgentSession,
    APIConnectionError,
    APIStatusError,
    TurnHandlingOptions,
    cli,
    inference,
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
    """In the console, the SDK would ask LiveKit Cloud what an interruption is: ask nobody."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, turn_handling=TurnHandlingOptions(interruption={"mode": "vad"}))


# Each job's process imports this module, too. A model named "spare" has no script, and never fails.
fakes: dict[Any, Any] = {
    inference.STT: lambda _: FakeSTT(),
    inference.LLM: lambda name: FakeLLM({} if name == "spare" else SCRIPT),
    inference.TTS: lambda _: FakeTTS(),
}
for model, fake in fakes.items():
    model.from_model_string = fake
assistant.AgentSession = ScriptedSession  # type: ignore[attr-defined]

if __name__ == "__main__":
    cli.run_app(agent.server)
