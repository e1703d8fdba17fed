"""The assistant: what it hears, says and does. Edit this file first.

This assistant needs no model and no account. It answers each chat message and echoes
the person's voice, so you can see and hear that the whole path works.
# begin only 1.8

To get one that talks, see README.md ("Other answers, or a newer template").
# end only 1.8
# begin only 1.0.23

To make it talk, give the session models, and it does the answering:

    session = AgentSession[None](
        stt=deepgram.STT(), llm=openai.LLM(), tts=cartesia.TTS(), vad=silero.VAD.load()
    )
    await session.start(Assistant(), room=job.room)
    return session

Then delete `answer`, `echo` and their callers.

The models are plugins: uv add "livekit-agents[deepgram,openai,cartesia,silero]==1.0.23", then
from livekit.plugins import cartesia, deepgram, openai, silero
# end only 1.0.23
"""

import asyncio
from collections.abc import Coroutine

from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext, JobProcess
from livekit.agents.voice import room_io

from app.conversation import chat
from app.dispatch.policy import is_person

SAMPLE_RATE = 48_000  # hertz, what WebRTC carries


class Assistant(Agent):
    """The agent of one room."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a friendly assistant. Keep your answers short.")

    async def on_enter(self) -> None:
        self.session.say("Hello! Write to me, or turn your microphone on to hear yourself.")


def prewarm(process: JobProcess) -> None:
    """Load models into `process.userdata`. Runs once in each process, before its first job."""


async def answer(session: AgentSession[None], words: str) -> None:
    """Answer a chat message."""
    session.say(f"You wrote: {words}")


async def echo(room: rtc.Room, microphone: rtc.Track) -> None:
    """Play `microphone` back into the room until it ends."""
    source = rtc.AudioSource(SAMPLE_RATE, num_channels=1)
    publication = await room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("echo", source),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )
    async for event in rtc.AudioStream(microphone, sample_rate=SAMPLE_RATE, num_channels=1):
        await source.capture_frame(event.frame)
    await room.local_participant.unpublish_track(publication.sid)


async def start(job: JobContext) -> AgentSession[None]:
    """Start the assistant in the room of `job`, which has already joined it."""
    session = AgentSession[None]()
    running: set[asyncio.Task[None]] = set()

    def run(work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        running.add(task)  # asyncio keeps only weak references
        task.add_done_callback(running.discard)

    @job.room.on("track_subscribed")
    def on_track(
        track: rtc.Track, publication: rtc.RemoteTrackPublication, person: rtc.RemoteParticipant
    ) -> None:
        if publication.source == rtc.TrackSource.SOURCE_MICROPHONE and is_person(person):
            run(echo(job.room, track))

    for person in job.room.remote_participants.values():
        for publication in person.track_publications.values():
            if publication.track:
                on_track(publication.track, publication, person)

    chat.on_message(job.room, lambda words: answer(session, words))

    # The session sets the attribute lk.agent.state at once. Without an attribute, the server
    # announces an agent up to three seconds late (measured).
    await session.start(
        Assistant(),
        room=job.room,
        # begin only 1.0.23
        room_input_options=room_io.RoomInputOptions(text_enabled=False, audio_enabled=False),
        room_output_options=room_io.RoomOutputOptions(audio_enabled=False),
        # end only 1.0.23
        # begin only 1.8
        room_options=room_io.RoomOptions(
            text_input=False,
            audio_input=False,
            audio_output=False,
            # Keep the session when the person reloads the page.
            close_on_disconnect=False,
        ),
        # end only 1.8
    )
    return session
