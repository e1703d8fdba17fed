"""Check the worker on this machine, through its HTTP port and its connections.

A worker does not report its server, so its connections have to tell. (Neither livekit-agents 1.8.9
nor 1.0.23 does, read.) Processes of other users and of other containers cannot be seen.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
from aiohttp import ClientConnectorError
from pydantic import BaseModel, Field

from app.dispatch import names, proxy
from app.doctor.finding import Finding, found, ok, skipped
from app.doctor.reach import TIMEOUT_SECONDS, UNANSWERED, fetch, resolve
from app.settings import Settings

PROJECT = Path(__file__).parents[2]
RUNTIMES = ("python", "node")  # others that listen only forward a port, such as ssh or docker
RECONNECT_SECONDS = 1  # a worker connects again after a second or so


class Worker(BaseModel):
    """What GET /worker reports. The SDK leaves out what is empty."""

    worker_type: str
    sdk_version: str = ""  # livekit-agents 1.0 reports neither this nor its load (measured)
    agent: str = Field("", alias="agent_name")
    load: float = Field(0, alias="worker_load")
    jobs: int = Field(0, alias="active_jobs")


class Process(NamedTuple):
    """A Python or Node program: its folder, its ports, and the addresses it is connected to."""

    folder: Path
    ports: set[int]
    peers: set[tuple[str, int]]


def url_of(settings: Settings) -> str:
    host = settings.worker_host
    host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104
    return f"http://{host}:{settings.worker_port}"


async def check(settings: Settings) -> tuple[Finding, Worker | None]:
    """Return a finding, and the worker if it answers and may use this server."""
    if not settings.worker_port:
        return skipped("worker", "The worker's port is unknown: WORKER_PORT is 0."), None
    url, own_name = url_of(settings), names.our_name(settings)
    problem = partial(found, "worker", url=url, server=settings.livekit_url)
    try:
        worker = await worker_at(url)
    except TimeoutError:
        return problem("worker-silent", seconds=TIMEOUT_SECONDS), None
    except ClientConnectorError:
        return problem("no-worker"), None
    except UNANSWERED:
        return problem("no-livekit-worker"), None
    process, is_connected = await connection_of(settings)
    if process and process.folder != PROJECT and not is_connected:
        return problem("another-projects-worker", folder=process.folder), None
    if not worker:
        return problem("worker-disconnected"), None
    if process and not is_connected:
        return problem("worker-elsewhere"), None
    if worker.agent != own_name:
        values = {"name": by_name(worker.agent), "ours": by_name(own_name)}
        return problem("named-worker", **values), worker
    if process and process.folder != PROJECT:
        return problem("second-project", folder=process.folder), worker
    load = f"{worker.load:.2f}" if worker.sdk_version else "unknown"
    seen = f"The worker at {url} is registered {by_name(own_name)} (load: {load})."
    unseen = "Its connections cannot be seen from here, so it may use another server."
    return ok("worker", seen, "" if process else unseen), worker


async def connection_of(settings: Settings) -> tuple[Process | None, bool]:
    """Return the process on the worker's port if it can be seen, and whether it has the server."""
    for wait in (0, RECONNECT_SECONDS):
        await asyncio.sleep(wait)
        servers = await addresses(settings.livekit_url)
        owners = [p for p in listening() if settings.worker_port in p.ports]
        if len(owners) != 1:
            return None, False
        if not servers or nearby(owners[0].peers) & nearby(servers):
            return owners[0], True
    return owners[0], False


async def check_others(settings: Settings) -> list[Finding]:
    """Find other projects' workers on this machine that take this project's rooms."""
    url = settings.livekit_url
    if str(urlsplit(url).hostname).endswith(".livekit.cloud"):
        return []  # its projects share addresses
    servers = await addresses(url)
    findings = []
    for process in listening():
        if process.folder != PROJECT and process.peers & servers:
            for port in process.ports - {settings.worker_port}:
                theirs = f"http://127.0.0.1:{port}"
                worker = await worker_if_any(theirs)
                if worker and worker.agent == names.our_name(settings):
                    values = {"url": theirs, "folder": process.folder, "server": url}
                    findings.append(found("worker", "second-project", **values))
    return findings


def by_name(name: str) -> str:
    return f"as {name!r}" if name else "without a name"


async def worker_if_any(url: str) -> Worker | None:
    try:
        return await worker_at(url)
    except UNANSWERED:
        return None


async def worker_at(url: str) -> Worker | None:
    """Return the worker at `url`, None if it has given up, or raise one of UNANSWERED."""
    if (await fetch(f"{url}/")).status == 503:
        return None
    return Worker.model_validate_json((await fetch(f"{url}/worker")).text)


def listening() -> Iterator[Process]:
    """Yield the programs that listen on a port."""
    for process in psutil.process_iter():
        try:
            if process.name().lower().startswith(RUNTIMES):
                sockets = process.net_connections("tcp")
                ports = {s.laddr.port for s in sockets if s.status == psutil.CONN_LISTEN}
                remote = [s.raddr for s in sockets if s.status == psutil.CONN_ESTABLISHED]
                peers = {(peer.ip.removeprefix("::ffff:"), peer.port) for peer in remote}
                if ports:
                    yield Process(Path(process.cwd()), ports, peers)
        except (psutil.Error, OSError):  # another user's, or it has just ended
            continue


async def addresses(url: str) -> set[tuple[str, int]]:
    """Return the addresses and the port of a LiveKit server, or of the proxy to it."""
    parts = urlsplit(proxy.for_worker(url) or url)
    port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
    return {(address, port) for address in await resolve(str(parts.hostname))}


def nearby(addresses: set[tuple[str, int]]) -> set[tuple[bool, int]]:
    """Return what is comparable: elsewhere, a host can have more addresses than it has told."""
    return {(ip_address(ip.partition("%")[0]).is_loopback, port) for ip, port in addresses}
