"""Each way in which a server or a token backend cannot be reached has its own cause."""

import asyncio
import json
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.dispatch import proxy
from app.doctor import server, tokens
from app.doctor.finding import Finding
from app.settings import Settings

PROJECT = Path(server.__file__).parents[2]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Authority:
    """A certificate authority. Without `signs`, its certificates are self-signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), named("Example Inspection")
        self.file = self.write("authority", self.key, self.name, range(-1, 9), None)

    def certificate(self, host: str, days: range, signs: bool = True) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = (self.name, self.key) if signs else None
        file = self.write(f"{host}{days.start}{signs}", key, named(host), days, issuer, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def write(
        self,
        file: str,
        key: ec.EllipticCurvePrivateKey,
        name: x509.Name,
        days: range,
        issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None,
        host: str = "",
    ) -> Path:
        issuer_name, issuer_key = issuer or (name, key)
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder(issuer_name, name, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days.start))
            .not_valid_after(now + timedelta(days.stop))
            .add_extension(x509.BasicConstraints(ca=not host, path_length=None), critical=True)
        )
        if host:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        text = builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        text += key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self.folder / f"{file}.pem"
        path.write_bytes(text)
        return path


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def answers(head: bytes, body: bytes = b"") -> Handler:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        length = f"\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        writer.write(b"HTTP/1.1 " + head + length + body)
        writer.close()

    return answer


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.close()


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.close()


async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH\r\n")
    await reader.read(100)
    writer.close()


async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        continue
    writer.close()


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on this machine; yield the host and the port."""
    async with await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls) as service:
        yield f"localhost:{service.sockets[0].getsockname()[1]}"


async def findings(url: str) -> tuple[Finding, Finding]:
    """Return what the doctor says of a LiveKit server at `url`, and of a token backend there."""
    settings = Settings(livekit_url=url)
    async with proxy.livekit_api(settings) as api:
        finding = await server.check(settings, api)
    backend, _ = await tokens.check_backend(settings, url.replace("ws", "http", 1), "room")
    return finding, backend


GO = b"Client sent an HTTP request to an HTTPS server.\n"
NGINX = b"<html>The plain HTTP request was sent to HTTPS port"
SERVICES: list[tuple[str, Handler, str, str]] = [
    ("ws", answers(b"404 Not Found"), "no-livekit", "HTTP 404"),
    ("ws", answers(b"200 OK", b"\xff"), "no-livekit", "does not seem"),
    ("ws", answers(b"403 Forbidden"), "forbidden", "HTTP 403"),
    ("ws", answers(b"407 Proxy Authentication Required"), "proxy", "HTTP 407"),
    ("ws", answers(b"502 Bad Gateway"), "bad-gateway", "HTTP 502"),
    ("ws", answers(b"504 Gateway Timeout"), "bad-gateway", "HTTP 504"),
    ("ws", answers(b"400 Bad Request", GO), "tls-needed", "wants TLS"),
    ("ws", answers(b"400 Bad Request", NGINX), "tls-needed", "wants TLS"),
    ("ws", answers(b"308 Moved\r\nLocation: https://localhost/"), "tls-needed", "HTTP 308"),
    ("ws", answers(b"302 Found\r\nLocation: /login"), "no-livekit", "HTTP 302 to /login"),
    ("ws", hangs_up, "hang-up", "closed the connection"),
    ("wss", hangs_up, "hang-up", "closed the connection"),
    ("ws", resets, "hang-up", "closed the connection"),
    ("ws", greets, "no-livekit", "unknown format"),
    ("wss", answers(b"200 OK"), "tls", "does not speak TLS"),
    ("wss", greets, "tls", "does not speak TLS"),
    ("ws", never_answers, "no-server", "in time"),
]
OF_A_BACKEND = {"no-server": "no-backend", "no-livekit": "no-token-backend"}


@pytest.mark.parametrize(("scheme", "handler", "cause", "words"), SERVICES)
async def test_another_program(scheme: str, handler: Handler, cause: str, words: str) -> None:
    async with listening(handler) as address:
        found, backend = await findings(f"{scheme}://{address}")
    assert (found.level, found.cause) == ("problem", cause)
    assert words in found.seen
    if "403" not in words:  # also how a token backend refuses a client
        assert backend.cause in (cause, OF_A_BACKEND.get(cause), "no-backend")


@pytest.mark.parametrize(
    ("url", "cause", "words"),
    [
        ("ws://127.0.0.1:1", "no-server", "nothing listens there"),
        ("ws://livekit.invalid", "unknown-host", "does not know its host"),
        (f"ws://{'a' * 70}.example", "unknown-host", "does not know its host"),
    ],
)
async def test_nothing_there(url: str, cause: str, words: str) -> None:
    found, backend = await findings(url)
    assert found.cause == cause
    assert words in found.seen
    assert backend.cause == "no-backend"


async def test_the_token_backend_is_where_honcho_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    settings = Settings(livekit_url="ws://127.0.0.1:7880")
    found, _ = await tokens.check_backend(settings, None, "room")
    assert "No token backend answers at http://127.0.0.1:1." in found.seen


async def test_plain_against_tls(authority: Authority) -> None:
    tls = authority.certificate("localhost", range(-1, 9))
    async with listening(answers(b"200 OK"), tls) as address:
        found, backend = await findings(f"ws://{address}")
    assert found.cause == backend.cause == "tls-needed"


@pytest.mark.parametrize(
    ("host", "days", "signs", "trusts", "cause", "words"),
    [
        ("localhost", range(-1, 9), False, False, "certificate-untrusted", "self-signed"),
        ("localhost", range(-1, 9), True, False, "certificate-untrusted", "Example Inspection"),
        ("localhost", range(-9, -1), True, True, "certificate-expired", "expired"),
        ("localhost", range(5, 9), True, True, "certificate-not-yet", "not valid yet"),
        ("other.example", range(-1, 9), True, True, "certificate-name", "another name"),
    ],
)
async def test_a_certificate(
    authority: Authority,
    host: str,
    days: range,
    signs: bool,
    trusts: bool,
    cause: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    if trusts:  # OpenSSL reads this when a process starts
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    tls = authority.certificate(host, days, signs)
    async with listening(answers(b"200 OK"), tls) as address:
        monkeypatch.setenv("LIVEKIT_URL", f"wss://{address}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.doctor", "--json"),
            cwd=PROJECT,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        finding = json.loads(printed)["findings"][-1]
        assert finding["cause"] == cause
        assert words in finding["seen"]
        if not trusts:
            _, backend = await findings(f"wss://{address}")
            assert backend.cause == cause


async def test_a_machine_without_authorities(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
    async with listening(answers(b"200"), authority.certificate("localhost", range(-1, 9))) as at:
        found, _ = await findings(f"wss://{at}")
    assert found.cause == "certificate-no-authorities"
