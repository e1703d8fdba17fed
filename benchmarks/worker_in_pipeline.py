"""A worker with fake models, in a baked project; WHO names its shape.

Both shapes have the same models, voice activity detection and turn detection (the SDK's own), so
only the code around them differs.
"""

import os
from typing import Any

from latencies import LLM, STT, TTS
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice.agent_session import Userdata_T

from app import agent, assistant
from tests.fake_models import FakeLLM, FakeSTT, FakeTTS

STARTER, OURS = SHAPES = ("LiveKit's starter", "this project")
IDLE = int(os.environ.get("WORKER_NUM_IDLE_PROCESSES", "4"))


def models() -> dict[str, Any]:
    return {"stt": FakeSTT(STT), "llm": FakeLLM({}, LLM), "tts": FakeTTS(TTS)}


class WithFakes(AgentSession[Userdata_T]):
    """This project's session, with fake models."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | models())


class StarterAgent(Agent):
    async def on_enter(self) -> None:
        self.session.say(assistant.GREETING)


async def starter(job: JobContext) -> None:
    """Start the session as LiveKit's agent-starter-python does."""
    job.log_context_fields = {"room": job.room.name}
    session = AgentSession[None](**models())
    await session.start(agent=StarterAgent(instructions=assistant.INSTRUCTIONS), room=job.room)
    await job.connect()


# Each job's process imports this module, too.
assistant.AgentSession = WithFakes  # type: ignore[attr-defined]

if __name__ == "__main__":
    if os.environ["WHO"] == OURS:
        cli.run_app(agent.server)
    else:
        server = AgentServer(host="127.0.0.1", port=0, num_idle_processes=IDLE)
        server.rtc_session(starter)
        cli.run_app(server)
