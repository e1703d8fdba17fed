"""What the agent hears, says and does: the file to edit first.

This assistant needs no model and no account. It answers each chat message in words and plays a
person's voice back, so you can see and hear that the whole path works.
# begin only 1.8

README.md says how to take one that talks ("Other answers, or a newer template").
# end only 1.8
# begin only 1.0.23

To give it a mind, hand models to the session and let the session do the answering:

    session = AgentSession[None](
        stt=deepgram.STT(), llm=openai.LLM(), tts=cartesia.TTS(), vad=silero.VAD.load()
    )
    await session.start(Assistant(), room=job.room)
    return session

and delete `answer`, `echo` and what calls them.

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
    """Runs once in each process, before it gets a job: load here what no person should wait for.

    An assistant without models has nothing to load; a model would go into `process.userdata`.
    """


async def answer(session: AgentSession[None], words: str) -> None:
    """Answers a chat message."""
    session.say(f"You wrote: {words}")


async def echo(room: rtc.Room, microphone: rtc.Track) -> None:
    """Plays `microphone` back into the room until it ends."""
    source = rtc.AudioSource(SAMPLE_RATE, num_channels=1)
    publication = await room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("echo", source),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )
    async for event in rtc.AudioStream(microphone, sample_rate=SAMPLE_RATE, num_channels=1):
        await source.capture_frame(event.frame)
    await room.local_participant.unpublish_track(publication.sid)


async def start(job: JobContext) -> AgentSession[None]:
    """Brings the assistant into the room of `job`, which has joined it, until the room closes."""
    session = AgentSession[None]()
    running: set[asyncio.Task[None]] = set()

    def run(work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        running.add(task)  # asyncio itself does not keep it alive
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

    # As it starts, the session sets an attribute of the agent (lk.agent.state). So a person sees it
    # at once: the server holds a silent arrival back for up to three seconds (measured).
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
            # Who reloads the page meets the agent again, and at once.
            close_on_disconnect=False,
        ),
        # end only 1.8
    )
    return session
