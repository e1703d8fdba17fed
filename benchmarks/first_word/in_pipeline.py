"""The part that runs in a baked project."""

import asyncio
import io
from contextlib import ExitStack, redirect_stdout
from statistics import median

from latencies import LLM, STT, TTS
from livekit.api import AccessToken, VideoGrants
from worker_in_pipeline import SHAPES

from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, LiveKit, livekit_running
from tests.e2e.sound import calling, recorded

CALLS = 10
SPEECH = PROJECT / "tests" / "e2e" / "speech.wav"


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
            worker = servers[-1].worker("worker_in_pipeline", WHO=who)
            stack.enter_context(worker)
        report = asyncio.run(table(servers))
    print(report)


if __name__ == "__main__":
    main()
