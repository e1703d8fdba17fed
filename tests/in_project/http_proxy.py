"""A small HTTP proxy that records its requests."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")


@dataclass
class HttpProxy:
    """
    Attributes:
        url: for HTTPS_PROXY and the like.
        requests: the method and the target of each connection, without a query.
    """

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment of a program that uses this proxy for everything."""
        return dict.fromkeys(VARIABLES, self.url)


@contextmanager
def http_proxy() -> Iterator[HttpProxy]:
    """Run a proxy that connects to this machine, whatever the host."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                head += line
            method, target, _ = head.decode().split(" ", 2)
            proxy.requests.append((method, target.partition("?")[0]))
            port = urlsplit(f"//{target}" if method == "CONNECT" else target).port
            try:
                upstream = socket.create_connection(("127.0.0.1", port or 80))
            except OSError:
                self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            with upstream:
                if method == "CONNECT":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    upstream.sendall(head + b"\r\n")
                answers = threading.Thread(target=forward, args=(upstream, self.connection))
                answers.start()
                # Data that arrived together with the head is in the buffer of `rfile`.
                while data := self.rfile.read1(65_536):
                    upstream.sendall(data)
                with suppress(OSError):
                    upstream.shutdown(socket.SHUT_RDWR)
                answers.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...  # a broken connection

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy = HttpProxy(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def forward(source: socket.socket, target: socket.socket) -> None:
    """Forward all data from `source` to `target`."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
