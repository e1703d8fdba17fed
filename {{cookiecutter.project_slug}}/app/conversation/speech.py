# file only pipeline or realtime or offline
"""What a conversation needs besides its models: the chat, apologies for failures, the log."""

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
UNABLE = "I cannot go on: a model does not respond or rejects the request. See the worker's log."
# end only pipeline or realtime
SORRY = "Sorry, something went wrong on my side. Could you say that again?"
TIMES = ("e2e_latency", "llm_node_ttft", "tts_node_ttfb")  # the SDK's names, in seconds


def attend(job: JobContext, session: AgentSession[None]) -> None:
    """Let `session` read the chat, report failures and log. Call it before `session` starts."""
    is_audible = asyncio.Event()

    def on_first_state(_: object) -> None:
        if job.is_fake_job():
            return  # the console has no room
        job.room.on("participant_connected", listen_to_a_present_person)
        job.room.on("participant_disconnected", listen_to_a_present_person)
        if subscribed := session.room_io.subscribed_fut:
            subscribed.add_done_callback(on_subscribed)

    def listen_to_a_present_person(_: object) -> None:
        """Switch when the person left: the SDK would listen to the first one forever."""
        persons = [p.identity for p in job.room.remote_participants.values() if is_person(p)]
        current = session.room_io.linked_participant
        if persons and (current is None or current.identity not in persons):
            session.room_io.set_participant(persons[0])

    # The SDK waits for a client to subscribe to the agent's voice. An interruption before that
    # cancels the wait, and the agent stays mute (livekit-agents 1.8.9, measured).
    def on_subscribed(subscribed: asyncio.Future[None]) -> None:
        if subscribed.cancelled():
            job.shutdown("nobody can hear the agent")  # another agent takes over
        else:
            is_audible.set()

    async def answer(words: str) -> None:
        await is_audible.wait()
        await chat.answer(session, words)

    session.once("agent_state_changed", on_first_state)
    chat.on_message(job.room, answer)
    chat.repeat_greeting(job.room, session)
    # begin only pipeline or offline
    session.on("error", lambda event: report_failure(job.room, session, event))
    # end only pipeline or offline
    session.on("error", lambda event: report_failure_in_writing(job.room, event))  # only realtime
    session.on("conversation_item_added", log_times)
    session.on("close", lambda event: log_usage(session, event))


# begin only pipeline or offline
def report_failure(room: rtc.Room, session: AgentSession[None], event: ErrorEvent) -> None:
    """Tell the person that a model failed, once the SDK has stopped retrying."""
    error = event.error.error
    if event.error.recoverable:
        return
    logger.error("A model failed: %s: %s", event.error.label, error)
    # begin only pipeline
    # The key is wrong or out of credit, or the model does not exist.
    if isinstance(error, APIStatusError) and error.status_code in (401, 402, 403, 404):
        chat.write(room, UNABLE)
        return
    # end only pipeline
    if event.error.type == "tts_error":
        chat.write(room, SORRY)  # the voice itself failed
    else:
        session.say(SORRY)


# end only pipeline or offline
# begin only realtime
def report_failure_in_writing(room: rtc.Room, event: ErrorEvent) -> None:
    """Write that the model failed: it is also the voice, so it cannot say so."""
    error = event.error.error
    logger.error("The model failed: %s: %s", event.error.label, error)
    if not event.error.recoverable:
        chat.write(room, UNABLE)  # the SDK ends the session, and another agent takes over
    elif "response failed" in str(error):  # otherwise it reconnects, and nothing is lost
        chat.write(room, SORRY)


# end only realtime
def log_times(event: ConversationItemAddedEvent) -> None:
    """Log how long a person waited for an answer, and for which part."""
    if isinstance(event.item, llm.ChatMessage) and "e2e_latency" in event.item.metrics:
        times = {name: seconds for name, seconds in event.item.metrics.items() if name in TIMES}
        logger.info("Answered: %s", times)


def log_usage(session: AgentSession[None], event: CloseEvent) -> None:
    """Log how much of each model the conversation used."""
    logger.info("The conversation ended (%s): %s", event.reason.value, session.usage.model_usage)
