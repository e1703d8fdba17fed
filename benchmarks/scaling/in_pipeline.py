"""What a conversation costs in which people speak. Prints its measurements as JSON lines.

Runs in a baked project; the arguments are the shapes that are measured in it. The worker has one
core for itself. The LiveKit server and the people use the others.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from in_project import QUIET, cpu_seconds, memory_mb, processes, report
from livekit.api import AccessToken, VideoGrants
from talking import ANSWER_SECONDS, MOST_IDLE, OFFLINE, SLOWER_SECONDS

import tests.e2e
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit

# An offline project has neither people with a voice nor the recording: take the template's.
TEMPLATE_TESTS = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}" / "tests" / "e2e"
tests.e2e.__path__.append(str(TEMPLATE_TESTS))

from tests.e2e import sound  # noqa: E402
from tests.e2e.sound import RATE, Call, Sound, calling, recorded  # noqa: E402

sound.FRAME = RATE // 50  # instead of 100: people should not need more CPU than agents
sound.PAUSE_SECONDS = 0.7  # the offline voice is silent for 0.4 after a comma

# What the people at `offline` say. Its answer is as short as that of the fake models.
QUESTION = "I would really like to know what time it is right now in the place where you are."
LEVELS = (1, 2, 4, 6, 8, 10, 12, 16, 20, 24)  # conversations
WINDOW_SECONDS = 18  # for which a level is measured: two to four answers in each conversation
ENDING_SECONDS = 5  # for the jobs, once everybody has left
REST_SECONDS, MOST_STARTS = 8, 5  # for which a worker is watched until it is at rest, and how often
AT_REST_CORES = 0.05
WARM_UP_SECONDS = 6  # the first answer of a new conversation is not measured
JOIN_SECONDS = 10  # after which a room counts as one that gets no agent
CORES = sorted(os.sched_getaffinity(0))
WORKER_CORES, OTHER_CORES = CORES[:1], CORES[1:]


def pin(process: int, cores: list[int]) -> None:
    """Bind all threads of a process to these cores. What it starts inherits them."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread.name), cores)


@contextmanager
def worker(livekit: LiveKit, shape: str, idle: int) -> Iterator[int]:
    """Run the worker of a shape on its core; yield its process ID."""
    module = "app.agent" if shape == OFFLINE else "worker_in_pipeline"
    env = {**QUIET, "WHO": shape, "WORKER_NUM_IDLE_PROCESSES": str(idle)}
    pin(os.getpid(), WORKER_CORES)
    with livekit.worker(module, **env) as running:
        pin(os.getpid(), OTHER_CORES)
        yield running.pid


async def words_for(shape: str) -> Sound:
    """Return what people say again and again: half of the time, it is they who speak."""
    if shape != OFFLINE:
        return recorded(TEMPLATE_TESTS / "speech_pipeline.wav")
    models = import_module("app.conversation.local_models")  # only an offline project has it
    spoken = await models.Voice().synthesize(QUESTION).collect()
    samples = np.frombuffer(spoken.data, np.int16)
    times = np.arange(0, spoken.duration, 1 / RATE)
    steps = times * spoken.sample_rate
    words: Sound = np.interp(steps, np.arange(len(samples)), samples).astype(np.int16)
    return words


@dataclass
class Conversation:
    """A person and an agent, alone in a room, who speak in turn until the task is cancelled.

    Attributes:
        words: what the person says.
        answers: seconds from the end of speech to the first sound of the answer, by the time when
            the speech ended. None: there was no answer, or the agent was already speaking.
        has_agent: whether an agent has joined.
    """

    words: Sound
    answers: dict[float, float | None] = field(default_factory=dict)
    has_agent: bool = False
    _spoken_at: float = 0
    _is_waiting: bool = False

    async def take_place(self, livekit: LiveKit, room: str) -> None:
        token = AccessToken(livekit.key, livekit.secret).with_identity("person")
        token.with_grants(VideoGrants(room_join=True, room=room))
        person = await Person.with_token(livekit.url, token.to_jwt())
        try:
            await person.meets_agent()
            self.has_agent = True
            async with calling(person) as line:
                await line.hears_nothing_more()  # after the greeting
                while True:
                    await self._exchange(line)
        finally:
            await person.leave()

    def is_done(self, end: float) -> bool:
        """Return whether nothing that was said before this time still waits for its answer."""
        return not self._is_waiting or self._spoken_at > end

    def answers_between(self, start: float, end: float) -> list[float | None]:
        return [answer for spoken, answer in self.answers.items() if start <= spoken <= end]

    async def _exchange(self, line: Call) -> None:
        """Speak, and wait for the answer and its end."""
        self._spoken_at = await line.says(self.words)
        self.answers[self._spoken_at] = None
        self._is_waiting = True
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                seconds = await line.hears() - self._spoken_at
                if seconds > 0:
                    self.answers[self._spoken_at] = seconds
            self._is_waiting = False
            await line.hears_nothing_more()


class Rooms:
    """The conversations with one worker, of which there are more and more."""

    def __init__(self, livekit: LiveKit, words: Sound) -> None:
        self._livekit = livekit
        self.words = words
        self.conversations: list[Conversation] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def fill(self, level: int) -> bool:
        """Open rooms up to this number, one by one; return whether each got an agent."""
        while len(self.conversations) < level:
            conversation = Conversation(self.words)
            room = f"talking-{len(self.conversations)}"
            task = asyncio.create_task(conversation.take_place(self._livekit, room))
            self.conversations.append(conversation)
            self._tasks.append(task)
            if not await holds(lambda: conversation.has_agent, JOIN_SECONDS):  # noqa: B023
                return False
        return True

    async def answers_between(self, start: float, end: float) -> list[float | None]:
        """Return the answers to what people said in this time, once all of these have come.

        Whoever said nothing at all counts as one without an answer.
        """
        await holds(lambda: all(c.is_done(end) for c in self.conversations), ANSWER_SECONDS)
        answers: list[float | None] = []
        for conversation in self.conversations:
            answers += conversation.answers_between(start, end) or [None]
        return answers

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A job that ends while its worker drains can make livekit-agents 1.8.9 loop for ever.
        await asyncio.sleep(ENDING_SECONDS)


async def holds(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait up to some seconds until a condition is true; return whether it is."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        await asyncio.sleep(0.1)
    return condition()


class Meter:
    """The CPU time of the worker, the server and the people, from its creation on."""

    def __init__(self, **roots: int) -> None:
        self._roots = roots
        self.started = time.perf_counter()
        self._before = self._seconds()

    def _seconds(self) -> dict[str, float]:
        people = psutil.Process().cpu_times()  # without the programs that this process started
        return {
            **{name: cpu_seconds(root) for name, root in self._roots.items()},
            "people": people.user + people.system,
        }

    def cores(self) -> dict[str, float]:
        """Return how many cores each has used."""
        after, passed = self._seconds(), time.perf_counter() - self.started
        return {f"{name}_cores": (after[name] - self._before[name]) / passed for name in after}


async def at_rest(shape: str, idle: int) -> None:
    """Measure a worker without conversations."""
    livekit = LiveKit()
    with livekit.running(), worker(livekit, shape, idle) as pid:
        await report_rest(shape, idle, pid)


async def report_rest(shape: str, idle: int, pid: int) -> None:
    for _ in range(MOST_STARTS):  # until its idle processes have started
        meter = Meter(worker=pid)
        await asyncio.sleep(REST_SECONDS)
        if meter.cores()["worker_cores"] < AT_REST_CORES:
            break
    cores = meter.cores()["worker_cores"]
    report(what="rest", shape=shape, idle=idle, memory=memory_mb(pid), cores=cores)


async def curve(shape: str) -> None:
    """Measure a worker with more and more conversations, until they do not fit."""
    livekit = LiveKit()
    with livekit.running() as server, worker(livekit, shape, MOST_IDLE) as pid:
        await report_rest(shape, MOST_IDLE, pid)
        rooms, first = Rooms(livekit, await words_for(shape)), None
        for level in LEVELS:
            measured = await measure(rooms, level, worker=pid, server=server.pid)
            first = first or measured
            fits = does_fit(measured, first)
            report(what="level", shape=shape, fits=fits, **measured)
            if not fits:
                break
        await rooms.close()


def does_fit(measured: dict[str, Any], first: dict[str, Any]) -> bool:
    """Return whether so many conversations are as good as the first one, by which others go."""
    if measured is first:
        return bool(measured["median"])
    is_worse = measured["refused"] or measured["lost"]
    return not is_worse and measured["median"] <= first["median"] + SLOWER_SECONDS


async def measure(rooms: Rooms, level: int, **roots: int) -> dict[str, Any]:
    """Measure this number of conversations."""
    is_full = await rooms.fill(level)
    await asyncio.sleep(WARM_UP_SECONDS)
    for process in processes(roots["worker"]):
        pin(process.pid, WORKER_CORES)  # onnxruntime binds its threads to cores of its own choice
    meter = Meter(**roots)
    await asyncio.sleep(WINDOW_SECONDS)
    cores, end = meter.cores(), time.perf_counter()
    memory = memory_mb(roots["worker"])
    answers = await rooms.answers_between(meter.started, end)
    seconds = [answer for answer in answers if answer]
    spoken = len(rooms.words) / RATE * len(answers) / (len(rooms.conversations) * WINDOW_SECONDS)
    return {
        "conversations": level,
        "refused": not is_full,
        "answers": len(answers),
        "lost": len(answers) - len(seconds),
        "median": median(seconds) if seconds else None,
        "worst": max(seconds, default=None),
        "spoken": spoken,
        "memory": memory,
        "other_cores": len(OTHER_CORES),
        **cores,
    }


async def main() -> None:
    pin(os.getpid(), OTHER_CORES)
    for shape in sys.argv[1:]:
        await at_rest(shape, idle=1)
        await curve(shape)


if __name__ == "__main__":
    asyncio.run(main())
