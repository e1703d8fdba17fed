"""A page with LiveKit's React components meets the agent, in the two releases that starters use."""

import asyncio
import functools
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.programs import LiveKit, lack, livekit_running

# @livekit/components-react and livekit-client: what agent-starter-react pins, and the newest.
RELEASES = [("2.9.20", "2.17.2"), ("2.9.24", "2.23.0")]
PACKAGES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livekit-frontends"
TRIES = 10
STAY_SECONDS = int(os.environ.get("STAY_SECONDS", "22"))  # the page's own limit is 20
LONGER = 60_000  # milliseconds; LiveKit notices a killed agent after 20 seconds
# A page that does nothing for a while once it is connected, as on a slow phone. Then it learns of
# the agent, and of all that the agent has done meanwhile, at once.
SLOW_PAGE = """
let isConnected = false;
class SlowConnection extends RTCPeerConnection {
  constructor(...options) {
    super(...options);
    this.addEventListener("connectionstatechange", () => {
      if (this.connectionState !== "connected" || isConnected) return;
      isConnected = true;
      for (const end = performance.now() + 4000; performance.now() < end; );
    });
  }
}
window.RTCPeerConnection = SlowConnection;
"""


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module", params=RELEASES, ids=lambda releases: releases[0])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the built page, on an origin of its own."""
    components, client = request.param
    packages, folder = PACKAGES / components, tmp_path_factory.mktemp("site")
    esbuild = packages / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        npm = shutil.which("npm")
        if npm is None:
            lack("no npm: install Node.js")
        packages.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--prefix", packages, "--no-package-lock", "--no-audit"]
        names = (f"@livekit/components-react@{components}", f"livekit-client@{client}")
        subprocess.run([*install, *names, "react@19", "react-dom@19", "esbuild@0.28"], check=True)
    (folder / "index.html").write_text("<div id=root></div><script src=page.js></script>")
    page = Path(__file__).with_name("frontend.jsx")
    options = ["--bundle", "--jsx=automatic", '--define:process.env.NODE_ENV="production"']
    subprocess.run(
        [esbuild, page, *options, f"--outfile={folder / 'page.js'}", "--log-level=error"],
        env={**os.environ, "NODE_PATH": str(packages / "node_modules")},
        check=True,
    )
    handler = functools.partial(Files, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@asynccontextmanager
async def calling(
    browser: Browser, site: str, backend: str, more: str = "", slow: bool = False
) -> AsyncIterator[Page]:
    context = await browser.new_context(permissions=["microphone"])
    page = await context.new_page()
    if slow:
        await page.add_init_script(SLOW_PAGE)
    await page.goto(f"{site}/?token={backend}/token{more}")
    await page.get_by_role("button", name="Start call").click()
    yield page
    await context.close()


def greetings(page: Page) -> Locator:
    """The greetings in the transcript, which may hold more: Chromium's microphone beeps."""
    return page.get_by_role("listitem").filter(has_text="Hello!")


async def test_its_transcript_shows_the_greeting(
    livekit: LiveKit, browser: Browser, site: str
) -> None:
    with livekit.backend(TOKEN_CORS_ORIGINS=site) as backend:
        for _ in range(TRIES):
            async with calling(browser, site, backend) as page:
                await expect(greetings(page)).to_have_count(1, timeout=LONGER)
                await expect(page.get_by_role("status")).to_have_text(
                    re.compile("listening|speaking"), timeout=LONGER
                )


async def test_a_slow_page_meets_the_agent(livekit: LiveKit, browser: Browser, site: str) -> None:
    with livekit.backend(TOKEN_CORS_ORIGINS=site) as backend:
        async with calling(browser, site, backend, slow=True) as page:
            await expect(greetings(page)).to_have_count(1, timeout=LONGER)
            await expect(page.get_by_role("status")).to_have_text("listening", timeout=LONGER)


async def test_the_call_goes_on_after_twenty_seconds(
    livekit: LiveKit, browser: Browser, site: str
) -> None:
    with livekit.backend(TOKEN_CORS_ORIGINS=site) as backend:
        async with calling(browser, site, backend) as page:
            await expect(greetings(page)).to_have_count(1, timeout=LONGER)
            await asyncio.sleep(STAY_SECONDS)  # nothing happens, which is what this test is about
            await expect(page.get_by_role("status")).to_have_text("listening")
            await expect(page.get_by_role("alert")).to_be_empty()


async def test_a_patient_page_meets_the_replacement_of_a_killed_agent(
    browser: Browser, site: str
) -> None:
    async with AsyncExitStack() as stack:
        livekit = stack.enter_context(livekit_running())
        backend = stack.enter_context(livekit.backend(TOKEN_CORS_ORIGINS=site))
        worker = stack.enter_context(livekit.worker())
        page = await stack.enter_async_context(calling(browser, site, backend, "&patient"))
        await expect(greetings(page)).to_have_count(1, timeout=LONGER)
        os.killpg(worker.pid, signal.SIGKILL)
        stack.enter_context(livekit.worker())
        await expect(greetings(page)).to_have_count(2, timeout=LONGER)
