"""The proxy between this machine and the LiveKit server, if one is set."""

from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import (
    ClientError,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
)

from app.dispatch import proxy
from app.doctor.finding import Finding
from app.doctor.server import TIMEOUT
from app.settings import Settings


async def explain(settings: Settings, finding: Finding) -> Finding:
    """Return what `app.doctor.server` found, or that a proxy is the reason for it."""
    url = settings.livekit_url
    if proxy.is_bypassed(url):
        return replace(finding, means=f"The proxy is bypassed. {finding.means}".strip())
    way = proxy.for_worker(url)
    if not way:
        return finding
    if finding.level == "ok":
        return replace(finding, means=f"It is reached through the proxy {way}.")
    reason = await failure(url, way)
    if not reason:
        return finding
    host, variable = urlsplit(url).hostname, "HTTPS_PROXY" if url[:3] == "wss" else "HTTP_PROXY"
    if not await failure(url):
        means = "It answers without the proxy. Worker, agents and token backend use the proxy, too."
        advice = f"Add {host} to NO_PROXY, and start worker and token backend again."
    elif reason == "TLS":
        return finding
    else:
        means = "It does not answer without the proxy, either. No worker can register."
        advice = f"Correct {variable} or LIVEKIT_URL. For a server that needs no proxy, add {host} "
        advice += "to NO_PROXY."
    seen = f"No LiveKit server answers at {url} through the proxy {way} ({reason})."
    return Finding("server", "problem", "proxy", seen, means, advice)


async def failure(url: str, way: str | None = None) -> str:
    """Why LiveKit does not answer at `url`, through a proxy or without; empty if it does."""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=TIMEOUT), proxy=way) as http,
            http.get(
                url.rstrip("/").replace("ws", "http", 1) + "/rtc/validate", allow_redirects=False
            ) as answer,
        ):
            return "" if answer.status in (200, 401) else f"HTTP {answer.status}"
    except ClientHttpProxyError as error:
        return f"HTTP {error.status}"
    except ClientProxyConnectionError:
        return "nothing listens there"
    except ClientSSLError:
        return "TLS"
    except (ClientError, TimeoutError, ValueError):
        return "no answer"
