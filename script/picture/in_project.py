"""Record the page while an agent is killed and replaced, and draw the frames of the picture.

Runs in a baked project whose programs run.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.e2e import chromium

STAGE = Path(__file__).with_name("stage.html")
# The page is drawn larger than the picture shows it, and the picture larger than README does.
PAGE_SIZE = ViewportSize(width=507, height=801)
PAGE_ZOOM = 1.1
STAGE_SIZE = ViewportSize(width=900, height=560)
STAGE_ZOOM = 1.5
STEP_SECONDS = 1.0
PAUSE_SECONDS = 1.0  # the longest time in which nothing changes
LAST_SECONDS = 4.0
LETTER_SECONDS = 0.05
FRAME_SECONDS = 0.04
# The lines of the log about the agent's end: program, time, words
REPLACED = re.compile(
    r"(?m)^\S+ (\w+)\.1 .*?(\d{4}-\S+ \S+) .*?(process exited with non-zero exit code -9"
    r"|No agent is in the room '[\w-]+': asking for one|received job request)"
)


@dataclass(frozen=True)
class Frame:
    """What the terminals and the page show."""

    demo: str = ""
    kill: str = ""
    screenshot: str = ""


@dataclass
class Recording:
    """What changed: when (`time.time`), which field of `Frame`, and its new value or lines."""

    changes: list[tuple[float, str, str]] = field(default_factory=list)

    def type(self, name: str, command: str, end: float) -> None:
        """Somebody types a command, and presses Enter at the time `end`."""
        start = end - LETTER_SECONDS * (len(command) + 6)
        self.changes.append((start, name, "$ "))
        for index, letter in enumerate(command):
            self.changes.append((start + LETTER_SECONDS * (index + 5), name, letter))
        self.changes.append((end, name, "\n"))

    def frames(self) -> Iterator[tuple[Frame, float]]:
        """Yield each frame and its seconds, without long pauses."""
        frame, shown_at = Frame(), None
        changes = sorted(self.changes)
        for index, (at, name, value) in enumerate(changes):
            old = "" if name == "screenshot" else getattr(frame, name)
            frame = replace(frame, **{name: old + value})
            shown_at = shown_at or at
            if index + 1 == len(changes):
                yield frame, LAST_SECONDS
            elif (seconds := changes[index + 1][0] - shown_at) >= FRAME_SECONDS:
                yield frame, min(seconds, PAUSE_SECONDS)
                shown_at = None


async def record(page: Page, recording: Recording) -> None:
    """Record a screenshot whenever the page has changed."""
    last = b""
    while True:
        at = time.time()
        if (screenshot := await page.screenshot()) != last:
            url = f"data:image/png;base64,{base64.b64encode(screenshot).decode()}"
            recording.changes.append((at, "screenshot", url))
            last = screenshot
        await asyncio.sleep(FRAME_SECONDS)


async def write(page: Page, words: str) -> None:
    await page.get_by_role("textbox").press_sequentially(words, delay=LETTER_SECONDS * 1000)
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_text(f"You wrote: {words}")).to_be_visible()
    await asyncio.sleep(STEP_SECONDS)


async def meet_agents(page: Page, backend: str, log: Path, recording: Recording) -> None:
    """Join, talk with the agent, kill it, and talk with the next one."""
    await page.set_viewport_size(PAGE_SIZE)
    await page.emulate_media(reduced_motion="reduce", color_scheme="light")
    await page.goto(backend)
    await page.evaluate(f"document.querySelector('main').style.zoom = {PAGE_ZOOM}")
    recorder = asyncio.create_task(record(page, recording))
    await asyncio.sleep(STEP_SECONDS)
    await page.get_by_label("Room").fill("lobby")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("Hello!")).to_be_visible()
    await asyncio.sleep(STEP_SECONDS)
    await write(page, "Is anybody there?")
    before = log.read_text(encoding="utf-8")
    pid = re.findall(r'RoomIO linked.*"pid": (\d+)', before)[-1]
    recording.type("kill", f"kill -9 {pid}", time.time() + STEP_SECONDS)
    await asyncio.sleep(STEP_SECONDS)
    os.kill(int(pid), signal.SIGKILL)
    await expect(page.get_by_text("Hello!")).to_have_count(2)
    await asyncio.sleep(STEP_SECONDS)
    await write(page, "And now?")
    recorder.cancel()
    after = log.read_text(encoding="utf-8")[len(before) :]
    for program, at, words in REPLACED.findall(after):
        seconds = datetime.fromisoformat(at.replace(",", ".")).timestamp()
        recording.changes.append((seconds, "kill", f"{program}: {words}\n"))


async def draw(browser: Browser, recording: Recording, folder: Path) -> list[float]:
    """Write the frames as 000.png …, and return their seconds."""
    page = await browser.new_page(viewport=STAGE_SIZE, device_scale_factor=STAGE_ZOOM)
    await page.goto(STAGE.as_uri())
    durations: list[float] = []
    for frame, seconds in recording.frames():
        await page.evaluate(
            """async ({demo, kill, screenshot}) => {
                document.getElementById('demo').textContent = demo;
                document.getElementById('kill').textContent = kill;
                const image = document.getElementById('screenshot');
                if (screenshot) image.src = screenshot;
                if (screenshot) await image.decode();
            }""",
            vars(frame),
        )
        await page.screenshot(path=folder / f"{len(durations):03}.png")
        durations.append(seconds)
    return durations


async def main(backend: str, log: Path, folder: Path) -> None:
    recording = Recording()
    lines = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    recording.type("demo", "script/demo", lines[0][0])
    recording.changes += [(at, "demo", line) for at, line in lines]
    async with chromium.running() as browser:
        async with chromium.new_page(browser) as page:
            await meet_agents(page, backend, log, recording)
        durations = await draw(browser, recording, folder)
    (folder / "durations.json").write_text(json.dumps(durations), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", help="the URL of the token backend")
    parser.add_argument("log", type=Path, help="what the project's programs print")
    parser.add_argument("folder", type=Path, help="has demo.json, and gets the frames")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.backend, arguments.log, arguments.folder))
