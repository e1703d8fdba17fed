"""A proxy in the environment: bypassed for a local server, used for one that is behind it."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from app.dispatch import proxy as app_proxy
from app.doctor import server
from app.doctor.finding import Finding
from app.settings import Settings
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit, free_ports, livekit_running, run
from tests.e2e.world import answers_to
from tests.http_proxy import VARIABLES, http_proxy


async def is_ready(backend: str) -> bool:
    async with aiohttp.ClientSession() as http, http.get(f"{backend}/ready") as answer:
        return answer.status == 200


def diagnosis(livekit: LiveKit, backend: str, **env: str) -> tuple[str, dict[str, Any]]:
    """Return the doctor's first cause (empty if healthy), and its finding about the server."""
    arguments = ("app.doctor", "--json", "--backend", backend)
    report = json.loads(run(*arguments, env={**livekit.env, **env}).stdout)
    (finding,) = (f for f in report["findings"] if f["check"] == "server")
    return (report["diagnosis"][0]["cause"] if report["diagnosis"] else ""), finding


async def test_the_proxy_is_bypassed_for_a_server_on_this_machine() -> None:
    with http_proxy() as proxy, livekit_running() as livekit:
        (port,) = free_ports(1)
        env = {**proxy.env, "WORKER_PORT": str(port)}
        with livekit.worker(**env), livekit.backend(**env) as backend:
            person = await Person.with_token_from(backend, room_name="hello")
            await person.meets_agent()
            assert await answers_to(person) == 1
            assert await is_ready(backend)
            await person.leave()
            cause, finding = diagnosis(livekit, backend, **env)
            assert (cause, finding["level"]) == ("", "ok")
            assert "bypassed" in finding["means"]
        assert proxy.requests == []


async def test_a_server_behind_a_proxy_is_reached_through_it() -> None:
    with http_proxy() as proxy, livekit_running() as livekit:
        # Only the proxy can resolve this host. The SDK's worker does not read http_proxy itself.
        url = livekit.url.replace("127.0.0.1", "livekit.test")
        (port,) = free_ports(1)
        env = {"LIVEKIT_URL": url, "http_proxy": proxy.url, "TOKEN_AUTH": "none"}
        env["WORKER_PORT"] = str(port)
        with livekit.worker(**env), livekit.backend(**env) as backend:
            person = await Person.with_token_from(backend, room_name="hello")
            await person.meets_agent()
            assert await answers_to(person) == 1
            assert await is_ready(backend)
            await person.leave()
            http_url = url.replace("ws", "http", 1)
            expected = {
                ("GET", f"{url}/agent"),  # the worker
                ("CONNECT", url.removeprefix("ws://")),  # the agent
                ("POST", f"{http_url}/twirp/livekit.RoomService/ListRooms"),  # both check rooms
                ("GET", f"{http_url}/rtc/validate"),  # the token backend
            }
            assert expected <= set(proxy.requests)
            cause, finding = diagnosis(livekit, backend, **env)
            assert (cause, finding["level"]) == ("", "ok")
            assert proxy.url in finding["means"]


async def test_the_doctor_finds_a_proxy_that_should_be_bypassed(
    livekit: LiveKit, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = asyncio.BaseEventLoop.getaddrinfo

    async def resolve(loop: asyncio.BaseEventLoop, host: str, *port: Any, **more: Any) -> Any:
        return await look_up(loop, host.replace("livekit.test", "127.0.0.1"), *port, **more)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    dead = f"http://127.0.0.1:{free_ports(1)[0]}"
    env = {**livekit.env, **dict.fromkeys(VARIABLES, dead)}
    env["LIVEKIT_URL"] = livekit.url.replace("127.0.0.1", "livekit.test")
    for variable, value in env.items():
        monkeypatch.setenv(variable, value)
    finding = await check_server()
    assert (finding.level, finding.cause) == ("problem", "proxy")
    assert "answers without" in finding.means
    assert "Add livekit.test to NO_PROXY" in finding.advice
    monkeypatch.setenv("NO_PROXY", "livekit.test")
    finding = await check_server()
    assert finding.level == "ok"
    assert "bypassed" in finding.means


async def check_server() -> Finding:
    settings = Settings()
    async with app_proxy.livekit_api(settings) as api:
        return await server.check(settings, api)


def test_the_doctor_finds_a_proxy_that_cannot_reach_livekit(livekit: LiveKit, backend: str) -> None:
    with http_proxy() as proxy:
        (port,) = free_ports(1)
        url = f"wss://livekit.test:{port}"
        proxy_url = proxy.url.replace("//", "//bob:hunter2@")
        cause, finding = diagnosis(livekit, backend, LIVEKIT_URL=url, https_proxy=proxy_url)
    assert cause == "proxy"
    assert "HTTP 502" in finding["seen"]
    assert "HTTPS_PROXY" in finding["advice"]
    assert "hunter2" not in json.dumps(finding)
