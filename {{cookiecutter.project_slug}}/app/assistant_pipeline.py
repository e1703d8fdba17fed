"""The assistant: what it hears, says and does. Edit this file first.

Speech-to-text, a language model and text-to-speech, run by LiveKit Inference and chosen in .env.
Where .env names several models for a role, the next one takes over when one fails.
To use a provider's own plugin instead, change one line:

    uv add "livekit-agents[deepgram]"
    stt=deepgram.STT(),  # in `start`, and above: from livekit.plugins import deepgram
"""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

from livekit.agents import Agent, AgentSession, JobContext, JobProcess, ToolError, function_tool
from livekit.agents.voice import room_io

from app.conversation import fallback, missing_key, speech
from app.settings import Settings

INSTRUCTIONS = """\
You are a friendly voice assistant. What you write is read aloud.

- Answer in one to three short, plain sentences, without lists, markup or emojis.
- Write numbers, times and addresses the way a person would say them.
- Ask one question at a time. If you did not understand, say so and ask again.
- Use your tools when they help, and say so when you do not know something.
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
        """Tell the date and time in a time zone.

        Args:
            zone: The IANA name of the time zone, such as Europe/Paris.
        """
        try:
            return f"{datetime.now(ZoneInfo(zone)):%A, %d %B %Y, %H:%M}"
        except (LookupError, ValueError, OSError):
            raise ToolError(f"Unknown time zone {zone}: give an IANA name.") from None


def prewarm(process: JobProcess) -> None:
    """Load what nobody should wait for. Runs once in each process, before its first job."""
    if Settings().is_cloud:
        # Only for LiveKit Cloud: with another server, it complains about every connection.
        from livekit.plugins import noise_cancellation

        process.userdata["noise_cancellation"] = noise_cancellation.BVC()


async def start(job: JobContext) -> AgentSession[None]:
    """Start the assistant in the room of `job`, which has already joined it."""
    settings = Settings()
    if settings.missing_key:
        return await missing_key.start(job, settings.missing_key)
    # The SDK's models read these from the environment, where .env is not loaded without honcho.
    key, secret = settings.inference_credentials
    os.environ |= {"LIVEKIT_INFERENCE_API_KEY": key, "LIVEKIT_INFERENCE_API_SECRET": secret}

    # The SDK detects speech, turns and interruptions; under `dev`, LiveKit Cloud helps.
    session = AgentSession[None](
        stt=fallback.stt_of(settings.assistant_stt),
        llm=fallback.llm_of(settings.assistant_llm),
        tts=fallback.tts_of(settings.assistant_tts),
    )
    speech.attend(job, session)
    await session.start(
        Assistant(),
        room=job.room,
        room_options=room_io.RoomOptions(
            audio_input=room_io.AudioInputOptions(
                frame_size_ms=20,  # with the SDK's 50, the end of speech is detected later
                noise_cancellation=job.proc.userdata.get("noise_cancellation"),
            ),
            text_input=False,  # app/conversation reads the chat
            # Keep the session when the person reloads the page.
            close_on_disconnect=False,
        ),
    )
    return session
