"""Reach a program over HTTP, or tell why that fails."""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from cryptography import x509

from app.doctor.finding import CAUSES, Finding, found

TIMEOUT_SECONDS = 3
LOOK_UP_SECONDS = 1
UNANSWERED = (aiohttp.ClientError, TimeoutError, ValueError)  # what `fetch` raises

# What an exception means, or what it was raised from. The first one counts: a certificate error of
# aiohttp, for example, is also an SSLError, a ValueError and an OSError.
EXCEPTIONS: tuple[tuple[type[Exception], str, str], ...] = (
    (aiohttp.ClientProxyConnectionError, "proxy", "the proxy does not answer"),
    (ssl.SSLCertVerificationError, "certificate-untrusted", "{0.verify_message}"),
    (ssl.SSLError, "tls", "{0.reason}"),
    (UnicodeError, "unknown-host", ""),  # a host name that cannot exist
    (socket.gaierror, "unknown-host", ""),
    (TimeoutError, "no-server", "it does not answer in time"),
    (ConnectionRefusedError, "no-server", "nothing listens there (connection refused)"),
    (ConnectionError, "hang-up", ""),
    (aiohttp.ServerDisconnectedError, "hang-up", ""),
    (aiohttp.ClientConnectorError, "no-server", "this machine cannot connect ({0.strerror})"),
    (Exception, "no-livekit", "it answers in an unknown format"),
)
# The error codes of OpenSSL. A certificate can be for another host name, or for another address.
CERTIFICATES = {9: "certificate-not-yet", 10: "certificate-expired"}
CERTIFICATES |= dict.fromkeys((62, 64), "certificate-name")


class Answer(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str]


class Failure(NamedTuple):
    """Why there was no answer, or not the right one: a cause in causes.toml, and a detail."""

    cause: str
    detail: str = ""

    @property
    def reason(self) -> str:
        return str(CAUSES[self.cause]["reason"].format(detail=self.detail))

    def finding(self, check: str, program: str, url: str, **values: object) -> Finding:
        values = {"direct": "", "host": urlsplit(url).hostname, **values}
        return found(check, self.cause, program=program, url=url, detail=self.detail, **values)


async def fetch(url: str, method: str = "GET", **options: Any) -> Answer:
    """Return the answer at `url`. A redirect is not followed: it would lose token and body."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.request(method, url, allow_redirects=False, **options) as answer,
    ):
        text = (await answer.read()).decode(errors="replace")
        return Answer(answer.status, text, answer.headers)


def from_answer(answer: Answer) -> Failure:
    """Explain an answer that the program itself would not give."""
    status, target = answer.status, answer.headers.get("Location", "").partition("?")[0]
    if target.startswith(("https:", "wss:")) or (status == 400 and "HTTPS" in answer.text):
        return Failure("tls-needed", f" (HTTP {status})")
    if status == 403:
        return Failure("forbidden")
    if status == 407:
        return Failure("proxy", "a proxy wants a password (HTTP 407)")
    if status in (502, 503, 504):
        return Failure("bad-gateway", f"HTTP {status}")
    return Failure("no-livekit", f"it answers with HTTP {status}{target and f' to {target}'}")


def from_error(error: Exception) -> Failure:
    """Explain an exception of aiohttp, or what LiveKit's client raises."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return from_answer(Answer(error.status, "", {}))
    cause, detail, origin = next(
        (cause, detail, origin)
        for kind, cause, detail in EXCEPTIONS
        for origin in (error.__cause__, error)
        if isinstance(origin, kind)
    )
    if isinstance(origin, ssl.SSLCertVerificationError):
        cause = CERTIFICATES.get(origin.verify_code, cause)
        paths = ssl.get_default_verify_paths()
        has_authorities = paths.cafile or (paths.capath and os.listdir(paths.capath))
        if cause == "certificate-untrusted" and not has_authorities:
            cause = "certificate-no-authorities"
    return Failure(cause, detail.format(origin))


async def explain(error: Exception, url: str) -> Failure:
    """Explain why `url` could not be reached without a proxy, and look closer where needed."""
    failure, parts = from_error(error), urlsplit(url)
    host, is_secure = str(parts.hostname), parts.scheme in ("wss", "https")
    if isinstance(error, TimeoutError) and not await resolve(host):
        return Failure("unknown-host")
    if failure.cause == "hang-up" and not is_secure and await issuer_at(host, parts.port or 80):
        return Failure("tls-needed")
    if failure.cause == "certificate-untrusted":
        issuer = await issuer_at(host, parts.port or 443)
        return Failure(failure.cause, f"{failure.detail}; issuer: {issuer or 'unknown'}")
    return failure


async def resolve(host: str) -> set[str]:
    """Return the addresses of a host; none if the name server does not know it, or is silent."""
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            infos = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return set()
    return {str(address[0]) for *_, address in infos}


async def issuer_at(host: str, port: int) -> str:
    """Return who issued the certificate at this address; empty if it does not speak TLS."""
    ask = ssl.get_server_certificate  # it accepts any
    try:
        certificate = await asyncio.to_thread(ask, (host, port), timeout=LOOK_UP_SECONDS)
        issuer = x509.load_pem_x509_certificate(certificate.encode()).issuer
    except (OSError, ValueError):
        return ""
    return issuer.rfc4514_string() or "nobody"
