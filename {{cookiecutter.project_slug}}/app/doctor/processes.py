"""The processes of this machine: which listens on a port, and what is it connected to?

A worker does not report its server, so its connections have to tell. (Neither livekit-agents 1.8.9
nor 1.0.23 does, read.) Processes of other users and of other containers cannot be seen.
"""

import asyncio
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil

from app.dispatch import proxy
from app.doctor.reach import DNS_SECONDS

PROJECT = Path(__file__).parents[2]
RUNTIMES = ("python", "node")  # others that listen only forward a port, such as ssh or docker
Address = tuple[str, int]


class Process(NamedTuple):
    """A Python or Node program: its working directory, its ports, and whom it is connected to."""

    folder: Path
    ports: set[int]
    peers: set[Address]

    @property
    def is_elsewhere(self) -> bool:
        return self.folder != PROJECT


async def listening() -> list[Process]:
    return await asyncio.to_thread(lambda: list(scan()))


def scan() -> Iterator[Process]:
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


async def addresses(url: str) -> set[Address]:
    """Return the addresses and the port of a LiveKit server, or of the proxy to it."""
    parts = urlsplit(proxy.for_worker(url) or url)
    port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
    try:
        async with asyncio.timeout(DNS_SECONDS):
            infos = await asyncio.get_running_loop().getaddrinfo(str(parts.hostname), port)
    except (OSError, UnicodeError):
        return set()
    return {(str(address[0]), port) for *_, address in infos}


def may_use(process: Process, servers: set[Address]) -> bool:
    """Whether a process may be connected to one of `servers`.

    A host can have more addresses than it has just told, so on other machines the port decides.
    """
    kinds = {(port, is_loopback(address)) for address, port in servers}
    peers = {(port, is_loopback(address)) for address, port in process.peers}
    return not servers or bool(kinds & peers)


def is_loopback(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_loopback
