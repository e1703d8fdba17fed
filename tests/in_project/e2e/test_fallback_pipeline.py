"""The first model of each role fails in a real room, and the conversation goes on."""

import time
from pathlib import Path

import numpy as np

from app.assistant import GREETING
from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, livekit_running
from tests.e2e.scripted_worker import BROKEN, SPARE
from tests.e2e.sound import RATE, calling, recorded
from tests.e2e.test_transcripts import said_in, transcript_in
from tests.fake_models import HEARD

SPEECH = recorded(PROJECT / "tests" / "e2e" / "speech.wav")
SILENCE = np.zeros(3 * RATE, np.int16)  # the person listens
BEGINNING = "This is how it begins,"


async def test_a_conversation_survives_a_failure_of_each_model(tmp_path: Path) -> None:
    models = {
        "ASSISTANT_STT": f"{BROKEN}, {SPARE}",
        "ASSISTANT_LLM": f"scripted, {SPARE}",
        "ASSISTANT_TTS": f"{BROKEN}, {SPARE}",
        "ASSISTANT_TRANSCRIPTS": str(tmp_path),
    }
    with livekit_running() as livekit, livekit.worker(**models), livekit.backend() as backend:
        person = await Person.with_token_from(backend, room_name="outage")
        await person.meets_agent()
        async with calling(person) as call:
            print(f"greeted by the second voice after {await call.hears() - person.came_at:.2f} s")
            await person.hears(GREETING)
            await call.hears_nothing_more()
            await person.says("talk")
            await call.hears()
            await call.says(SILENCE)
            await person.says("What time is it in Tokyo?")
            await person.hears("The tool gave: ")
            await call.hears_nothing_more()
            seconds = []
            for words in ("And now?", "break off"):
                asked = time.perf_counter()
                await person.says(words)
                seconds.append(await call.hears() - asked)
                await person.hears(f"You wrote: {words}")
                await call.hears_nothing_more()
            print(f"added by the fallback: {seconds[1] - seconds[0]:.2f} s")
            for _ in range(4):  # the first is lost with the first model, more if it fails late
                await call.says(SPEECH)
                await call.says(SILENCE)
                if person.lines_with(f"You wrote: {HEARD}"):
                    break
            await person.hears(f"You wrote: {HEARD}")
        await person.leave()
        transcript = await transcript_in(tmp_path)
    items = transcript["chat_history"]["items"]
    assert [item["name"] for item in items if item["type"] == "function_call"] == ["time_in"]
    talk, *_ = [item["content"][0] for item in items if item.get("interrupted")]
    assert "I have a lot to say".startswith(talk[:19])
    turns = said_in(transcript)
    assert turns[:5] == [
        ("assistant", GREETING),
        ("user", "talk"),
        ("assistant", talk),
        ("user", "What time is it in Tokyo?"),
        ("assistant", turns[4][1]),
    ]
    assert turns[5:9] == [
        ("user", "And now?"),
        ("assistant", "You wrote: And now?"),
        ("user", "break off"),
        ("assistant", f"{BEGINNING}You wrote: break off"),
    ]
    assert {("user", HEARD), ("assistant", f"You wrote: {HEARD}")} <= set(turns[9:])
