"""The side of `lk agent console` and `lk agent debugger` (livekit-cli): they listen on a TCP port.

Messages are protobufs (livekit.protocol's agent_session), each after its length in four bytes.
"""

import asyncio
import itertools
import struct
from typing import Any

from livekit.protocol.agent_pb.agent_session import (
    AgentSessionMessage,
    SessionRequest,
    SessionResponse,
)

from tests.e2e.programs import TIMEOUT


class Lk:
    """A listener to which one worker connects.

    Attributes:
        address: what the worker gets as --connect-addr.
        said: what the agent and the person have said.
        heard: bytes of the agent's voice.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.heard = 0
        self._answers: dict[str, SessionResponse] = {}
        self._ids = map(str, itertools.count())
        self._changed = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "Lk":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def asks(self, **request: Any) -> SessionResponse:
        """Send a request, and wait for its answer."""
        await self._until(lambda: self._writer)
        name = next(self._ids)
        self._send(AgentSessionMessage(request=SessionRequest(request_id=name, **request)))
        await self._until(lambda: name in self._answers)
        assert not self._answers[name].error
        return self._answers[name]

    async def reads(self, words: str) -> None:
        """Wait until somebody has said something that contains `words`."""
        await self._until(lambda: any(words in line for line in self.said))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while True:
            async with self._changed:
                self._changed.notify_all()
            try:
                (length,) = struct.unpack(">I", await reader.readexactly(4))
                self._receive(AgentSessionMessage.FromString(await reader.readexactly(length)))
            except (asyncio.IncompleteReadError, ConnectionError):
                return

    def _receive(self, message: AgentSessionMessage) -> None:
        match message.WhichOneof("message"):
            case "response":
                self._answers[message.response.request_id] = message.response
            case "event" if message.event.HasField("conversation_item_added"):
                item = message.event.conversation_item_added.item.message
                self.said += [content.text for content in item.content]
            case "audio_output":
                self.heard += len(message.audio_output.data)
            case "audio_playback_flush":  # everything has been played
                finished = AgentSessionMessage.ConsoleIO.AudioPlaybackFinished()
                self._send(AgentSessionMessage(audio_playback_finished=finished))

    def _send(self, message: AgentSessionMessage) -> None:
        assert self._writer
        data = message.SerializeToString()
        self._writer.write(struct.pack(">I", len(data)) + data)

    async def _until(self, holds: Any) -> None:
        async with asyncio.timeout(TIMEOUT), self._changed:
            await self._changed.wait_for(holds)
