"""A person talks to the assistant in a real room. Only the model's server is fake."""

import numpy as np

from app.conversation import speech
from tests.e2e.person import Person
from tests.e2e.sound import RATE, calling
from tests.fake_openai import FAILS, GREETING, HEARD, TALKS, TIME

VOICE = (np.sin(np.arange(RATE) / RATE * 2 * np.pi * 300) * 10_000).astype(np.int16)  # one second


async def test_it_greets_hears_and_answers_aloud(backend: str) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    async with calling(person) as call:
        await call.hears()
        await person.hears(GREETING)
        await call.hears_nothing_more()
        await call.says(VOICE)
        await call.hears()
        await person.hears(f"You wrote: {HEARD}")
    assert HEARD in person.heard  # the transcript of the person's speech, for the page
    await person.leave()


async def test_it_stops_and_answers_when_a_person_interrupts(backend: str) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    async with calling(person) as call:
        await person.hears(GREETING)
        await call.hears_nothing_more()
        await person.says(TALKS)
        await call.hears()
        for _ in range(5):  # for the first three seconds, the SDK takes speech for an echo
            await call.says(VOICE)
        await call.hears_nothing_more()
        await person.hears(f"You wrote: {HEARD}")
    (speech,) = person.lines_with("I have a lot to say")
    assert speech.count("I have a lot to say") < 30
    await person.leave()


async def test_when_the_model_fails_mid_sentence_it_writes_so_and_goes_on(backend: str) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    await person.hears(GREETING)
    await person.says(FAILS)
    await person.reads(speech.SORRY)
    await person.says(TIME)
    await person.hears("The tool gave: ")
    await person.leave()
