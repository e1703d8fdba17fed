"""The chat of a room, as an agent reads and writes it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, ConversationItemAddedEvent, llm

from app.dispatch.policy import is_person

REPEATS_AFTER_SECONDS = (0, 5, 5)  # the later ones are for slow phones

running: set[asyncio.Task[object]] = set()


def on_message(room: rtc.Room, answer: Callable[[str], Awaitable[None]]) -> None:
    """Call `answer` with each message that a person writes.

    The session's own chat input drops those of a person whom the server has not announced yet.
    """

    async def read(message: rtc.TextStreamReader) -> None:
        await answer(await message.read_all())

    def on_stream(message: rtc.TextStreamReader, identity: str) -> None:
        sender = room.remote_participants.get(identity)
        if sender is None or is_person(sender):  # two agents would answer each other forever
            run(read(message))

    room.register_text_stream_handler("lk.chat", on_stream)


async def answer(session: AgentSession[None], words: str) -> None:
    """Answer a message, without finishing the sentence before."""
    await session.interrupt()
    session.generate_reply(user_input=words)


def repeat_greeting(room: rtc.Room, session: AgentSession[None]) -> None:
    """Send the text of the greeting and the agent's state again once it has been said.

    Clients drop text while they have no listener, and nothing tells an agent when they have one:
    LiveKit's web starter missed 3 of 6 greetings (measured). Repeated text replaces the first.
    @livekit/components-react 2.9.20 sees only changes of the state. Without one, it ends the call.
    """
    me = room.local_participant
    stream_text, segment = me.stream_text, dict[str, str]()

    async def remember(**options: Any) -> rtc.TextStreamWriter:
        if not segment and options.get("sender_identity") == me.identity:
            segment.update(options["attributes"], **{"lk.transcription_final": "true"})
        return await stream_text(**options)

    async def repeat(greeting: str) -> None:
        for wait in REPEATS_AFTER_SECONDS:
            await asyncio.sleep(wait)
            if room.isconnected():
                await me.send_text(greeting, topic="lk.transcription", attributes=segment)
                if session.agent_state == "listening":
                    await me.set_attributes({"lk.agent.state": "idle"})
                    await me.set_attributes({"lk.agent.state": session.agent_state})

    def on_item(event: ConversationItemAddedEvent) -> None:
        if not isinstance(event.item, llm.ChatMessage):
            return
        session.off("conversation_item_added", on_item)  # a person may interrupt the greeting
        if segment and event.item.role == "assistant":
            run(repeat(event.item.text_content or ""))

    me.stream_text = remember  # type: ignore[method-assign]
    session.on("conversation_item_added", on_item)


# begin only keyless or pipeline or realtime
class NoModel(llm.LLM[str]):
    """Stands in for a language model where the agent's `llm_node` answers without one."""

    def chat(self, **_: Any) -> llm.LLMStream:
        raise NotImplementedError


def last_message(context: llm.ChatContext) -> str | None:
    message = context.items[-1]
    return message.text_content if isinstance(message, llm.ChatMessage) else None


# end only keyless or pipeline or realtime
# begin only pipeline or realtime or offline
def write(room: rtc.Room, words: str) -> None:
    """Send `words` to the chat, in the background."""
    run(room.local_participant.send_text(words, topic="lk.chat"))


# end only pipeline or realtime or offline
def run(work: Coroutine[None, None, object]) -> None:
    """Do `work` in the background."""
    task = asyncio.create_task(work)
    running.add(task)  # asyncio keeps only weak references
    task.add_done_callback(running.discard)
