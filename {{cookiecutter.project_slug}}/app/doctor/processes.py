"""The processes of this machine: which listens on a port, and what is it connected to?

A worker does not report its server, so its connections have to tell. (Neither livekit-agents 1.8.9
nor 1.0.23 does, read.) Processes of other users and of other containers cannot be seen.
"""

import asyncio
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped, unused-ignore]

from app.dispatch import proxy
from app.doctor.reach import resolve

PROJECT = Path(__file__).parents[2]
RUNTIMES = ("python", "node")  # others that listen only forward a port, such as ssh or docker


class Process(NamedTuple):
    """A Python or Node program: its folder, its ports, and the addresses it is connected to."""

    folder: Path
    ports: set[int]
    peers: set[tuple[str, int]]

    @property
    def is_elsewhere(self) -> bool:
        return self.folder != PROJECT

    def may_use(self, servers: set[tuple[str, int]]) -> bool:
        """Whether it may be connected to one of `servers`.

        A host can have more addresses than it has just told, so elsewhere, the port decides.
        """
        return not servers or bool(nearby(servers) & nearby(self.peers))


def nearby(addresses: set[tuple[str, int]]) -> set[tuple[bool, int]]:
    return {(ip_address(ip.partition("%")[0]).is_loopback, port) for ip, port in addresses}


async def listening() -> list[Process]:
    return await asyncio.to_thread(scan)


def scan() -> list[Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().lower().startswith(RUNTIMES):
                sockets = process.net_connections("tcp")
                ports = {s.laddr.port for s in sockets if s.status == psutil.CONN_LISTEN}
                remote = [s.raddr for s in sockets if s.status == psutil.CONN_ESTABLISHED]
                peers = {(peer.ip.removeprefix("::ffff:"), peer.port) for peer in remote}
                if ports:
                    found.append(Process(Path(process.cwd()), ports, peers))
        except (psutil.Error, OSError):  # another user's, or it has just ended
            continue
    return found


async def addresses(url: str) -> set[tuple[str, int]]:
    """Return the addresses and the port of a LiveKit server, or of the proxy to it."""
    parts = urlsplit(proxy.for_worker(url) or url)
    port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
    return {(address, port) for address in await resolve(str(parts.hostname))}
