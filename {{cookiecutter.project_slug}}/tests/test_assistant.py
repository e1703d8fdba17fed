"""The assistant's answers, without a room. (In a room: e2e/test_assistant.py.)"""

import asyncio

from livekit.agents import AgentSession

from app.assistant import Assistant
from app.conversation import chat


async def test_it_greets_and_answers() -> None:
    session = AgentSession[None](llm=chat.NoModel())
    spoken: asyncio.Queue[str] = asyncio.Queue()
    session.on("conversation_item_added", lambda event: spoken.put_nowait(event.item.text_content))
    await session.start(Assistant())
    assert await asyncio.wait_for(spoken.get(), 10) == await anext(Assistant().greeting())
    await chat.answer(session, "good morning")
    assert await asyncio.wait_for(spoken.get(), 10) == "good morning"
    assert await asyncio.wait_for(spoken.get(), 10) == "You wrote: good morning"
    await session.drain()
    assert spoken.empty()
    await session.aclose()
