"""A person with a LiveKit client."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from livekit import rtc

TIMEOUT = 20  # seconds to wait for something that should happen at once


class Person:
    """A person in a room.

    Attributes:
        room: the LiveKit room.
        heard: transcriptions, line by line: what agents said and understood (`lk.transcription`).
        read: chat messages from others (`lk.chat`).  # only pipeline or realtime
        came_at: when this person started to join (`time.perf_counter`).
    """

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.heard: list[str] = []
        self.read: list[str] = []  # only pipeline or realtime
        self.came_at = time.perf_counter()
        self._changed = asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        for event in ("participant_connected", "participant_disconnected", "track_subscribed"):
            self.room.on(event, lambda *_: self._changed.set())
        listen = self.room.register_text_stream_handler
        listen("lk.transcription", self._into(self.heard))
        listen("lk.chat", self._into(self.read))  # only pipeline or realtime

    @classmethod
    async def with_token_from(cls, backend: str, **request: Any) -> "Person":
        """Get a token from the token backend at `backend`, and join its room."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{backend}/token", json=request) as answer,
        ):
            answer.raise_for_status()
            grant = await answer.json()
        return await cls.with_token(grant["server_url"], grant["participant_token"])

    @classmethod
    async def with_token(cls, url: str, token: str) -> "Person":
        """Join with the given token."""
        person = cls()
        await person.room.connect(url, token)
        return person

    async def leave(self) -> None:
        await self.room.disconnect()

    @property
    def agents(self) -> list[rtc.RemoteParticipant]:
        """The agents that this person sees in the room."""
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return [p for p in self.room.remote_participants.values() if p.kind == kind]

    async def meets_agent(self) -> rtc.RemoteParticipant:
        """Wait for an agent.

        Raises:
            TimeoutError: no agent joined within TIMEOUT seconds.
        """
        await self._until(lambda: self.agents)
        return self.agents[0]

    async def meets_agent_other_than(self, lost: str) -> rtc.RemoteParticipant:
        """Wait until there is an agent, and none with the identity `lost`."""
        await self._until(lambda: self.agents and lost not in (a.identity for a in self.agents))
        return self.agents[0]

    async def is_with_one_agent(self) -> None:
        """Wait until there is one agent, and all surplus agents have left."""
        await self._until(lambda: len(self.agents) == 1)

    async def hears(self, words: str) -> None:
        """Wait until an agent has said something that contains `words`."""
        await self._until(lambda: self.lines_with(words))

    def lines_with(self, words: str) -> list[str]:
        return [line for line in self.heard if words in line]

    # begin only pipeline or realtime
    async def reads(self, words: str) -> None:
        """Wait until somebody has written `words` in the chat."""
        await self._until(lambda: words in self.read)

    # end only pipeline or realtime
    async def says(self, words: str) -> None:
        """Send a chat message, as LiveKit's own frontends do."""
        await self.room.local_participant.send_text(words, topic="lk.chat")

    async def hears_track(self) -> rtc.Track:
        """Wait for an agent's audio track."""
        await self._until(self._tracks)
        return self._tracks()[0]

    def _tracks(self) -> list[rtc.Track]:
        publications = [p.track_publications.values() for p in self.agents]
        return [p.track for several in publications for p in several if p.track]

    async def _until(self, holds: Any) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def _into(self, lines: list[str]) -> Callable[[rtc.TextStreamReader, str], None]:
        """Return a handler that appends each text stream to `lines`, or replaces its segment."""
        segments: dict[str, int] = {}

        async def read(reader: rtc.TextStreamReader) -> None:
            with contextlib.suppress(ConnectionError):  # this person has left mid-sentence
                text = await reader.read_all()
                segment = (reader.info.attributes or {}).get("lk.segment_id", reader.info.stream_id)
                index = segments.setdefault(segment, len(lines))
                lines[index : index + 1] = [text]
                self._changed.set()

        def on_stream(reader: rtc.TextStreamReader, _: str) -> None:
            task = asyncio.create_task(read(reader))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

        return on_stream
