"""Keeps an agent in every room that should have one.

The token backend checks a room when it issues a token for it, when a webhook reports who joined or
left, and periodically. A worker checks all rooms once it has registered, and a room when its job
there ends. Several may check at once: they all get the same answers from the LiveKit server, and an
agent that finds another one in its room leaves (app/dispatch/presence.py).
"""

import asyncio
import logging
import random
import time
from collections.abc import Coroutine

from livekit.api import AgentDispatch, CreateAgentDispatchRequest, TwirpError, WebhookEvent

from app.dispatch import names, policy, proxy
from app.dispatch.server import TIMEOUT_SECONDS, LiveKitServer
from app.observability.metrics import AGENT_SECONDS, DISPATCHES
from app.settings import Settings

logger = logging.getLogger("app.dispatch.rooms")

CONCURRENCY = 16  # rooms checked at the same time
SWEEP = 100  # rooms per sweep, to bound the load on the server
GATHER_SECONDS = 0.25  # how long to collect rooms of new tokens, to list them in one call
SPREAD_SECONDS = 0.1  # random delay, so that simultaneous checks do not all dispatch
LEFT = ("participant_left", "participant_connection_aborted")  # the second: before it joined
COUNT_AGE_SECONDS = 10  # livekit-server's participant counts are up to five seconds old


class Rooms:
    """Dispatches our agent to every room of ours that has a person but no agent.

    Outside of its context, or with DISPATCH_ENSURE=false, it does nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = names.our_name(settings)
        self._is_open = False
        self._running: set[asyncio.Task[None]] = set()
        # The next check of a room, and its `settled_before`.
        self._checks: dict[str, tuple[asyncio.TimerHandle, float]] = {}
        self._expected: dict[str, names.JobOptions] = {}
        self._not_ours: set[str] = set()
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._has_failed = False

    async def __aenter__(self) -> "Rooms":
        self._server = LiveKitServer(proxy.livekit_api(self._settings))
        self._is_open = self._settings.dispatch_ensure
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        for check in self._checks.values():
            check[0].cancel()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=TIMEOUT_SECONDS)
        await self._server.client.aclose()

    def expect(self, room: str, options: names.JobOptions | None = None) -> None:
        """Check `room`, which the owner of a new token, with `options`, is about to join."""
        if not self._is_open:
            return
        if not self._expected:
            self._run(self._check_expected())
        self._expected[room] = options or {}

    def handle(self, event: WebhookEvent) -> None:
        room, participant = event.room, event.participant
        is_ours = policy.is_agent(participant, self._name)
        if event.event == "participant_joined" and is_ours:
            AGENT_SECONDS.observe((participant.joined_at_ms - room.creation_time_ms) / 1000)
            if room.name in self._checks:
                self._checks.pop(room.name)[0].cancel()
        elif event.event in LEFT and is_ours:
            self.schedule(room.name, 0, settled_before=participant.joined_at_ms / 1000)
        elif event.event == "participant_joined" and policy.is_person(participant):
            # Leave time for the agent that LiveKit itself sends into a new room.
            age = event.created_at - room.creation_time
            self.schedule(room.name, max(0, policy.SECONDS_TO_TAKE - age))

    def schedule(self, room: str, after: float, settled_before: float = 0) -> None:
        """Check after so many seconds whether `room` lacks an agent, and again until it has one.

        An earlier check that is already scheduled counts. `settled_before` is for
        `policy.seconds_to_wait`, by the clock of the LiveKit server.
        """
        if not self._is_open:
            return
        loop = asyncio.get_running_loop()
        check_at = loop.time() + after
        if room in self._checks:
            timer, earlier = self._checks.pop(room)
            timer.cancel()
            check_at, settled_before = min(check_at, timer.when()), max(settled_before, earlier)

        def start() -> None:
            del self._checks[room]
            self._run(self._check(room, settled_before))

        self._checks[room] = (loop.call_at(check_at, start), settled_before)

    def check_all(self) -> None:
        """Check all rooms, because a worker can now take jobs."""
        # Newer dispatches may be pending at another worker. Older ones failed, but perhaps because
        # of a bug that this worker no longer has.
        self._run(self._check_all(since=time.time() - 1))

    def sweep(self) -> None:
        """Start to check some rooms periodically: not every webhook arrives."""
        if self._is_open:
            self._run(self._sweep())

    async def _sweep(self) -> None:
        while True:
            seconds = self._settings.dispatch_sweep_seconds
            await asyncio.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311
            await self._attempt(self._check_all(at_most=SWEEP))  # or a failure would end it

    def remove(self, room: str, identity: str) -> None:
        """Remove an agent whose process has ended: livekit-server takes 20 seconds (measured)."""
        if self._is_open:
            self._run(self._server.remove(room, identity))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._attempt(work))
        self._running.add(task)  # asyncio keeps only weak references
        task.add_done_callback(self._running.discard)

    async def _attempt(self, work: Coroutine[None, None, None]) -> None:
        """Do `work`, or log the first of successive failures. The next sweep will try again."""
        try:
            await work
            self._has_failed = False
        except Exception as error:  # of any kind, if what answers is not a LiveKit server
            if isinstance(error, TwirpError) and error.status == 404:
                return  # the room has closed
            if not self._has_failed:
                logger.warning("Could not check the rooms: %.300s", str(error) or repr(error))
            self._has_failed = True

    async def _check_expected(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        expected, self._expected = self._expected, {}
        # Joining a room that is not listed opens it, and LiveKit sends an agent.
        for room in await self._server.rooms(expected):
            self._run(self._check(room.name, options=expected[room.name]))

    async def _check_all(self, since: float = 0, at_most: int | None = None) -> None:
        now = time.time()
        open_rooms = [
            room.name
            for room in await self._server.rooms()
            if room.num_participants or room.creation_time > now - COUNT_AGE_SECONDS
        ]
        self._not_ours.intersection_update(open_rooms)
        random.shuffle(open_rooms)
        open_rooms.sort(key=self._not_ours.__contains__)  # last, in case this has changed
        for name in open_rooms[:at_most]:
            self._run(self._check(name, since, forget_before=since))

    async def _check(
        self,
        room: str,
        settled_before: float = 0,
        forget_before: float = 0,
        options: names.JobOptions | None = None,
    ) -> None:
        """Dispatch our agent to `room` if it has a person, no agent, and no pending dispatch.

        `options` are from a new token, whose owner is about to join.
        """
        async with self._slots:
            is_expected = options is not None
            if not await self._lacks_agent(room, is_expected):
                return
            await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))  # noqa: S311
            dispatches = await self._server.dispatches(room)
            if not await self._is_ours(room, dispatches, is_expected):
                self._not_ours.add(room)
                return
            self._not_ours.discard(room)
            earlier = policy.dispatches_for(self._name, dispatches)
            wait = policy.seconds_to_wait(earlier, time.time(), settled_before, forget_before)
            if not wait:
                if earlier and not options:
                    latest = max(earlier, key=lambda dispatch: dispatch.state.created_at)
                    options = {name: getattr(latest, name) for name in names.JOB_OPTIONS}
                logger.warning(
                    "No agent is in the room %.100r: asking for one (if none comes, "
                    "run python -m app.doctor)",
                    room,
                    extra={"room": room},
                )
                request = CreateAgentDispatchRequest(room=room, **(options or {}))
                request.agent_name = self._name  # only explicit
                await self._server.send_agent(request)
                DISPATCHES.inc()
                wait = policy.SECONDS_TO_TAKE
        self.schedule(room, wait, settled_before)

    async def _is_ours(self, room: str, dispatches: list[AgentDispatch], is_expected: bool) -> bool:
        if self._name and is_expected:
            return True  # our token asks for it, but LiveKit reads that only for new rooms
        if not policy.is_our_room(self._name, dispatches):
            return False
        infos = await self._server.rooms([room])
        return not any(policy.opts_out(self._name, info.metadata) for info in infos)

    async def _lacks_agent(self, room: str, is_expected: bool) -> bool:
        participants = await self._server.participants(room)
        if not (is_expected or any(map(policy.is_person, participants))):
            return False
        for agent in (p.identity for p in participants if policy.is_agent(p, self._name)):
            if await self._server.is_connected(room, agent):
                return False
        return True
