"""The processes of this machine: which listens on a port, and what is it connected to?

A worker does not report its server, so its connections have to tell. (Neither livekit-agents 1.8.9
nor 1.0.23 does, read.) Processes of other users and of other containers cannot be seen.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from app.dispatch import proxy

PROJECT = Path(__file__).parents[2]
RUNTIMES = ("python", "node")  # others that listen only forward a port, such as ssh or docker
DNS_SECONDS = 1
DEFAULT_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}


@dataclass(frozen=True)
class Process:
    """A Python or Node program that listens on a TCP port.

    Attributes:
        folder: where it was started; None if that cannot be seen.
        ports: on which it listens.
        peers: the addresses and ports that it is connected to.
    """

    folder: Path | None
    ports: frozenset[int]
    peers: frozenset[tuple[str, int]]

    @property
    def is_elsewhere(self) -> bool:
        """Whether it was started in another folder than this project's."""
        return self.folder is not None and self.folder != PROJECT


async def listening() -> list[Process]:
    return await asyncio.to_thread(lambda: list(scan()))


def scan() -> Iterator[Process]:
    for process in psutil.process_iter():
        try:
            if not process.name().lower().startswith(RUNTIMES):
                continue
            connections = process.net_connections("tcp")
            ports = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
            connected = [c.raddr for c in connections if c.status == psutil.CONN_ESTABLISHED]
            peers = frozenset((peer.ip.removeprefix("::ffff:"), peer.port) for peer in connected)
            folder = Path(process.cwd()) if ports else None
        except psutil.AccessDenied:
            continue
        except (psutil.Error, OSError):  # it has just ended
            continue
        if ports:
            yield Process(folder, frozenset(ports), peers)


async def addresses(url: str) -> set[tuple[str, int]]:
    """Return the addresses of a LiveKit server, or of the proxy to it, and the port."""
    parts = urlsplit(proxy.for_worker(url) or url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 80)
    try:
        async with asyncio.timeout(DNS_SECONDS):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(str(parts.hostname), port)
    except (OSError, UnicodeError):
        return set()
    return {(str(address[0]), port) for *_, address in found}


def may_use(process: Process, servers: set[tuple[str, int]]) -> bool:
    """Whether a process may be connected to one of `servers`.

    A host can have more addresses than it has just told, so on other machines the port decides.
    """
    if not servers:
        return True
    ports = {port for _, port in servers}
    are_loopback = any(ip_address(address).is_loopback for address, _ in servers)
    return any(
        port in ports and ip_address(address.partition("%")[0]).is_loopback == are_loopback
        for address, port in process.peers
    )
