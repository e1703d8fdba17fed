"""The latencies of the fake models, in seconds. Also imported in a baked project."""

STT, LLM, TTS = 0.1, 0.3, 0.2
