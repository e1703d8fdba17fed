"""The greeting is repeated for clients that begin to listen late; nothing else is."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from livekit.agents import AgentSession, ConversationItemAddedEvent, llm

from app.conversation import chat

SEGMENT = {"lk.segment_id": "greeting"}


@pytest.mark.parametrize(
    ("roles", "repeated"), [(("assistant", "user"), 2), (("user", "assistant"), 0)]
)
async def test_only_a_greeting_is_repeated(
    monkeypatch: pytest.MonkeyPatch, roles: tuple[Any, ...], repeated: int
) -> None:
    monkeypatch.setattr(chat, "REPEATS_AFTER_SECONDS", (0, 0))
    me = SimpleNamespace(identity="agent", stream_text=AsyncMock(), send_text=AsyncMock())
    room: Any = SimpleNamespace(local_participant=me, isconnected=lambda: True)
    session = AgentSession[None]()
    chat.repeat_greeting(room, session)
    await me.stream_text(sender_identity=me.identity, attributes=SEGMENT)
    for role in roles:
        message = llm.ChatMessage(role=role, content=["Hello!"])
        session.emit("conversation_item_added", ConversationItemAddedEvent(item=message))
    await asyncio.gather(*chat.running)
    assert me.send_text.await_count == repeated
