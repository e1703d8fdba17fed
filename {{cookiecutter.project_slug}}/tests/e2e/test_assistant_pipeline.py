"""A person talks to the assistant in a real room. Only its models are fake."""

from pathlib import Path

from app.assistant import GREETING
from app.conversation import speech
from tests.e2e.person import Person
from tests.e2e.sound import calling, recorded
from tests.fake_models import HEARD, UNSPEAKABLE

SPEECH = recorded(Path(__file__).with_name("speech.wav"))  # "… about the sea. Thank you."


async def test_it_greets_hears_and_answers_aloud(backend: str) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    async with calling(person) as call:
        await call.hears()
        await person.hears(GREETING)
        await call.hears_nothing_more()
        await call.says(SPEECH)
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
        await person.says("talk")
        await call.hears()
        for _ in range(3):  # for the first three seconds, the SDK takes speech for an echo
            await call.says(SPEECH)
        await call.hears_nothing_more()
        await person.hears(f"You wrote: {HEARD}")
    (speech,) = person.lines_with("I have a lot to say")
    assert speech.count("I have a lot to say") < 30
    await person.leave()


async def test_a_second_person_is_heard_after_the_first_has_left(backend: str) -> None:
    first = await Person.with_token_from(backend, room_name="heard")
    agent = await first.meets_agent()
    async with calling(first) as call:
        await call.hears()
        second = await Person.with_token_from(backend, room_name="heard")
        assert (await second.meets_agent()).identity == agent.identity
        await first.leave()
    async with calling(second) as call:
        await call.says(SPEECH)
        await second.hears(f"You wrote: {HEARD}")
    await second.leave()


async def test_when_the_model_fails_mid_sentence_it_says_so_and_goes_on(backend: str) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    await person.hears(GREETING)
    await person.says("break off")
    await person.hears(speech.SORRY)
    await person.says("What time is it in Tokyo?")
    await person.hears("The tool gave: ")
    await person.leave()


async def test_when_speech_synthesis_or_a_model_fails_it_writes_so_and_goes_on(
    backend: str,
) -> None:
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    await person.hears(GREETING)
    await person.says(UNSPEAKABLE)
    await person.reads(speech.SORRY)
    await person.says("refuse")
    await person.reads(speech.UNABLE)
    await person.says("And now?")
    await person.hears("You wrote: And now?")
    await person.leave()
