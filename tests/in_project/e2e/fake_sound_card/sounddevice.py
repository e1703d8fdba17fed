"""A fake of sounddevice: a microphone that is silent, and a speaker that nobody hears.

It needs no PortAudio and no sound card.
"""

from typing import Any


class default:
    device = (0, 0)


class InputStream:
    def __init__(self, **_: Any) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class OutputStream(InputStream): ...


def query_devices(*_: Any, **__: Any) -> dict[str, str]:
    return {"name": "fake"}
