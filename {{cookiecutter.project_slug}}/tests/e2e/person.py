"""A person with a LiveKit client, as the tests need one."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from livekit import rtc

TIMEOUT = 20  # seconds until a test gives up on what should come at once


class Person:
    """Somebody in a room.

    Attributes:
        room: the LiveKit room.
        heard: what agents said, and what they understood, line by line (`lk.transcription`).
        read: what was written into the chat by others (`lk.chat`).  # only pipeline or realtime
        came_at: when this person set out to join (`time.perf_counter`).
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
        """Asks the token backend at `backend` for a token and joins the room that it opens."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{backend}/token", json=request) as answer,
        ):
            answer.raise_for_status()
            grant = await answer.json()
        return await cls.with_token(grant["server_url"], grant["participant_token"])

    @classmethod
    async def with_token(cls, url: str, token: str) -> "Person":
        """Joins with a token that is at hand."""
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
        """Waits for an agent.

        Raises:
            TimeoutError: nobody came within TIMEOUT seconds.
        """
        await self._until(lambda: self.agents)
        return self.agents[0]

    async def is_with_one_agent(self) -> None:
        """Waits until there is one agent, and no other that has yet to see that and leave."""
        await self._until(lambda: len(self.agents) == 1)

    async def hears(self, words: str) -> None:
        """Waits until an agent has said something with `words` in it."""
        await self._until(lambda: self.lines_with(words))

    def lines_with(self, words: str) -> list[str]:
        return [line for line in self.heard if words in line]

    # begin only pipeline or realtime
    async def reads(self, words: str) -> None:
        """Waits until somebody has written `words` into the chat."""
        await self._until(lambda: words in self.read)

    # end only pipeline or realtime
    async def says(self, words: str) -> None:
        """Writes a chat message, as LiveKit's own frontends do."""
        await self.room.local_participant.send_text(words, topic="lk.chat")

    async def hears_track(self) -> rtc.Track:
        """Waits for the sound of another participant."""
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
        """Has each stream of text become one of `lines`."""

        async def read(reader: rtc.TextStreamReader) -> None:
            with contextlib.suppress(ConnectionError):  # this person left in mid-sentence
                lines.append(await reader.read_all())
                self._changed.set()

        def on_stream(reader: rtc.TextStreamReader, _: str) -> None:
            task = asyncio.create_task(read(reader))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

        return on_stream
