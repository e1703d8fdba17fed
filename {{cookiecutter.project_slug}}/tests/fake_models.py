# file only pipeline or realtime
"""Fake models that a test scripts, because the real ones need an account."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    APIConnectionError,
    APIConnectOptions,
    llm,
    stt,
    tts,
    utils,
)
from livekit.agents.language import LanguageCode
from livekit.agents.utils import shortuuid

RATE = 24_000  # hertz, the sample rate of FakeTTS
TONE = 440  # hertz
PACE = 0.02  # seconds per character, three times as fast as a person
HEARD = "something that was spoken"  # FakeSTT's transcript of any speech
UNSPEAKABLE = "xyzzy"  # makes FakeTTS fail


class FakeSTT(stt.STT[str]):
    """Transcribes any speech as HEARD, after `delay` seconds, unless it is `broken`."""

    def __init__(self, delay: float = 0, broken: bool = False) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._delay = delay
        self._broken = broken

    async def _recognize_impl(self, buffer: utils.AudioBuffer, **_: Any) -> stt.SpeechEvent:
        await asyncio.sleep(self._delay)
        if self._broken:
            raise APIConnectionError("a cable")
        return stt.SpeechEvent(
            stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(LanguageCode("en"), HEARD)],
        )


Reply = str | llm.FunctionToolCall | Exception


def call(name: str, **arguments: Any) -> llm.FunctionToolCall:
    """A call of one of the agent's tools."""
    return llm.FunctionToolCall(name=name, arguments=json.dumps(arguments), call_id=shortuuid())


class FakeLLM(llm.LLM[str]):
    """Answers from a script, after `delay` seconds.

    Args:
        script: the pieces of the answer by what a person said. Anything else is repeated, and the
            output of a tool is reported.
    """

    def __init__(self, script: Mapping[str, Sequence[Reply]], delay: float = 0) -> None:
        super().__init__()
        self._script = script
        self.delay = delay

    def reply_to(self, last: llm.ChatItem) -> Sequence[Reply]:
        if isinstance(last, llm.FunctionCallOutput):
            return [f"The tool gave: {last.output}"]
        assert isinstance(last, llm.ChatMessage)
        words = last.text_content or ""
        return self._script.get(words, [f"You wrote: {words}"])

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return FakeReply(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class FakeReply(llm.LLMStream):
    """One answer of FakeLLM."""

    _llm: FakeLLM

    async def _run(self) -> None:
        await asyncio.sleep(self._llm.delay)
        for piece in self._llm.reply_to(self._chat_ctx.items[-1]):
            if isinstance(piece, Exception):
                raise piece
            delta = llm.ChoiceDelta(role="assistant")
            if isinstance(piece, str):
                delta.content = piece
            else:
                delta.tool_calls = [piece]
            self._event_ch.send_nowait(llm.ChatChunk(id=shortuuid(), delta=delta))


class FakeJudge(FakeLLM):
    """Judges every answer in the same way."""

    def __init__(self, success: bool = True) -> None:
        super().__init__({})
        self._success = success

    def reply_to(self, last: llm.ChatItem) -> Sequence[Reply]:
        return [call("check_intent", success=self._success, reason="the script says so")]


class FakeTTS(tts.TTS[str]):
    """Hums each sentence, after `delay` seconds, unless it is `broken`."""

    def __init__(self, delay: float = 0, broken: bool = False) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1
        )
        self.delay = delay
        self.broken = broken

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return FakeUtterance(tts=self, input_text=text, conn_options=conn_options)


class FakeUtterance(tts.ChunkedStream):
    """One hummed sentence."""

    _tts: FakeTTS

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        await asyncio.sleep(self._tts.delay)
        if self._tts.broken or UNSPEAKABLE in self._input_text:
            raise APIConnectionError("a cable", retryable=False)
        output_emitter.initialize(
            request_id=shortuuid(), sample_rate=RATE, num_channels=1, mime_type="audio/pcm"
        )
        times = np.arange(int(RATE * PACE * len(self._input_text))) / RATE
        hum = (np.sin(2 * np.pi * TONE * times) * 10_000).astype(np.int16)
        output_emitter.push(hum.tobytes())
