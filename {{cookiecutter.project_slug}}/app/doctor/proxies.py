"""Check the proxy between this machine and the LiveKit server, if one is set."""

from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientProxyConnectionError, ClientSession, ClientTimeout

from app.dispatch import proxy
from app.doctor import failures
from app.doctor.finding import Finding
from app.doctor.server import TIMEOUT_SECONDS
from app.settings import Settings


async def explain(settings: Settings, finding: Finding) -> Finding:
    """Return the finding about the server, or the proxy problem that explains it."""
    url = settings.livekit_url
    if proxy.is_bypassed(url):
        return replace(finding, means=f"The proxy is bypassed. {finding.means}".strip())
    proxy_url = proxy.for_worker(url)
    if not proxy_url:
        return finding
    if finding.level == "ok":
        return replace(finding, means=f"It is reached through the proxy {proxy_url}.")
    reason, cause = await failure(url, proxy_url)
    if not reason:
        return finding
    host, variable = urlsplit(url).hostname, "HTTPS_PROXY" if url[:3] == "wss" else "HTTP_PROXY"
    if not (await failure(url))[0]:
        means = "It answers without the proxy, but the worker, agents and token backend use it."
        advice = f"Add {host} to NO_PROXY, and restart the worker and the token backend."
    elif cause.startswith(("tls", "certificate")):
        return finding
    else:
        means = "It does not answer without the proxy, either. No worker can register."
        advice = f"Correct {variable} or LIVEKIT_URL. If the server needs no proxy, add {host} to "
        advice += "NO_PROXY."
    seen = f"No LiveKit server answers at {url} through the proxy {proxy_url}: {reason}."
    return Finding("server", "problem", "proxy", seen, means, advice)


async def failure(url: str, proxy_url: str | None = None) -> tuple[str, str]:
    """Return why LiveKit does not answer at `url`, and the cause; empty if it does."""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS), proxy=proxy_url) as http,
            http.get(
                url.rstrip("/").replace("ws", "http", 1) + "/rtc/validate", allow_redirects=False
            ) as answer,
        ):
            if answer.status in (200, 401):
                return "", ""
            found = failures.from_status(answer.status)
    except ClientProxyConnectionError as error:
        found = failures.from_error(error)
        return f"the proxy does not: {found.reason}", "proxy"
    except (ClientError, TimeoutError, ValueError) as error:
        found = failures.from_error(error)
    return found.reason, found.cause
