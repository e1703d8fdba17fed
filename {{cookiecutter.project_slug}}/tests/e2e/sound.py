# file only pipeline or realtime
"""The microphone and loudspeaker of a person."""

import asyncio
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from tests.e2e.person import TIMEOUT, Person

RATE = 16_000  # hertz
FRAME = RATE // 100  # samples
LOUD = 1_000  # of 32,767; codec noise stays below
PAUSE_SECONDS = 0.4  # of silence, after which an agent has stopped speaking

Sound = NDArray[np.int16]


def recorded(path: Path) -> Sound:
    """Return the samples of a 16 kHz WAV file."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


class Call:
    """A person in a room with the microphone on."""

    def __init__(self, source: rtc.AudioSource, track: rtc.Track) -> None:
        self._source = source
        self._track = track
        self._to_say: asyncio.Queue[tuple[Sound, asyncio.Event]] = asyncio.Queue()
        self._sounded = asyncio.Event()
        self.first_sound = self._last_sound = 0.0

    async def says(self, sound: Sound) -> float:
        """Speak into the microphone; return the time at which the last sample was sent."""
        is_sent = asyncio.Event()
        self._to_say.put_nowait((sound, is_sent))
        await is_sent.wait()
        return time.perf_counter()

    async def hears(self) -> float:
        """Wait for the agent's first sound after a silence; return its time."""
        async with asyncio.timeout(TIMEOUT):
            await self._sounded.wait()
        return self.first_sound

    async def hears_nothing_more(self) -> None:
        """Wait until the agent has spoken and is quiet again."""
        async with asyncio.timeout(TIMEOUT):
            await self._sounded.wait()
            while (quiet := time.perf_counter() - self._last_sound) < PAUSE_SECONDS:
                await asyncio.sleep(PAUSE_SECONDS - quiet)
        self._sounded.clear()

    async def _send(self) -> None:
        """Send without a pause, as a microphone does: silence when there is nothing to say."""
        silence = np.zeros(FRAME, np.int16), asyncio.Event()
        while True:
            sound, is_sent = silence if self._to_say.empty() else self._to_say.get_nowait()
            for start in range(0, len(sound), FRAME):
                frame = sound[start : start + FRAME]
                await self._source.capture_frame(
                    rtc.AudioFrame(frame.tobytes(), RATE, 1, len(frame))
                )
            is_sent.set()

    async def _receive(self) -> None:
        async for event in rtc.AudioStream(self._track, sample_rate=RATE, num_channels=1):
            if np.abs(np.frombuffer(event.frame.data, np.int16)).max() > LOUD:
                self._last_sound = time.perf_counter()
                if not self._sounded.is_set():
                    self.first_sound = self._last_sound
                    self._sounded.set()


@asynccontextmanager
async def calling(person: Person) -> AsyncIterator[Call]:
    """Turn on the microphone of `person`, who has already met an agent."""
    source = rtc.AudioSource(RATE, 1, queue_size_ms=20)
    call = Call(source, await person.hears_track())
    receiving = asyncio.create_task(call._receive())
    await person.room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("microphone", source),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )
    sending = asyncio.create_task(call._send())
    try:
        yield call
    finally:
        receiving.cancel()
        sending.cancel()
        await asyncio.gather(receiving, sending, return_exceptions=True)
