# file only pipeline
"""Several models for one role, separated by commas: when one fails, the next one takes over."""

from collections.abc import Callable
from typing import Any, TypeVar

from livekit.agents import inference, llm, stt, tts

Model = TypeVar("Model")


def stt_of(names: str) -> stt.STT[Any] | str:
    return one_or_adapter(names, inference.STT.from_model_string, stt.FallbackAdapter)


def llm_of(names: str) -> llm.LLM[Any] | str:
    def adapter(models: list[llm.LLM[Any]]) -> llm.LLM[Any]:
        # After a failure in mid-sentence, the next model answers from the start. Without this, the
        # SDK gives up. If the first model had already called a tool, that tool may run twice.
        return llm.FallbackAdapter(models, retry_on_chunk_sent=True)

    return one_or_adapter(names, inference.LLM.from_model_string, adapter)


def tts_of(names: str) -> tts.TTS[Any] | str:
    def adapter(models: list[tts.TTS[Any]]) -> tts.TTS[Any]:
        # If a voice does not answer, each retry would be ten more seconds of silence (measured).
        return tts.FallbackAdapter(models, max_retry_per_tts=0)

    return one_or_adapter(names, inference.TTS.from_model_string, adapter)


def one_or_adapter(
    names: str, create: Callable[[str], Model], adapter: Callable[[list[Model]], Model]
) -> Model | str:
    """Return the name of a single model as it is: the session creates it."""
    several = [name.strip() for name in names.split(",")]
    return adapter([create(name) for name in several]) if several[1:] else names
