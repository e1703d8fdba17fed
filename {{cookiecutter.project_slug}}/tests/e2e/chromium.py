"""A real Chromium with the real livekit-client."""

import functools
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Error, Page, Route, async_playwright, expect

from tests.e2e.programs import PROJECT, TIMEOUT, lack

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ["--use-fake-device-for-media-stream", "--disable-background-networking"]
SCREENSHOTS = PROJECT / "test-results"


@asynccontextmanager
async def running() -> AsyncIterator[Browser]:
    """Run this machine's or playwright's Chromium. Without one, skip the test (in CI: fail)."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=next(filter(None, map(shutil.which, PROGRAMS)), None),
                args=ARGUMENTS + ["--no-sandbox"] * is_root,  # Chromium's sandbox refuses root
            )
        except Error:
            lack("no Chromium: run `uv run playwright install chromium`")
        yield browser
        await browser.close()


@asynccontextmanager
async def new_page(browser: Browser) -> AsyncIterator[Page]:
    """Open a page that may use the microphone and clipboard. Fail if a script on it fails."""
    permissions = ["microphone", "clipboard-read", "clipboard-write"]
    context = await browser.new_context(permissions=permissions)
    context.set_default_timeout(TIMEOUT * 1000)
    expect.set_options(timeout=TIMEOUT * 1000)
    page = await context.new_page()
    errors: list[Error] = []
    page.on("pageerror", lambda error: errors.append(error))
    if (script := livekit_client()) is not None:

        async def fulfill(route: Route) -> None:
            headers = {"Access-Control-Allow-Origin": "*"}
            await route.fulfill(body=script, content_type="text/javascript", headers=headers)

        await page.route("https://cdn.jsdelivr.net/**", fulfill)
    yield page
    await context.close()
    assert not errors


@functools.cache
def livekit_client() -> bytes | None:
    """Return the page's release from the npm registry, or None without npm (a CDN has it, too)."""
    html = (PROJECT / "app" / "web" / "index.html").read_text(encoding="utf-8")
    script = re.search(r"npm/(livekit-client@[\d.]+)/(\S+\.js)", html)
    npm = shutil.which("npm")
    if npm is None:
        return None
    assert script
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, script[1]]
        subprocess.run(command, check=True, capture_output=True)
        (archive,) = Path(folder).iterdir()
        with tarfile.open(archive) as package:
            file = package.extractfile(f"package/{script[2]}")
            assert file
            return file.read()


async def picture(page: Page, name: str) -> None:
    """Write a screenshot to test-results/."""
    await page.screenshot(path=SCREENSHOTS / f"{name}.png")
