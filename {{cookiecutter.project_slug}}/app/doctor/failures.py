"""Why a program cannot be reached: what an exception or an HTTP status means.

The order matters: a certificate error of aiohttp is also a ValueError and an OSError.
"""

import asyncio
import errno
import os
import socket
import ssl
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from aiohttp import ClientConnectorError, ClientHttpProxyError, ServerDisconnectedError
from cryptography import x509
from cryptography.x509.oid import NameOID

HANDSHAKE_SECONDS = 2
DNS_SECONDS = 1

NO_HOST = "Correct the URL, or this machine's DNS."
UNTRUSTED = (
    "certificate-untrusted",
    "its certificate is not from an authority that this machine trusts",
    "Is it a company's own authority, or TLS inspection by a proxy or antivirus? Add its "
    "certificate to SSL_CERT_FILE. Or does the server leave out an intermediate certificate?",
)
CERTIFICATES = {
    9: (
        "certificate-not-yet",
        "its certificate is not valid yet",
        "Is this machine's clock behind? Otherwise, wait, or renew the certificate.",
    ),
    10: (
        "certificate-expired",
        "its certificate has expired",
        "Renew it on the server. If it is new, is this machine's clock ahead?",
    ),
    18: (
        "certificate-untrusted",
        "its certificate is self-signed",
        "Get one from an authority, such as Let's Encrypt, or add it to SSL_CERT_FILE.",
    ),
    62: (
        "certificate-name",
        "its certificate is for another name",
        "Use the name in the certificate, or get one for this name.",
    ),
}
CERTIFICATES |= dict.fromkeys((19, 20, 21), UNTRUSTED) | {64: CERTIFICATES[62]}


@dataclass(frozen=True)
class Failure:
    """Why there was no answer, or not the right one.

    Attributes:
        cause: like the cause of a finding; `no-server` if nothing answers at all.
        reason: follows a colon.
    """

    cause: str
    reason: str
    advice: str


def from_error(error: BaseException) -> Failure:
    """Explain an exception of aiohttp, urllib or asyncio."""
    related = [error.__cause__, getattr(error, "reason", None), error]  # aiohttp, urllib, itself
    for cause in related:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return from_certificate(cause)
    if isinstance(error, ClientHttpProxyError):
        return from_status(error.status)
    for cause in related:
        if isinstance(cause, ssl.SSLError):
            return from_tls(cause)
        # A host name that cannot exist is a UnicodeError. So is an answer that cannot be decoded.
        is_name = isinstance(cause, UnicodeError) and not isinstance(cause, UnicodeDecodeError)
        if is_name or isinstance(cause, socket.gaierror):
            return Failure("unknown-host", "this machine does not know its host", NO_HOST)
        if isinstance(cause, TimeoutError):
            advice = "Does a firewall block it? Or is the program blocked or suspended?"
            return Failure("no-server", "it does not answer in time", advice)
        if isinstance(cause, ConnectionRefusedError):
            where = ""
            if isinstance(error, ClientConnectorError):
                where = f" at {error.host}:{error.port}"
            advice = "Start it, or correct the URL."
            return Failure("no-server", f"nothing listens{where} (connection refused)", advice)
    for cause in related:
        if isinstance(cause, ConnectionError | ServerDisconnectedError):
            advice = "Is it another program, or does a proxy or firewall end the connection?"
            return Failure("hang-up", "it closed the connection without an answer", advice)
        if isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return Failure("no-server", "this machine has no route to it", "Check the network.")
    return Failure("no-livekit", "it answers in an unknown format", "Correct the URL.")


def from_tls(error: ssl.SSLError) -> Failure:
    if "VERSION_NUMBER" in str(error.reason) or "record layer" in str(error).lower():
        advice = "For a program without TLS, such as one on this machine, use ws:// or http://."
        return Failure("tls", "it does not speak TLS on this port", advice)
    advice = "Does the server offer TLS 1.2 or later, and a certificate for this name?"
    return Failure("tls", f"the TLS handshake fails ({error.reason or 'no reason given'})", advice)


def from_certificate(error: ssl.SSLCertVerificationError) -> Failure:
    match error.verify_code:  # of OpenSSL
        case 19 | 20 | 21 if not has_authorities():
            reason = "this machine has no certificates of authorities"
            advice = "Install them (Debian: ca-certificates), or correct SSL_CERT_FILE."
            return Failure("certificate-no-authorities", reason, advice)
        case code if code in CERTIFICATES:
            return Failure(*CERTIFICATES[code])
    reason = f"its certificate is refused ({error.verify_message})"
    return Failure("certificate-untrusted", reason, "Correct the certificate on the server.")


def has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and os.listdir(paths.capath)))


def from_status(status: int, text: str = "", location: str = "") -> Failure:
    """Explain an HTTP status that the program itself would not send."""
    if location.startswith(("https:", "wss:")) or (status == 400 and "HTTPS" in text):
        advice = "Use wss:// or https:// in its URL."
        return Failure("tls-needed", f"it wants TLS (HTTP {status})", advice)
    if status == 407:
        advice = "Put its user and password into HTTPS_PROXY or HTTP_PROXY, or use NO_PROXY."
        return Failure("proxy", "a proxy wants a password (HTTP 407)", advice)
    if status in (502, 503, 504):
        advice = "Start the program behind it, or correct where the proxy forwards to."
        reason = f"a proxy answers, but not the program behind it (HTTP {status})"
        return Failure("bad-gateway", reason, advice)
    if status == 403:
        advice = "Allow this machine there: a firewall or a list of addresses refuses it."
        return Failure("forbidden", "something in front refuses this machine (HTTP 403)", advice)
    target = f" to {location}" if location else ""
    return Failure("no-livekit", f"it answers with HTTP {status}{target}", "Correct the URL.")


async def explain(error: BaseException, url: str) -> Failure:
    """Explain an exception, and look closer where the exception alone is ambiguous.

    Args:
        url: what could not be reached, without a proxy in between.
    """
    failure = from_error(error)
    parts = urlsplit(url)
    host, is_secure = parts.hostname or "", parts.scheme in ("wss", "https")
    if failure.cause == "no-server" and not isinstance(error, ClientConnectorError):
        if not await is_known(host):
            return Failure("unknown-host", "this machine does not know its host", NO_HOST)
    elif failure.cause == "hang-up" and not is_secure:
        if await issuer_at(host, parts.port or 80) is not None:
            return replace(from_status(400, "HTTPS"), reason="it wants TLS")
    elif failure.cause == "certificate-untrusted" and is_secure:
        issuer = await issuer_at(host, parts.port or 443)
        return replace(failure, reason=f"{failure.reason} (issuer: {issuer or 'unknown'})")
    return failure


async def is_known(host: str) -> bool:
    """Whether the host name resolves before the timeout."""
    try:
        async with asyncio.timeout(DNS_SECONDS):
            await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return False
    return True


async def issuer_at(host: str, port: int) -> str | None:
    """Return who issued the certificate at this address; None if it does not speak TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.transport.abort()
        issuer = x509.load_der_x509_certificate(certificate).issuer
        names = [
            *issuer.get_attributes_for_oid(NameOID.COMMON_NAME),
            *issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME),
        ]
    except (OSError, ValueError):
        return None
    return str(names[0].value) if names else ""
