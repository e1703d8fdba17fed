"""The processes of this machine: which listens on a port, and what is it connected to?

A worker does not report its server, so its connections have to tell. (Neither livekit-agents 1.8.9
nor 1.0.23 does, read.) Processes of other users and of other containers cannot be seen.
"""

from collections.abc import Iterator
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
    """Return for each address whether it is on this machine, and the port.

    A host can have more addresses than it has just told, so elsewhere, only the port counts.
    """
    return {(ip_address(ip.partition("%")[0]).is_loopback, port) for ip, port in addresses}
