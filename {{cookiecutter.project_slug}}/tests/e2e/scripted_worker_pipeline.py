"""This project's worker with fake models, because the real ones need an account."""

from typing import Any

from livekit.agents import (
    AgentSession,
    APIConnectionError,
    APIStatusError,
    TurnHandlingOptions,
    cli,
    inference,
    stt,
)
from livekit.agents.voice.agent_session import Userdata_T

from app import agent, assistant
from tests.fake_models import FakeLLM, FakeSTT, FakeTTS, Reply, call

BROKEN, SPARE = "broken", "spare"  # models that always fail, or never
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


def hearing(name: str) -> stt.STT[Any]:
    return stt.StreamAdapter(stt=FakeSTT(broken=name == BROKEN), vad=inference.VAD(model="silero"))


# Each job's process imports this module, too.
fakes: dict[Any, Any] = {
    inference.STT: hearing,
    inference.LLM: lambda name: FakeLLM({} if name == SPARE else SCRIPT),
    inference.TTS: lambda name: FakeTTS(broken=name == BROKEN),
}
for model, fake in fakes.items():
    model.from_model_string = fake
assistant.AgentSession = ScriptedSession  # type: ignore[attr-defined]

if __name__ == "__main__":
    cli.run_app(agent.server)
