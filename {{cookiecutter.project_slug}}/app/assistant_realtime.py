"""What the agent hears, says and does: the file to edit first.

One model hears speech and speaks: OpenAI Realtime, by the names in .env. Another provider's is one
line away:

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
You are a friendly assistant, and you speak with a person.

- Answer in one to three short sentences of plain words.
- Ask one question at a time. If you have not understood, say so and ask again.
- Use your tools for what they can tell you, and say so when you do not know something.
"""
HOW_TO_GREET = "Say hello in one short sentence, and ask what you can do."


class Assistant(Agent):
    """The agent of one room."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions=HOW_TO_GREET)

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
            text_input=False,  # `conversation` reads the chat
            # Who reloads the page meets the agent again, and at once.
            close_on_disconnect=False,
        ),
    )
    return session
