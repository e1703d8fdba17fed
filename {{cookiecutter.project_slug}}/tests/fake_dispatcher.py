"""The dispatching side of LiveKit's worker protocol, without rooms behind it."""

import asyncio
import math

from aiohttp import WSMsgType, web
from livekit.protocol import agent, models


class FakeDispatcher:
    """Registers one worker and offers it jobs, as livekit-server does at /agent."""

    def __init__(self) -> None:
        self.registration: asyncio.Future[agent.RegisterWorkerRequest] = asyncio.Future()
        self._statuses: asyncio.Queue[agent.UpdateWorkerStatus] = asyncio.Queue()
        self._answers: asyncio.Queue[agent.AvailabilityResponse] = asyncio.Queue()
        self._worker: web.WebSocketResponse | None = None
        application = web.Application()
        application.router.add_get("/agent", self._serve)
        self._runner = web.AppRunner(application)

    async def __aenter__(self) -> "FakeDispatcher":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def offer(self, room: str) -> agent.AvailabilityResponse:
        """Offer the job of `room` to the worker, and return its answer."""
        assert self._worker, "no worker has registered"
        job = agent.Job(id=f"AJ_{room}", type=agent.JT_ROOM, room=models.Room(name=room))
        await self._send(agent.ServerMessage(availability=agent.AvailabilityRequest(job=job)))
        answer = await asyncio.wait_for(self._answers.get(), 10)
        if answer.available:  # without its assignment, the worker is slow to close
            assignment = agent.JobAssignment(job=job, url=self.url, token="no-token")
            await self._send(agent.ServerMessage(assignment=assignment))
        return answer

    async def has_load(self, load: float) -> agent.WorkerStatus:
        """Wait until the worker reports this `load`, and return its status."""
        while True:
            status = await asyncio.wait_for(self._statuses.get(), 10)
            if math.isclose(status.load, load, rel_tol=1e-6):  # sent as a 32-bit float
                return status.status

    async def _send(self, message: agent.ServerMessage) -> None:
        assert self._worker
        await self._worker.send_bytes(message.SerializeToString())

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        self._worker = web.WebSocketResponse()
        await self._worker.prepare(request)
        async for frame in self._worker:
            if frame.type != WSMsgType.BINARY:
                break
            message = agent.WorkerMessage.FromString(frame.data)
            if message.HasField("register"):
                await self._send(
                    agent.ServerMessage(register=agent.RegisterWorkerResponse(worker_id="AW_1"))
                )
                self.registration.set_result(message.register)
            elif message.HasField("availability"):
                await self._answers.put(message.availability)
            elif message.HasField("update_worker"):
                await self._statuses.put(message.update_worker)
        return self._worker
