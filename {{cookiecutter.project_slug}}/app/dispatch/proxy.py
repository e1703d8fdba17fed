"""HTTP proxies: use one where LiveKit needs it, bypass it for loopback hosts and NO_PROXY.

LiveKit's SDK ignores NO_PROXY (measured with livekit-agents 1.8.9 and 1.0.23). A worker uses
HTTPS_PROXY, or else HTTP_PROXY, for any URL, and so do its models. livekit.rtc uses HTTP_PROXY or
http_proxy for ws://, HTTPS_PROXY or https_proxy for wss://. LiveKitAPI uses none.
"""

import os
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from livekit.api import LiveKitAPI

from app.settings import Settings


def is_bypassed(url: str) -> bool:
    """Whether a proxy is set, but `url` bypasses it: a loopback host, or one in NO_PROXY."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "wss" else 80)
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    has_proxy = bool(getproxies_environment().keys() - {"no"})
    return has_proxy and bool(is_loopback or proxy_bypass(host) or proxy_bypass(f"{host}:{port}"))


def extend_no_proxy(url: str) -> None:
    """Add the host of a bypassed `url` to NO_PROXY.

    aiohttp, urllib and httpx have no rule for loopback hosts, and aiohttp none for `host:port`.
    """
    host = str(urlsplit(url).hostname)
    if is_bypassed(url) and not proxy_bypass(host):
        known = getproxies_environment().get("no")
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = f"{known},{host}" if known else host


def for_worker(url: str) -> str | None:
    """Return the proxy to LiveKit at `url` that a worker should use, if any."""
    extend_no_proxy(url)
    proxy = getproxies_environment().get(urlsplit(url).scheme.replace("ws", "http", 1))
    return None if is_bypassed(url) else proxy


def prepare_job(url: str) -> None:
    """Make this job bypass the proxy for LiveKit at `url`, but not for its models."""
    from livekit.agents.utils import http_context  # slow to import, and only a worker needs it

    if is_bypassed(url):
        hide_from_rtc(url)
        for name, proxy in getproxies_environment().items():
            if name in ("http", "https"):  # aiohttp reads WS_PROXY and WSS_PROXY
                os.environ.setdefault(f"{name.upper().replace('HTTP', 'WS')}_PROXY", proxy)
        http_context.http_session()._trust_env = True  # obey NO_PROXY, unlike the SDK's default


def hide_from_rtc(url: str) -> None:
    """Make livekit.rtc in this process connect to a bypassed `url` directly.

    It reads the C environment for each connection, so os.environ keeps the variables (measured).
    """
    if is_bypassed(url):
        name = urlsplit(url).scheme.replace("ws", "http", 1) + "_proxy"
        os.unsetenv(name)
        os.unsetenv(name.upper())


def livekit_api(settings: Settings) -> LiveKitAPI:
    """Return a client of LiveKit's API that obeys HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""
    extend_no_proxy(settings.livekit_url)
    secret = settings.livekit_api_secret.get_secret_value()
    api = LiveKitAPI(settings.livekit_url, settings.livekit_api_key, secret)
    assert api._session  # noqa: S101  it creates one by default
    api._session._trust_env = True
    return api
