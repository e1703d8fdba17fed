"""The chat of a room, as an agent reads and writes it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from livekit import rtc

from app.dispatch.policy import is_person

running: set[asyncio.Task[object]] = set()


def on_message(room: rtc.Room, answer: Callable[[str], Awaitable[None]]) -> None:
    """Call `answer` with each message that a person writes.

    This replaces the session's own chat input, which drops messages from a person who joined the
    agent's room less than three seconds ago: the server may not have announced them yet.
    """

    async def read(message: rtc.TextStreamReader) -> None:
        await answer(await message.read_all())

    def on_stream(message: rtc.TextStreamReader, identity: str) -> None:
        sender = room.remote_participants.get(identity)
        if sender is None or is_person(sender):  # two agents would answer each other forever
            run(read(message))

    room.register_text_stream_handler("lk.chat", on_stream)


# begin only pipeline or realtime or offline
def write(room: rtc.Room, words: str) -> None:
    """Send `words` to the chat, in the background."""
    run(room.local_participant.send_text(words, topic="lk.chat"))


# end only pipeline or realtime or offline
def run(work: Coroutine[None, None, object]) -> None:
    task = asyncio.create_task(work)
    running.add(task)  # asyncio keeps only weak references
    task.add_done_callback(running.discard)
