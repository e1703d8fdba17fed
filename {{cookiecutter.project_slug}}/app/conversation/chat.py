"""The chat of a room, as an agent reads it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from livekit import rtc

from app.dispatch.policy import is_person

running: set[asyncio.Task[object]] = set()


def on_message(room: rtc.Room, answer: Callable[[str], Awaitable[None]]) -> None:
    """Has `answer` called with what a person writes, from now on.

    It takes the place of the session's own chat input. That one drops what a person writes in the
    first three seconds in a room where the agent is already, because until then the server may not
    have told the agent who is there.
    """

    async def read(message: rtc.TextStreamReader) -> None:
        await answer(await message.read_all())

    def on_stream(message: rtc.TextStreamReader, identity: str) -> None:
        sender = room.remote_participants.get(identity)
        if sender is None or is_person(sender):  # two agents would answer each other for ever
            run(read(message))

    room.register_text_stream_handler("lk.chat", on_stream)


# begin only pipeline or realtime or offline
def write(room: rtc.Room, words: str) -> None:
    """Writes `words` into the chat, as soon as it can."""
    run(room.local_participant.send_text(words, topic="lk.chat"))


# end only pipeline or realtime or offline
def run(work: Coroutine[None, None, object]) -> None:
    task = asyncio.create_task(work)
    running.add(task)  # asyncio itself does not keep it alive
    task.add_done_callback(running.discard)
