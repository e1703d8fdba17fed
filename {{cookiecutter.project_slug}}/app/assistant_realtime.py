"""The assistant: what it hears, says and does. Edit this file first.

One model hears and speaks: OpenAI Realtime, with the model and voice chosen in .env. To use another
provider, change one line:

    uv add "livekit-agents[google]"
    llm=google.realtime.RealtimeModel(),  # in `start`; above: from livekit.plugins import google
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from livekit.agents import Agent, AgentSession, JobContext, JobProcess, ToolError, function_tool
from livekit.agents.voice import room_io
from livekit.plugins import openai

from app.conversation import missing_key, speech
from app.settings import Settings

INSTRUCTIONS = """\
You are a friendly voice assistant.

- Answer in one to three short, plain sentences.
- Ask one question at a time. If you did not understand, say so and ask again.
- Use your tools when they help, and say so when you do not know something.
"""
HOW_TO_GREET = "Say hello in one short sentence, and ask how you can help."


class Assistant(Agent):
    """The agent of one room."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions=HOW_TO_GREET)

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
    session = AgentSession[None](
        llm=openai.realtime.RealtimeModel(
            model=settings.assistant_model,
            voice=settings.assistant_voice,
            api_key=settings.openai_api_key.get_secret_value(),
        ),
    )
    speech.attend(job, session)
    await session.start(
        Assistant(),
        room=job.room,
        room_options=room_io.RoomOptions(
            audio_input=room_io.AudioInputOptions(
                noise_cancellation=job.proc.userdata.get("noise_cancellation")
            ),
            text_input=False,  # app/conversation reads the chat
            # Keep the session when the person reloads the page.
            close_on_disconnect=False,
        ),
    )
    return session
