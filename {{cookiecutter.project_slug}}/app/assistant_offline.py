"""The assistant: what it hears, says and does. Edit this file first.

This assistant hears and speaks without an account or a network. A few rules make up its answers
(app/conversation/local_models.py). To use a language model instead, change one line:

    uv add "livekit-agents[openai]"
    llm=openai.LLM.with_ollama(model="llama3.2"),  # from livekit.plugins import openai
"""

from livekit.agents import (
    Agent,
    AgentSession,
    JobContext,
    JobProcess,
    TurnHandlingOptions,
    inference,
)
from livekit.agents.voice import room_io

from app.conversation import speech
from app.conversation.local_models import Ears, RuleBasedMind, Voice

GREETING = "Hello! I am a few rules, not a language model. Ask me for a story, or for the time."


class Assistant(Agent):
    """The agent of one room."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a friendly assistant. Keep your answers short.")

    async def on_enter(self) -> None:
        self.session.say(GREETING)


def prewarm(process: JobProcess) -> None:
    """Load what nobody should wait for. Runs once in each process, before its first job."""
    process.userdata.update(stt=Ears(), tts=Voice())


async def start(job: JobContext) -> AgentSession[None]:
    """Start the assistant in the room of `job`, which has already joined it."""
    session = AgentSession[None](
        stt=job.proc.userdata["stt"],
        llm=RuleBasedMind(),
        tts=job.proc.userdata["tts"],
        # In development, the SDK would ask LiveKit Cloud to detect the end of a turn.
        turn_handling=TurnHandlingOptions(
            turn_detection=inference.TurnDetector(version="v1-mini"), interruption={"mode": "vad"}
        ),
    )
    speech.attend(job, session)
    await session.start(
        Assistant(),
        room=job.room,
        room_options=room_io.RoomOptions(
            # With the SDK's 50, the end of speech is detected later.
            audio_input=room_io.AudioInputOptions(frame_size_ms=20),
            text_input=False,  # app/conversation reads the chat
            # Keep the session when the person reloads the page.
            close_on_disconnect=False,
        ),
    )
    return session
