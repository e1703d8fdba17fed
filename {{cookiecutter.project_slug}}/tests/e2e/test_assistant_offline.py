"""A person talks to the assistant through a real browser: no account, no network, no fakes."""

import base64
import difflib
import re
import wave
from pathlib import Path

import pytest
from livekit.agents.utils.codecs import AudioStreamDecoder
from playwright.async_api import expect

from app.assistant import GREETING
from app.conversation.local_models import Ears, Voice, answer_to
from tests.e2e import chromium
from tests.e2e.test_page import join

SPOKEN = "Please tell me a story about the mountains. Thank you."
RATE = 16_000  # hertz
ALIKE = 0.8  # the share of spoken words that must be understood

RECORD = """() => {
  const recorder = new MediaRecorder(document.querySelector("audio").srcObject);
  const pieces = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  recorder.start();
  window.recorded = async () => {
    await new Promise((stopped) => { recorder.onstop = stopped; recorder.stop(); });
    const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  };
}"""


async def speak(words: str, file: Path) -> None:
    """Write a second of silence and spoken `words` into a WAV file."""
    spoken = await Voice().synthesize(words).collect()
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(spoken.sample_rate)
        wav.writeframes(bytes(2 * spoken.sample_rate) + bytes(spoken.data))


async def understand(webm: bytes) -> str:
    """Return the words in a browser's recording."""
    decoder = AudioStreamDecoder(sample_rate=RATE, num_channels=1, format="audio/webm")
    decoder.push(webm)
    decoder.end_input()
    heard = await Ears().recognize([frame async for frame in decoder])
    return heard.alternatives[0].text


def alike(spoken: str, heard: str) -> float:
    """Return the share of equal words, from 0 to 1."""
    one, other = (re.findall("[a-z]+", text.lower()) for text in (spoken, heard))
    return difflib.SequenceMatcher(None, one, other).ratio()


async def test_a_person_speaks_and_hears_the_answer(
    backend: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await speak(SPOKEN, tmp_path / "voice.wav")
    microphone = f"--use-file-for-fake-audio-capture={tmp_path / 'voice.wav'}%noloop"
    monkeypatch.setattr(chromium, "ARGUMENTS", [*chromium.ARGUMENTS, microphone])
    async with chromium.running() as browser, chromium.new_page(browser) as page:
        await join(page, backend)
        status, log = page.get_by_role("status"), page.get_by_role("log")
        await expect(log).to_contain_text(GREETING)
        await expect(status).to_contain_text("listening")
        await page.evaluate(RECORD)
        await page.get_by_role("button", name="Microphone").click()
        lines = log.get_by_role("listitem")
        await expect(lines).to_have_count(3)
        await expect(status).to_contain_text("speaking")
        await expect(status).to_contain_text("listening")
        _, heard, answered = await log.locator("p").all_inner_texts()
        heard_back = await understand(base64.b64decode(await page.evaluate("recorded()")))
    with capsys.disabled():
        print(f"\nspoken:     {SPOKEN}\nheard:      {heard}")
        print(f"answered:   {answered}\nheard back: {heard_back}")
    assert alike(SPOKEN, heard) >= ALIKE
    assert answered == answer_to(heard)
    assert alike(answered, heard_back) >= ALIKE
