# file only pipeline or realtime or offline
"""What a conversation needs around its models: the chat, a word when a model fails, the log."""

import asyncio
import logging

from livekit import rtc
from livekit.agents import (
    AgentSession,
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    JobContext,
    llm,
)

from app import chat

logger = logging.getLogger("app.conversation")

SORRY = "Sorry, something went wrong on my side. Could you say that again?"
TIMES = ("e2e_latency", "llm_node_ttft", "tts_node_ttfb")  # as the SDK calls them, in seconds


def attend(job: JobContext, session: AgentSession[None]) -> None:
    """Before `session` starts, sees to it that it reads the chat, admits failures, and logs."""
    is_audible = asyncio.Event()

    # An interruption before a person's client takes the agent's voice cancels the future on which
    # the SDK waits for that, and the agent stays mute (livekit-agents 1.8.9, measured).
    def on_first_state(_: object) -> None:
        if taken := session.room_io.subscribed_fut:
            taken.add_done_callback(on_taken)

    def on_taken(taken: asyncio.Future[None]) -> None:
        if taken.cancelled():
            job.shutdown("it cannot be heard")  # another agent comes
        else:
            is_audible.set()

    async def answer(words: str) -> None:
        await is_audible.wait()
        await session.interrupt()
        session.generate_reply(user_input=words)

    session.once("agent_state_changed", on_first_state)
    chat.on_message(job.room, answer)
    session.on("error", lambda event: admit(job.room, session, event))
    session.on("conversation_item_added", log_times)
    session.on("close", lambda event: log_usage(session, event))


def admit(room: rtc.Room, session: AgentSession[None], event: ErrorEvent) -> None:
    """Says, or writes, that a model has failed, when the SDK has given up on trying again.

    When a model goes on failing, the SDK ends the session, and another agent comes.
    """
    if event.error.recoverable:  # only pipeline or offline
        return  # only pipeline or offline
    logger.error("A model failed: %s: %s", event.error.label, event.error.error)
    # begin only pipeline or offline
    if event.error.type != "tts_error":
        session.say(SORRY)
        return
    # end only pipeline or offline
    chat.write(room, SORRY)  # the voice is what has failed


def log_times(event: ConversationItemAddedEvent) -> None:
    """Logs how long a person waited for an answer, and for what."""
    if isinstance(event.item, llm.ChatMessage) and "e2e_latency" in event.item.metrics:
        times = {name: seconds for name, seconds in event.item.metrics.items() if name in TIMES}
        logger.info("Answered: %s", times)


def log_usage(session: AgentSession[None], event: CloseEvent) -> None:
    """Logs what the conversation took of each model."""
    logger.info("The conversation ended (%s): %s", event.reason.value, session.usage.model_usage)
