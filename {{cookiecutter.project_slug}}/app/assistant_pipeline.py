"""What the agent hears, says and does: the file to edit first.

Speech becomes text, a language model answers it, the answer becomes speech. LiveKit Inference runs
the three models that .env names. A provider's own plugin is one line away:

    uv add "livekit-agents[deepgram]"
    stt=deepgram.STT(),  # in `start`, and above: from livekit.plugins import deepgram
"""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

from livekit.agents import Agent, AgentSession, JobContext, JobProcess, ToolError, function_tool
from livekit.agents.voice import room_io

from app.conversation import missing_key, speech
from app.settings import Settings

INSTRUCTIONS = """\
You are a friendly assistant, and you speak with a person: what you write is read aloud.

- Answer in one to three short sentences of plain words, without lists, markup or emojis.
- Say numbers, times and addresses as a person would say them.
- Ask one question at a time. If you have not understood, say so and ask again.
- Use your tools for what they can tell you, and say so when you do not know something.
"""
GREETING = "Hello! What can I do for you?"


class Assistant(Agent):
    """The agent of one room."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        self.session.say(GREETING)

    @function_tool
    async def time_in(self, zone: str) -> str:
        """Tells the date and the time of day somewhere in the world.

        Args:
            zone: The time zone by its IANA name, such as Europe/Paris.
        """
        try:
            return f"{datetime.now(ZoneInfo(zone)):%A, %d %B %Y, %H:%M}"
        except (LookupError, ValueError, OSError):
            raise ToolError(f"There is no time zone {zone}: give the IANA name.") from None


def prewarm(process: JobProcess) -> None:
    """Runs once in each process, before it gets a job: load here what no person should wait for."""
    if Settings().is_cloud:
        # Where LiveKit Cloud does not run it, it would complain of each connection.
        from livekit.plugins import noise_cancellation

        process.userdata["noise_cancellation"] = noise_cancellation.BVC()


async def start(job: JobContext) -> AgentSession[None]:
    """Brings the assistant into the room of `job`, which has joined it, until the room closes."""
    settings = Settings()
    if settings.missing_key:
        return await missing_key.start(job, settings.missing_key)
    # The SDK's models read these from the environment, which .env is not in without honcho.
    key, secret = settings.inference_credentials
    os.environ |= {"LIVEKIT_INFERENCE_API_KEY": key, "LIVEKIT_INFERENCE_API_SECRET": secret}

    # What finds speech, its end and interruptions is in the SDK; under `dev`, LiveKit Cloud helps.
    session = AgentSession[None](
        stt=settings.assistant_stt,
        llm=settings.assistant_llm,
        tts=settings.assistant_tts,
    )
    speech.attend(job, session)
    await session.start(
        Assistant(),
        room=job.room,
        room_options=room_io.RoomOptions(
            audio_input=room_io.AudioInputOptions(
                frame_size_ms=20,  # with the SDK's 50, the end of speech is noticed later
                noise_cancellation=job.proc.userdata.get("noise_cancellation"),
            ),
            text_input=False,  # `conversation` reads the chat
            # Who reloads the page meets the agent again, and at once.
            close_on_disconnect=False,
        ),
    )
    return session
