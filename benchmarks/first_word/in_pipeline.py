"""The part that runs in a baked project; WHO makes it the worker of that name."""

import asyncio
import io
import os
from contextlib import ExitStack, redirect_stdout
from statistics import median
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice.agent_session import Userdata_T
from livekit.api import AccessToken, VideoGrants

from app import agent, assistant
from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, LiveKit, livekit_running
from tests.e2e.sound import calling, recorded
from tests.fake_models import FakeLLM, FakeSTT, FakeTTS

CALLS = 10
STT, LLM, TTS = 0.1, 0.3, 0.2  # latencies of the models, in seconds
SHAPES = ("LiveKit's starter", "this project")
SPEECH = PROJECT / "tests" / "e2e" / "speech.wav"


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


async def seconds(livekit: LiveKit, call: int) -> tuple[float, float]:
    """Return the seconds from joining to the greeting, and from the end of speech to the answer."""
    token = AccessToken(livekit.key, livekit.secret).with_identity("person")
    token.with_grants(VideoGrants(room_join=True, room=f"call-{call}"))
    person = await Person.with_token(livekit.url, token.to_jwt())
    async with calling(person) as line:
        greeting = await line.hears() - person.came_at
        await line.hears_nothing_more()
        end = await line.says(recorded(SPEECH))
        answer = await line.hears() - end
    await person.leave()
    return greeting, answer


async def table(servers: list[LiveKit]) -> str:
    times: list[list[tuple[float, float]]] = [[], []]
    for call in range(CALLS + 1):
        for number in (0, 1) if call % 2 else (1, 0):
            times[number].append(await seconds(servers[number], call))
    lines = [
        f"{CALLS} calls each, in turn; medians in seconds, without the models' latency",
        f"{'':20}{'joined to greeting':>20}{'spoken to answer':>20}",
    ]
    overheads = []
    for who, measured in zip(SHAPES, times, strict=True):
        greetings, answers = zip(*measured[1:], strict=True)  # the first call warms up
        overheads.append((median(greetings) - TTS, median(answers) - (STT + LLM + TTS)))
        lines.append(f"{who:20}{overheads[-1][0]:20.2f}{overheads[-1][1]:20.2f}")
    theirs, ours = overheads
    lines.append(f"{'ratio':20}{ours[0] / theirs[0]:20.2f}{ours[1] / theirs[1]:20.2f}")
    return "\n".join(lines)


def main() -> None:
    with redirect_stdout(io.StringIO()), ExitStack() as stack:  # hide the programs' logs
        servers = []
        for who in SHAPES:
            servers.append(stack.enter_context(livekit_running()))
            worker = servers[-1].worker("in_pipeline", WHO=who)
            stack.enter_context(worker)
        report = asyncio.run(table(servers))
    print(report)


assistant.AgentSession = WithFakes  # type: ignore[attr-defined]

if __name__ == "__main__":
    match os.environ.get("WHO"):
        case "this project":
            cli.run_app(agent.server)
        case "LiveKit's starter":
            server = AgentServer(host="127.0.0.1", port=0, num_idle_processes=4)
            server.rtc_session(starter)
            cli.run_app(server)
        case _:
            main()
