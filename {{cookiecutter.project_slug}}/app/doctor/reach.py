"""Reach a program over HTTP, or tell why that fails."""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
)
from cryptography import x509

from app.doctor.finding import CAUSES, Finding, found

TIMEOUT_SECONDS = 4
HANDSHAKE_SECONDS = 2
DNS_SECONDS = 1
UNANSWERED = (ClientError, TimeoutError, ValueError)

# Exceptions, or what they were raised from, with their cause. The first one counts: a certificate
# error of aiohttp, for example, is also an SSLError, a ValueError and an OSError.
EXCEPTIONS: tuple[tuple[type[Exception], str, str], ...] = (
    (ClientProxyConnectionError, "proxy", "the proxy does not answer"),
    (ssl.SSLCertVerificationError, "certificate-untrusted", "{0.verify_message}"),
    (ssl.SSLError, "tls", "{0.reason}"),
    (UnicodeDecodeError, "no-livekit", "it answers in an unknown format"),
    (UnicodeError, "unknown-host", ""),  # a host name that cannot exist
    (socket.gaierror, "unknown-host", ""),
    (TimeoutError, "no-server", "it does not answer in time"),
    (ConnectionRefusedError, "no-server", "nothing listens{where} (connection refused)"),
    (ConnectionError, "hang-up", ""),
    (ServerDisconnectedError, "hang-up", ""),
    (ClientConnectorError, "no-server", "this machine cannot connect ({0.strerror})"),
    (Exception, "no-livekit", "it answers in an unknown format"),
)
CERTIFICATES = {  # error codes of OpenSSL
    9: "certificate-not-yet",
    10: "certificate-expired",
    62: "certificate-name",  # a host name
    64: "certificate-name",  # an address
}
STATUSES = {
    403: ("forbidden", ""),
    407: ("proxy", "a proxy wants a password (HTTP 407)"),
    502: ("bad-gateway", "HTTP 502"),
    503: ("bad-gateway", "HTTP 503"),
    504: ("bad-gateway", "HTTP 504"),
}


class Answer(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Failure:
    """Why there was no answer, or not the right one: a cause in causes.toml, and a detail."""

    cause: str
    detail: str = ""

    @property
    def reason(self) -> str:
        return str(CAUSES[self.cause]["reason"].format(detail=self.detail))

    def finding(self, check: str, url: str, program: str) -> Finding:
        values = {"url": url, "program": program, "host": urlsplit(url).hostname, "direct": ""}
        return found(check, self.cause, detail=self.detail, **values)


async def fetch(url: str, method: str = "GET", **options: Any) -> Answer:
    """Return the answer at `url`. A redirect is not followed: it would lose token and body.

    Raises:
        ClientError, TimeoutError, ValueError: see `explain`.
    """
    timeout = ClientTimeout(total=TIMEOUT_SECONDS)
    async with (
        ClientSession(timeout=timeout) as http,
        http.request(method, url, allow_redirects=False, **options) as answer,
    ):
        text = (await answer.read()).decode(errors="replace")
        return Answer(answer.status, text, answer.headers)


def from_answer(answer: Answer) -> Failure:
    """Explain an answer that the program itself would not give."""
    target = answer.headers.get("Location", "").partition("?")[0]
    if target.startswith(("https:", "wss:")) or (answer.status == 400 and "HTTPS" in answer.text):
        return Failure("tls-needed", f" (HTTP {answer.status})")
    if answer.status in STATUSES:
        return Failure(*STATUSES[answer.status])
    where = f" to {target}" if target else ""
    return Failure("no-livekit", f"it answers with HTTP {answer.status}{where}")


def from_error(error: Exception) -> Failure:
    """Explain an exception of aiohttp, or what LiveKit's client raises."""
    if isinstance(error, ClientHttpProxyError):
        return from_answer(Answer(error.status, "", {}))
    cause, detail, origin = next(
        (cause, detail, origin)
        for kind, cause, detail in EXCEPTIONS
        for origin in (error.__cause__, error)
        if isinstance(origin, kind)
    )
    if isinstance(origin, ssl.SSLCertVerificationError):
        cause = CERTIFICATES.get(origin.verify_code, cause)
        if cause == "certificate-untrusted" and not has_authorities():
            cause = "certificate-no-authorities"
    where = f" at {error.host}:{error.port}" if isinstance(error, ClientConnectorError) else ""
    return Failure(cause, detail.format(origin, where=where))


def has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and os.listdir(paths.capath)))


async def explain(error: Exception, url: str) -> Failure:
    """Explain an exception, and look closer where the exception alone is ambiguous.

    Args:
        url: what could not be reached, without a proxy in between.
    """
    failure, parts = from_error(error), urlsplit(url)
    host, is_secure = str(parts.hostname), parts.scheme in ("wss", "https")
    if failure.cause == "no-server" and isinstance(error, TimeoutError):
        if not await is_known(host):
            return Failure("unknown-host")
    elif failure.cause == "hang-up" and not is_secure:
        if await issuer_at(host, parts.port or 80):
            return Failure("tls-needed")
    elif failure.cause == "certificate-untrusted":
        issuer = await issuer_at(host, parts.port or 443)
        return replace(failure, detail=f"{failure.detail}; issuer: {issuer or 'unknown'}")
    return failure


async def is_known(host: str) -> bool:
    """Whether the host name resolves before the timeout."""
    try:
        async with asyncio.timeout(DNS_SECONDS):
            await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return False
    return True


async def issuer_at(host: str, port: int) -> str:
    """Return who issued the certificate at this address; empty if it does not speak TLS."""
    ask = ssl.get_server_certificate  # it accepts any
    try:
        certificate = await asyncio.to_thread(ask, (host, port), timeout=HANDSHAKE_SECONDS)
        issuer = x509.load_pem_x509_certificate(certificate.encode()).issuer
    except (OSError, ValueError):
        return ""
    return issuer.rfc4514_string() or "nobody"
