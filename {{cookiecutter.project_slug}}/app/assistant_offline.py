"""What the agent hears, says and does: the file to edit first.

This assistant hears and speaks without any account and without a network. It does not think: a few
rules answer (app/conversation/local_models.py). A language model of your own takes their place in
one line:

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
    """Runs once in each process, before it gets a job: load here what no person should wait for."""
    process.userdata.update(stt=Ears(), tts=Voice())


async def start(job: JobContext) -> AgentSession[None]:
    """Brings the assistant into the room of `job`, which has joined it, until the room closes."""
    session = AgentSession[None](
        stt=job.proc.userdata["stt"],
        llm=RuleBasedMind(),
        tts=job.proc.userdata["tts"],
        # Else the SDK asks LiveKit Cloud, in development, whether a person has finished.
        turn_handling=TurnHandlingOptions(
            turn_detection=inference.TurnDetector(version="v1-mini"), interruption={"mode": "vad"}
        ),
    )
    speech.attend(job, session)
    await session.start(
        Assistant(),
        room=job.room,
        room_options=room_io.RoomOptions(
            # With the SDK's 50, the end of speech is noticed later.
            audio_input=room_io.AudioInputOptions(frame_size_ms=20),
            text_input=False,  # `conversation` reads the chat
            # Who reloads the page meets the agent again, and at once.
            close_on_disconnect=False,
        ),
    )
    return session
