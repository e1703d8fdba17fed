"""The assistant: what it hears, says and does. Edit this file first.

This assistant needs no model and no account. It answers each chat message and echoes
the person's voice, so you can see and hear that the whole path works.
# begin only 1.8

To get one that talks, see docs/updates.md (assistant: pipeline).
# end only 1.8
# begin only 1.0.23

To make it talk, give the session models, and it does the answering:

    session = AgentSession[None](
        stt=deepgram.STT(), llm=openai.LLM(), tts=cartesia.TTS(), vad=silero.VAD.load()
    )
    await session.start(Assistant(), room=job.room)
    return session

Then delete `llm_node`, `echo` and their callers.

The models are plugins: uv add "livekit-agents[deepgram,openai,cartesia,silero]==1.0.23", then
from livekit.plugins import cartesia, deepgram, openai, silero
# end only 1.0.23
"""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext, JobProcess, llm
from livekit.agents.voice import room_io

from app.conversation import chat
from app.dispatch.policy import is_person

SAMPLE_RATE = 48_000  # hertz, what WebRTC carries
# A caller cannot read the greeting: a quarter of a second of A4 says that the agent is there.
BEEP = [int(6_000 * math.sin(math.tau * 440 * n / SAMPLE_RATE)) for n in range(SAMPLE_RATE // 4)]
READING_SECONDS = 2  # for the greeting; meanwhile, the agent's state is "speaking"


class Assistant(Agent):
    """The agent of one room."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a friendly assistant. Keep your answers short.")

    async def on_enter(self) -> None:
        self.session.say(self.greeting())

    async def greeting(self) -> AsyncIterator[str]:
        yield "Hello! Write to me, or turn your microphone on to hear yourself."
        await asyncio.sleep(READING_SECONDS)

    async def llm_node(self, context: llm.ChatContext, *_: Any) -> AsyncIterator[str]:
        """Answer a message. A language model would do this."""
        yield f"You wrote: {chat.last_message(context)}"


def prewarm(process: JobProcess) -> None:
    """Load models into `process.userdata`. Runs once in each process, before its first job."""


async def echo(room: rtc.Room, microphone: rtc.Track, is_call: bool) -> None:
    """Play `microphone` back into the room. In a phone call, begin with a beep."""
    source = rtc.AudioSource(SAMPLE_RATE, num_channels=1)
    publication = await room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("echo", source),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )
    if is_call:  # answered once it gets this track; nobody listens before
        await publication.wait_for_subscription()
        beep = array("h", BEEP).tobytes()
        await source.capture_frame(rtc.AudioFrame(beep, SAMPLE_RATE, 1, len(BEEP)))
    # This ends only when the agent leaves (measured). To unpublish then makes livekit 1.1.10 hang.
    async for event in rtc.AudioStream(microphone, sample_rate=SAMPLE_RATE, num_channels=1):
        await source.capture_frame(event.frame)


async def start(job: JobContext) -> AgentSession[None]:
    """Start the assistant in the room of `job`, which has already joined it."""
    # begin only 1.8
    # By default, `dev` asks LiveKit Cloud to detect the end of a turn.
    session = AgentSession[None](llm=chat.NoModel(), turn_handling={"turn_detection": None})
    # end only 1.8
    session = AgentSession[None](llm=chat.NoModel())  # only 1.0.23
    session.output.set_audio_enabled(False)  # the console would ask for a voice

    @job.room.on("track_subscribed")
    def on_track(
        track: rtc.Track, publication: rtc.RemoteTrackPublication, person: rtc.RemoteParticipant
    ) -> None:
        if publication.source == rtc.TrackSource.SOURCE_MICROPHONE and is_person(person):
            is_call = person.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP
            chat.run(echo(job.room, track, is_call))

    for person in job.room.remote_participants.values():
        for publication in person.track_publications.values():
            if publication.track:
                on_track(publication.track, publication, person)

    chat.on_message(job.room, lambda words: chat.answer(session, words))
    chat.repeat_greeting(job.room, session)

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
