# file only pipeline or realtime or offline
"""What a conversation needs around its models: the chat, a word when a model fails, the log."""

import asyncio
import logging

from livekit import rtc
from livekit.agents import (
    AgentSession,
    APIStatusError,  # only pipeline
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    JobContext,
    llm,
)

from app.conversation import chat
from app.dispatch.policy import is_person

logger = logging.getLogger("app.conversation.speech")

# begin only pipeline or realtime
UNABLE = "I cannot go on: a model is out of reach, or refuses. The worker's log says why."
# end only pipeline or realtime
SORRY = "Sorry, something went wrong on my side. Could you say that again?"
TIMES = ("e2e_latency", "llm_node_ttft", "tts_node_ttfb")  # as the SDK calls them, in seconds


def attend(job: JobContext, session: AgentSession[None]) -> None:
    """Before `session` starts, sees to it that it reads the chat, admits failures, and logs."""
    is_audible = asyncio.Event()

    def on_first_state(_: object) -> None:
        job.room.on("participant_connected", listen_to_who_is_here)
        job.room.on("participant_disconnected", listen_to_who_is_here)
        if subscribed := session.room_io.subscribed_fut:
            subscribed.add_done_callback(on_subscribed)

    def listen_to_who_is_here(_: object) -> None:
        """Else the SDK would for ever listen to the first person, who may have left."""
        persons = [p.identity for p in job.room.remote_participants.values() if is_person(p)]
        heard = session.room_io.linked_participant
        if persons and (heard is None or heard.identity not in persons):
            session.room_io.set_participant(persons[0])

    # An interruption before a person's client subscribes to the agent's voice cancels the future on
    # which the SDK waits for that, and the agent stays mute (livekit-agents 1.8.9, measured).
    def on_subscribed(subscribed: asyncio.Future[None]) -> None:
        if subscribed.cancelled():
            job.shutdown("it cannot be heard")  # another agent comes
        else:
            is_audible.set()

    async def answer(words: str) -> None:
        await is_audible.wait()
        await session.interrupt()
        session.generate_reply(user_input=words)

    session.once("agent_state_changed", on_first_state)
    chat.on_message(job.room, answer)
    # begin only pipeline or offline
    session.on("error", lambda event: admit(job.room, session, event))
    # end only pipeline or offline
    session.on("error", lambda event: admit_in_writing(job.room, event))  # only realtime
    session.on("conversation_item_added", log_times)
    session.on("close", lambda event: log_usage(session, event))


# begin only pipeline or offline
def admit(room: rtc.Room, session: AgentSession[None], event: ErrorEvent) -> None:
    """Says that a model has failed, when the SDK has given up on trying again."""
    error = event.error.error
    if event.error.recoverable:
        return
    logger.error("A model failed: %s: %s", event.error.label, error)
    # begin only pipeline
    # The key is wrong, or has no money left, or there is no such model.
    if isinstance(error, APIStatusError) and error.status_code in (401, 402, 403, 404):
        chat.write(room, UNABLE)
        return
    # end only pipeline
    if event.error.type == "tts_error":
        chat.write(room, SORRY)  # the voice is what has failed
    else:
        session.say(SORRY)


# end only pipeline or offline
# begin only realtime
def admit_in_writing(room: rtc.Room, event: ErrorEvent) -> None:
    """Writes that the model has failed, for it is its own voice."""
    error = event.error.error
    logger.error("The model failed: %s: %s", event.error.label, error)
    if not event.error.recoverable:
        chat.write(room, UNABLE)  # the SDK ends the session, and another agent comes
    elif "response failed" in str(error):  # else it connects anew, and nothing is lost
        chat.write(room, SORRY)


# end only realtime
def log_times(event: ConversationItemAddedEvent) -> None:
    """Logs how long a person waited for an answer, and for what."""
    if isinstance(event.item, llm.ChatMessage) and "e2e_latency" in event.item.metrics:
        times = {name: seconds for name, seconds in event.item.metrics.items() if name in TIMES}
        logger.info("Answered: %s", times)


def log_usage(session: AgentSession[None], event: CloseEvent) -> None:
    """Logs what the conversation took of each model."""
    logger.info("The conversation ended (%s): %s", event.reason.value, session.usage.model_usage)
