"""What the assistant says, without a room. (In a room: e2e/test_assistant.py.)"""

from typing import cast

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.llm import ChatMessage

from app.assistant import Assistant, answer


class FakeMessage:
    """A chat message that has arrived whole."""

    async def read_all(self) -> str:
        return "good morning"


async def test_it_greets_and_answers() -> None:
    async with AgentSession[None]() as session:
        await session.start(Assistant())
        await answer(session, cast(rtc.TextStreamReader, FakeMessage()))
        await session.drain()
        said = [m.text_content for m in session.history.items if isinstance(m, ChatMessage)]
    assert len(said) == 2
    assert said[1] == "You wrote: good morning"
