"""Which URLs are reached through a proxy, and by which library."""

import os
from collections.abc import Iterator

import pytest
from aiohttp import ClientError, web
from livekit.agents.utils import http_context

from app.dispatch import proxy
from tests.http_proxy import VARIABLES, http_proxy

PROXY = "http://127.0.0.1:1"
SET = dict.fromkeys(VARIABLES, PROXY)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Remove every proxy from the environment, and restore it afterwards, for C code too."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


BYPASSED: list[tuple[str, dict[str, str]]] = [
    ("ws://localhost:7880", SET),
    ("ws://127.0.0.1:7880", SET),
    ("wss://127.1.2.3", SET),
    ("ws://[::1]:7880", SET),
    ("ws://localhost:7880", {"https_proxy": PROXY}),
    ("wss://livekit.corp.example", {**SET, "NO_PROXY": "corp.example"}),
    ("wss://livekit.corp.example", {**SET, "no_proxy": "other.example, .corp.example"}),
    ("wss://LiveKit.corp.example", {**SET, "NO_PROXY": "livekit.CORP.example"}),
    ("wss://livekit.corp.example", {**SET, "NO_PROXY": "*"}),
    ("ws://livekit:7880", {**SET, "NO_PROXY": "livekit:7880"}),
    ("wss://livekit", {**SET, "NO_PROXY": "livekit:443"}),
    ("ws://livekit", {**SET, "NO_PROXY": "livekit:80"}),
    ("ws://10.1.2.3:7880", {**SET, "NO_PROXY": "10.1.2.3"}),
    ("ws://[fd00::1]:7880", {**SET, "NO_PROXY": "fd00::1"}),
]
PROXIED: list[tuple[str, dict[str, str], str | None]] = [
    ("wss://example.livekit.cloud", SET, PROXY),
    ("wss://example.livekit.cloud", {"HTTPS_PROXY": PROXY}, PROXY),
    ("wss://example.livekit.cloud", {"https_proxy": PROXY}, PROXY),
    ("wss://example.livekit.cloud", {"http_proxy": PROXY}, None),
    ("ws://livekit:7880", {"HTTP_PROXY": PROXY}, PROXY),
    ("ws://livekit:7880", {"HTTPS_PROXY": PROXY}, None),
    ("ws://livekit:7880", {**SET, "NO_PROXY": "livekit:7881"}, PROXY),
    ("ws://10.1.2.3:7880", {**SET, "NO_PROXY": "10.1.2.30"}, PROXY),
    ("wss://localhost.example.com", {**SET, "NO_PROXY": "localhost,127.0.0.1"}, PROXY),
    ("wss://notcorp.example", {**SET, "NO_PROXY": ".corp.example"}, PROXY),
    ("wss://example.livekit.cloud", {}, None),
    ("ws://localhost:7880", {"NO_PROXY": "localhost"}, None),
]


@pytest.mark.parametrize(("url", "env"), BYPASSED)
def test_a_proxy_is_bypassed(url: str, env: dict[str, str]) -> None:
    os.environ.update(env)
    assert proxy.is_bypassed(url)
    assert proxy.for_worker(url) is None
    assert proxy.is_bypassed(url)


@pytest.mark.parametrize(("url", "env", "expected"), PROXIED)
def test_a_proxy_is_used_if_there_is_one(
    url: str, env: dict[str, str], expected: str | None
) -> None:
    os.environ.update(env)
    assert not proxy.is_bypassed(url)
    assert proxy.for_worker(url) == expected
    assert os.environ.get("NO_PROXY") == env.get("NO_PROXY")


def test_no_proxy_keeps_what_it_had() -> None:
    os.environ.update({**SET, "NO_PROXY": "a.example, b.example"})
    proxy.extend_no_proxy("ws://127.0.0.1:7880")
    for name in ("NO_PROXY", "no_proxy"):
        assert os.environ[name] == "a.example, b.example,127.0.0.1"


async def test_a_job_reaches_livekit_directly_and_its_models_through_the_proxy() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="LiveKit")

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    livekit = f"127.0.0.1:{runner.addresses[0][1]}"
    with http_proxy() as between:
        os.environ.update(between.env)
        assert proxy.for_worker(f"ws://{livekit}") is None
        http_context._new_session_ctx()  # as in a job
        proxy.prepare_job(f"ws://{livekit}")
        http = http_context.http_session()
        async with http.get(f"http://{livekit}") as response:
            assert await response.text() == "LiveKit"
        assert between.requests == []
        for url in ("https://models.example:1", "wss://models.example:1"):
            with pytest.raises(ClientError):
                await (http.ws_connect if url.startswith("ws") else http.get)(url)
        assert between.requests == [("CONNECT", "models.example:1")] * 2
        await http_context._close_http_ctx()
    await runner.cleanup()
    assert os.environ["HTTP_PROXY"] == os.environ["http_proxy"] == between.url
