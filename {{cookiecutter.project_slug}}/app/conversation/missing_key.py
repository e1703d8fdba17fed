# file only pipeline or realtime
"""The agent without a key for its models: it still joins, and says what is missing."""

import logging
from collections.abc import AsyncIterator
from typing import Any

from livekit.agents import Agent, AgentSession, JobContext, llm
from livekit.agents.voice import room_io

from app.conversation import chat

logger = logging.getLogger("app.conversation.missing_key")


class Speechless(Agent):
    """An agent that writes into the chat which key is missing."""

    def __init__(self, missing: str) -> None:
        super().__init__(instructions="")
        self._missing = missing

    async def on_enter(self) -> None:
        self.session.say(f"I cannot hear or speak. {self._missing}.")

    async def llm_node(self, context: llm.ChatContext, *_: Any) -> AsyncIterator[str]:
        yield f"I cannot answer “{chat.last_message(context)}”. {self._missing}."


async def start(job: JobContext, missing: str) -> AgentSession[None]:
    """Start the agent. `missing` says which variable it lacks, and where to get its value."""
    logger.error("The agent cannot hear or speak. %s.", missing)
    session = AgentSession[None](llm=chat.NoModel())
    session.output.set_audio_enabled(False)  # the console would ask for a voice
    chat.on_message(job.room, lambda words: chat.answer(session, words))
    chat.repeat_greeting(job.room, session)
    await session.start(
        Speechless(missing),
        room=job.room,
        room_options=room_io.RoomOptions(
            text_input=False, audio_input=False, audio_output=False, close_on_disconnect=False
        ),
    )
    return session
