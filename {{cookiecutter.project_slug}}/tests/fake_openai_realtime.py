"""A fake of OpenAI's Realtime API, which answers from a script.

python -m tests.fake_openai PORT     serve it on this machine, for the worker of a test
"""

import asyncio
import base64
import json
import sys
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web
from livekit.agents.utils import shortuuid

RATE = 24_000  # hertz, as in the real API
TONE = 440  # hertz
PACE = 0.02  # seconds per character, three times as fast as a person
LOUD = 1_000  # of 32,767; speech begins
PAUSE = 0.4  # seconds of silence; speech ends
HEARD = "something that was spoken"  # the transcript of any speech
GREETING = "Hello!"  # said when there is nothing to answer

# The tool call by what a person said. Anything else is repeated, except for FAILS and TALKS.
TIME = "What time is it in Tokyo?"
SCRIPT = {TIME: ("time_in", {"zone": "Asia/Tokyo"})}
FAILS = "break off"
TALKS = "talk"


class FakeOpenAI:
    """One connection of a client."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._speaks_aloud = True
        self._last: dict[str, Any] = {}  # the unanswered item
        self._silence: float | None = None  # seconds since speech, None without speech

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send_json({"type": kind, "event_id": shortuuid(), **fields})

    async def serve(self) -> None:
        async for message in self._socket:
            if message.type == WSMsgType.TEXT:
                event = json.loads(message.data)
                match event["type"]:
                    case "session.update":
                        modalities = event["session"].get("output_modalities", ["audio"])
                        self._speaks_aloud = "audio" in modalities
                    case "conversation.item.create":
                        await self.add(event["item"], event.get("previous_item_id"))
                    case "conversation.item.delete":
                        await self.send("conversation.item.deleted", item_id=event["item_id"])
                    case "input_audio_buffer.append":
                        await self.hear(np.frombuffer(base64.b64decode(event["audio"]), np.int16))
                    case "response.create":
                        await self.respond(event.get("response", {}).get("metadata"))

    async def add(self, item: dict[str, Any], after: str | None = None) -> None:
        self._last = item
        await self.send("conversation.item.added", item=item, previous_item_id=after)

    async def hear(self, sound: np.ndarray[Any, Any]) -> None:
        if np.abs(sound).max(initial=0) > LOUD:
            if self._silence is None:
                await self.send("input_audio_buffer.speech_started", item_id=shortuuid())
            self._silence = 0
        elif self._silence is not None:
            self._silence += len(sound) / RATE
            if self._silence > PAUSE:
                self._silence = None
                item = shortuuid()
                await self.send("input_audio_buffer.speech_stopped", item_id=item)
                content = [{"type": "input_audio", "transcript": None}]
                await self.add({"id": item, "type": "message", "role": "user", "content": content})
                await self.send(
                    "conversation.item.input_audio_transcription.completed",
                    item_id=item,
                    content_index=0,
                    transcript=HEARD,
                )
                await self.respond(None)

    def words_of(self, item: dict[str, Any]) -> str:
        texts = [part.get("text") or HEARD for part in item.get("content", [])]
        return " ".join(texts)

    async def respond(self, metadata: Any) -> None:
        question, self._last = self._last, {}
        words = self.words_of(question)
        response = {"id": shortuuid(), "object": "realtime.response", "metadata": metadata}
        await self.send("response.created", response={**response, "status": "in_progress"})
        status = "completed"
        if words in SCRIPT:
            name, arguments = SCRIPT[words]
            await self.finish(
                response,
                {
                    "id": shortuuid(),
                    "type": "function_call",
                    "call_id": shortuuid(),
                    "name": name,
                    "arguments": json.dumps(arguments),
                },
            )
        elif question.get("type") == "function_call_output":
            await self.say(response, f"The tool gave: {question['output']}")
        elif words == FAILS:
            await self.say(response, "This is how it begins,")
            status = "failed"
        elif words == TALKS:
            await self.say(response, "I have a lot to say, and I say it. " * 30)
        else:
            await self.say(response, f"You wrote: {words}" if words else GREETING)
        await self.send("response.done", response={**response, "status": status, "output": []})

    async def say(self, response: dict[str, Any], words: str) -> None:
        item = {"id": shortuuid(), "type": "message", "role": "assistant", "content": []}
        where = {"response_id": response["id"], "item_id": item["id"], "content_index": 0}
        await self.send("response.output_item.added", response_id=response["id"], item=item)
        await self.send("conversation.item.added", item=item, previous_item_id=None)
        kind = "audio" if self._speaks_aloud else "text"
        await self.send("response.content_part.added", part={"type": kind}, **where)
        if self._speaks_aloud:
            await self.send("response.output_audio_transcript.delta", delta=words, **where)
            times = np.arange(int(RATE * PACE * len(words))) / RATE
            hum = (np.sin(2 * np.pi * TONE * times) * 10_000).astype(np.int16)
            sound = base64.b64encode(hum.tobytes()).decode()
            await self.send("response.output_audio.delta", delta=sound, **where)
            await self.send("response.output_audio.done", **where)
        else:
            await self.send("response.output_text.delta", delta=words, **where)
        await self.finish(response, item)

    async def finish(self, response: dict[str, Any], item: dict[str, Any]) -> None:
        await self.send("response.output_item.done", response_id=response["id"], item=item)


async def connect(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(max_msg_size=0)
    await socket.prepare(request)
    await FakeOpenAI(socket).serve()
    return socket


async def start(port: int) -> web.AppRunner:
    """Serve it at 127.0.0.1:`port` until the runner is cleaned up."""
    app = web.Application()
    app.router.add_get("/v1/realtime", connect)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def main() -> None:
    await start(int(sys.argv[1]))
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
