"""The token backend as a running program."""

from dataclasses import replace

import aiohttp

from tests.e2e.programs import LiveKit, free_ports, redis_running, run


def test_with_a_remote_livekit_it_does_not_start_without_token_auth(livekit: LiveKit) -> None:
    (port,) = free_ports(1)
    env = {**livekit.env, "LIVEKIT_URL": "wss://example.livekit.cloud"}
    result = run("fastapi", "run", "--host", "127.0.0.1", "--port", str(port), env=env)
    assert result.returncode
    assert "TOKEN_AUTH is missing" in result.stderr
    assert "Traceback" not in result.stderr
    assert livekit.secret not in result.stderr + result.stdout


async def ask(backend: str) -> int:
    """Ask for a token; return the HTTP status."""
    async with aiohttp.ClientSession() as http, http.post(f"{backend}/token", json={}) as answer:
        return answer.status


async def test_it_is_ready_only_if_livekit_accepts_its_key(livekit: LiveKit, backend: str) -> None:
    other = replace(livekit, secret="of-another-project-with-32-letters")
    with other.backend() as wrong:
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{backend}/ready") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "ok"})
            async with http.get(f"{wrong}/ready") as answer:
                assert answer.status == 503
                assert (await answer.json())["detail"] == "LiveKit rejects the API key (HTTP 401)"


async def test_backends_share_a_rate_limit_in_redis_and_count_alone_without_it(
    livekit: LiveKit,
) -> None:
    with redis_running() as (address, process):
        env = {"TOKEN_RATE_LIMIT": "4/hour", "TOKEN_REDIS_URL": f"redis://{address}"}
        with livekit.backend(**env) as one, livekit.backend(**env) as another:
            for backend in (one, another, one, another):
                assert await ask(backend) == 201
            for backend in (one, another):
                assert await ask(backend) == 429
            process.kill()
            process.wait()
            statuses = [await ask(one) for _ in range(5)]
            assert statuses == [201] * 4 + [429]
