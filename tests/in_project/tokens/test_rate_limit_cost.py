"""What the rate limit costs with many clients, and with a Redis that hangs."""

import asyncio
import time

import pytest
from fastapi import HTTPException

from app.tokens import rate_limit
from app.tokens.rate_limit import RateLimit


async def seconds_for(limit: RateLimit, requests: int = 2000) -> float:
    """Return the least CPU time that `requests` requests of one client have taken."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(requests):
            await limit.count("192.0.2.1")
        taken.append(time.process_time() - start)
    return min(taken)


async def test_a_request_costs_the_same_with_100_000_known_clients() -> None:
    limit = RateLimit("999999/day")
    alone = await seconds_for(limit)
    for number in range(100_000):
        await limit.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert await seconds_for(limit) < 3 * alone


async def test_counts_of_the_last_window_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    limit = RateLimit("1/minute")
    await limit.count("192.0.2.1")
    with pytest.raises(HTTPException) as refused:
        await limit.count("192.0.2.1")
    assert refused.value.headers == {"Retry-After": "20"}
    now += 20
    await limit.count("192.0.2.1")
    assert len(limit._counts) == 1


async def test_while_redis_hangs_only_one_request_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rate_limit, "REDIS_TIMEOUT_SECONDS", 0.05)
    connections = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()  # until the client hangs up
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        limit = RateLimit("60/day", f"redis://127.0.0.1:{port}")
        for _ in range(60):
            await limit.count("192.0.2.1")
        with pytest.raises(HTTPException):
            await limit.count("192.0.2.1")
        assert connections == 1
        monkeypatch.setattr(limit, "_next_try", 1.0)  # long ago
        await asyncio.gather(*(limit.count(f"192.0.2.{number}") for number in range(2, 20)))
        assert connections == 2
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    "option", ["hat=1", "socket_timeout=soon", "protocol=9", "retry=3", "ssl_cert_reqs=CERT_NONE"]
)
def test_a_wrong_option_of_redis_is_named(option: str) -> None:
    with pytest.raises(SystemExit, match="TOKEN_REDIS_URL has an option"):
        RateLimit("60/minute", f"rediss://127.0.0.1:1?{option}")


@pytest.mark.parametrize("option", ["retry_on_error=x", "redis_connect_func=x", "encoding=foo"])
async def test_an_option_that_redis_cannot_use_costs_no_token(
    caplog: pytest.LogCaptureFixture, option: str
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await RateLimit("60/minute", f"redis://127.0.0.1:{port}?{option}").count("192.0.2.1")
    (line,) = caplog.messages
    assert line.startswith("TOKEN_REDIS_URL does not answer (")
