"""The page in a real browser, used as a person would."""

# begin only keyless
import re

# end only keyless
from livekit.api import DeleteRoomRequest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.chromium import new_page, picture
from tests.e2e.programs import LiveKit, livekit_running


async def join(page: Page, url: str, room: str = "", name: str = "Ann") -> None:
    await page.goto(f"{url}/?room={room}")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Join").click()


async def test_a_person_meets_the_agent_chats_and_hears_it(backend: str, page: Page) -> None:
    async def hold(route: Route) -> None:
        await expect(page.get_by_role("status")).to_have_text("Connecting …")
        await picture(page, "connecting")
        await route.continue_()

    await page.route("**/token", hold)
    await page.goto(backend)
    await picture(page, "apart")
    await join(page, backend)

    status = page.get_by_role("status")
    await expect(status).to_contain_text("The agent is here")
    log = page.get_by_role("log")
    await expect(log).to_contain_text("Hello!")
    await page.get_by_label("Message", exact=True).fill("Is anybody there?")
    await page.keyboard.press("Enter")
    lines = log.get_by_role("listitem").filter(has_text="Is anybody there?")
    await expect(lines).to_have_count(2)  # the message, and the answer that repeats it

    microphone = page.get_by_role("button", name="Microphone")
    await microphone.click()
    await expect(microphone).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_label("Level of your microphone")).not_to_have_js_property("value", 0)
    # begin only keyless
    # The agent plays back the beep of the fake microphone.
    level = re.compile(r"--level: 0\.\d*[1-9]")
    await expect(page.locator("#agent")).to_have_attribute("style", level)
    # end only keyless
    await expect(page.locator("audio")).not_to_have_js_property("currentTime", 0)
    await picture(page, "here")

    await page.emulate_media(color_scheme="dark")
    await picture(page, "here-dark")
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await picture(page, "here-phone")

    await microphone.click()
    await expect(microphone).to_have_attribute("aria-pressed", "false")
    await page.get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("button", name="Join")).to_be_visible()


async def test_one_click_joins_with_the_microphone_on(backend: str, page: Page) -> None:
    await page.goto(backend)
    await page.get_by_role("button", name="Talk right away").click()
    microphone = page.get_by_role("button", name="Microphone")
    await expect(microphone).to_have_attribute("aria-pressed", "true")
    level = page.get_by_label("Level of your microphone")
    await expect(level).not_to_have_js_property("value", 0)
    await page.get_by_label("Which microphone").select_option(label="Fake Audio Input 2")
    await expect(level).to_have_js_property("value", 0)  # while it switches
    await expect(level).not_to_have_js_property("value", 0)
    await expect(page.locator("#problem")).to_be_hidden()


async def test_without_a_worker_it_says_what_to_do(page: Page) -> None:
    with livekit_running() as livekit, livekit.backend() as backend:
        await join(page, backend, "it's%07 quiet")
        await expect(page.get_by_role("status")).to_contain_text("Waiting for the agent")
        await picture(page, "waiting")
        await expect(page.get_by_text("No agent has come")).to_be_visible()
        await picture(page, "no-agent")
        await page.get_by_role("button", name="Copy").click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == "uv run python -m app.doctor --room='it'\\''s quiet'"


async def test_it_asks_for_a_key_if_one_is_needed(livekit: LiveKit, page: Page) -> None:
    with livekit.backend(TOKEN_AUTH="api-key", TOKEN_API_KEY="sésame") as backend:
        await page.goto(backend)
        key = page.get_by_label("Access key or sign-in token")
        await expect(key).to_be_hidden()
        await join(page, backend)
        await expect(page.get_by_role("alert")).to_contain_text("Enter the access key")
        await key.fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That key is not accepted.")
        await picture(page, "key")
        await key.fill("sésame")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("The agent is here")


async def test_it_says_why_there_is_no_token(backend: str, page: Page) -> None:
    await join(page, backend, "x" * 257)
    await expect(page.get_by_role("alert")).to_have_text("room_name: is longer than 256 bytes")


async def test_it_says_when_livekit_client_is_blocked(backend: str, page: Page) -> None:
    await page.route("https://cdn.jsdelivr.net/**", lambda route: route.abort())
    await join(page, backend)
    await expect(page.get_by_role("alert")).to_contain_text("could not be loaded")


async def test_it_says_when_the_room_is_closed(livekit: LiveKit, backend: str, page: Page) -> None:
    await join(page, backend, "closing")
    await expect(page.get_by_role("status")).to_contain_text("The agent is here")
    async with livekit.api() as api:
        await api.room.delete_room(DeleteRoomRequest(room="closing"))
    await expect(page.get_by_role("alert")).to_have_text("The room was closed.")
    await expect(page.get_by_role("button", name="Join")).to_be_focused()


async def test_it_can_be_used_with_the_keyboard_alone(backend: str, page: Page) -> None:
    await page.goto(backend)
    for name in ("Your name", "Room", "Join"):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert name in (await focused.evaluate("e => e.labels?.[0]?.textContent ?? e.textContent"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("The agent is here")
    await expect(page.get_by_label("Message", exact=True)).to_be_focused()


async def test_two_people_read_each_other(backend: str, browser: Browser, page: Page) -> None:
    async with new_page(browser) as other:
        for person, name in ((page, "Ann"), (other, "Bob")):
            await join(person, backend, "both", name)
            await expect(person.get_by_role("status")).to_contain_text("The agent is here")
        await page.get_by_label("Message", exact=True).fill("Hello Bob")
        await page.keyboard.press("Enter")
        await expect(
            other.get_by_role("log").get_by_role("listitem").filter(has_text="Ann")
        ).to_contain_text("Hello Bob")


async def test_it_says_when_the_connection_is_lost(page: Page) -> None:
    with livekit_running() as livekit, livekit.backend() as backend:
        await join(page, backend)
        await expect(page.get_by_role("status")).to_contain_text("Waiting for the agent")
    await expect(page.get_by_text("The connection is lost")).to_be_visible()
