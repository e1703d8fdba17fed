"""Text and sound between a person and the assistant in a real room."""

import asyncio

import numpy as np
from livekit import rtc

from tests.e2e.person import TIMEOUT, Person

RATE = 48_000  # hertz
TONE = 440  # hertz


async def test_it_greets_and_answers_a_chat_message(backend: str) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    await person.says("good morning")
    await person.hears("You wrote: good morning")
    assert len(person.heard) == 2
    await person.leave()


async def test_a_person_who_returns_meets_the_same_agent(backend: str) -> None:
    first = await Person.with_token_from(backend, room_name="again")
    agent = await first.meets_agent()
    await turn_microphone_on(first)
    await first.hears_track()  # now the agent knows this person
    await first.leave()
    second = await Person.with_token_from(backend, room_name="again")
    assert (await second.meets_agent()).identity == agent.identity
    await second.says("me again")
    await second.hears("You wrote: me again")
    await second.leave()


async def turn_microphone_on(person: Person) -> rtc.AudioSource:
    source = rtc.AudioSource(RATE, 1)
    await person.room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("microphone", source),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )
    return source


async def play_tone(source: rtc.AudioSource) -> None:
    """Play a tone until cancelled."""
    samples = RATE // 100
    for start in range(0, RATE * TIMEOUT, samples):
        times = (start + np.arange(samples)) / RATE
        wave = (np.sin(2 * np.pi * TONE * times) * 10_000).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(wave.tobytes(), RATE, 1, samples))


async def test_it_plays_a_persons_voice_back(backend: str) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    playing = asyncio.create_task(play_tone(await turn_microphone_on(person)))

    heard = np.empty(0, np.int16)
    async with asyncio.timeout(TIMEOUT):
        async for event in rtc.AudioStream(await person.hears_track(), sample_rate=RATE):
            heard = np.append(heard, np.frombuffer(event.frame.data, np.int16))[-RATE:]
            if len(heard) == RATE and np.abs(heard).min() < np.abs(heard).max():
                spectrum = np.abs(np.fft.rfft(heard))
                if spectrum.argmax() in range(TONE - 2, TONE + 3):
                    break
    playing.cancel()
    await person.leave()
