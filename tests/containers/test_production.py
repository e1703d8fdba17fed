"""deploy/compose/production.yaml of a project, with real containers: TLS, and two of everything."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.containers.stack import (
    Backend,
    Clients,
    Stack,
    asks,
    docker,
    meets_another,
    update_during_a_conversation,
)

FILES = ("-f", "compose.yaml", "-f", "deploy/compose/production.yaml")
LONGEST_WAIT_SECONDS = 3


class OnThisMachine(AbstractResolver):
    """Finds every host here."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None: ...


@pytest.fixture(scope="module")
def address(built: Stack) -> Iterator[str]:
    """An address that containers and this machine both reach, without asking a STUN server."""
    # Docker does not list the gateway of its default network when it has just created it.
    network = docker("network", "create", f"{built.name}-address")
    yield docker("network", "inspect", network, "--format", "{{(index .IPAM.Config 0).Gateway}}")
    docker("network", "rm", network)


@pytest.fixture(scope="module")
def production(
    built: Stack, address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Production on this machine, whose certificates the SDK trusts. Caddy makes them itself."""
    settings = {
        "LIVEKIT_DOMAIN": "localhost",
        "TOKEN_DOMAIN": "token.localhost",
        "TOKEN_AUTH": "none",
        "NODE_IP": address,
    }
    root = tmp_path_factory.mktemp("caddy") / "root.crt"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        built.down()
        patch.setattr(built, "files", FILES)
        began = time.perf_counter()
        built.up("--build", "--scale", "worker=2", "--scale", "backend=2")
        built.add_row("production: up --build --wait", time.perf_counter() - began)
        built.compose("cp", "caddy:/data/caddy/pki/authorities/local/root.crt", str(root))
        patch.setenv("SSL_CERT_FILE", str(root))
        yield built
        built.down()


def run(scenario: Callable[[Backend], Awaitable[None]]) -> None:
    async def with_backend() -> None:
        trusted = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        connector = aiohttp.TCPConnector(ssl=trusted, resolver=OnThisMachine(), force_close=True)
        async with aiohttp.ClientSession(connector=connector) as http:
            await scenario(Backend(http, "https://token.localhost"))

    asyncio.run(with_backend())


def test_an_update_in_production_refuses_no_token(production: Stack) -> None:
    async def scenario(backend: Backend) -> None:
        clients = await update_during_a_conversation(production, backend)
        assert clients.refused == 0
        assert max(clients.waited) < LONGEST_WAIT_SECONDS

    run(scenario)
    assert len(production.containers("backend")) == 2


def test_a_worker_a_backend_and_a_server_are_killed(production: Stack) -> None:
    async def scenario(backend: Backend) -> None:
        person = await backend.person("production")
        agent = await person.meets_agent()
        clients = Clients(backend)
        docker("kill", production.worker_of(agent), production.containers("backend")[0])
        production.add_row("production: a worker is killed", await meets_another(person, agent))
        note = await clients.finish()
        assert clients.refused == 0, note
        production.add_row("production: a backend is killed", max(clients.waited), note)

        everybody = [person, *[await backend.person(f"server {n}") for n in range(3)]]
        for other in everybody:
            await other.meets_agent()
        began = time.perf_counter()
        docker("kill", production.containers("livekit")[0])
        await asyncio.gather(*(rejoins_if_needed(other, backend) for other in everybody))
        production.add_row("production: a server is killed", time.perf_counter() - began)

    run(scenario)


async def rejoins_if_needed(person: Any, backend: Backend) -> None:
    await asks(person, "on the other server", 90)
    await person.leave()
