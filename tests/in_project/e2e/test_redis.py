"""Token backends that share a Redis."""

import aiohttp

from tests.e2e.programs import LiveKit
from tests.e2e.redis import redis_running


async def ask(backend: str) -> int:
    """Ask for a token; return the HTTP status."""
    async with aiohttp.ClientSession() as http, http.post(f"{backend}/token", json={}) as answer:
        return answer.status


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
