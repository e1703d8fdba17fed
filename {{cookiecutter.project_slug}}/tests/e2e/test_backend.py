"""The token backend as a running program."""

from dataclasses import replace

import aiohttp

from tests.e2e.programs import LiveKit, free_ports, run


def test_with_a_remote_livekit_it_does_not_start_without_token_auth(livekit: LiveKit) -> None:
    (port,) = free_ports(1)
    env = {**livekit.env, "LIVEKIT_URL": "wss://example.livekit.cloud"}
    result = run("fastapi", "run", "--host", "127.0.0.1", "--port", str(port), env=env)
    assert result.returncode
    assert "TOKEN_AUTH is missing" in result.stderr
    assert "Traceback" not in result.stderr
    assert livekit.secret not in result.stderr + result.stdout


async def test_it_is_ready_only_if_livekit_accepts_its_key(livekit: LiveKit, backend: str) -> None:
    other = replace(livekit, secret="of-another-project-with-32-letters")
    with other.backend() as wrong:
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{backend}/ready") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "ok"})
            async with http.get(f"{wrong}/ready") as answer:
                assert answer.status == 503
                assert (await answer.json())["detail"] == "LiveKit rejects the API key (HTTP 401)"
