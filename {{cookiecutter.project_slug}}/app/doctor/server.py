"""Check the LiveKit server: does it answer, is its clock right, does it accept the key?"""

import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from livekit.api import LiveKitAPI, TwirpError

from app.dispatch import proxy
from app.dispatch.server import LiveKitServer
from app.doctor.finding import Finding, found, ok
from app.doctor.reach import UNANSWERED, Answer, Failure, explain, fetch, from_answer, from_error
from app.settings import Settings
from app.tokens.mint import Mint

# How far the clocks may differ: livekit-server 1.13.5 allows tokens a minute (measured).
LEEWAY_SECONDS = 60


async def check(settings: Settings, livekit: LiveKitAPI) -> Finding:
    url, proxy_url = settings.livekit_url, proxy.for_worker(settings.livekit_url)
    answer = await validate(settings)
    if isinstance(answer, Failure):
        return await explain_proxy(settings, answer, proxy_url)
    date = answer.headers.get("Date")
    skew = time.time() - parsedate_to_datetime(date).timestamp() if date else 0
    if abs(skew) > LEEWAY_SECONDS:
        difference = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'}"
        return found("server", "clock", difference=difference, leeway=LEEWAY_SECONDS)
    if answer.status == 401:  # the rest of its text may quote the token
        is_unknown = "invalid API key" in answer.text
        return found("server", "unknown-key" if is_unknown else "wrong-secret", url=url)
    try:
        await LiveKitServer(livekit).rooms(["-"])
    except TwirpError as error:
        return found("server", "no-api", url=url, status=error.status)
    except (*UNANSWERED, DecodeError) as error:
        return await explain_proxy(settings, await explain(error, url), proxy_url)
    means = f"It is reached through the proxy {proxy_url}." if proxy_url else ""
    if proxy.is_bypassed(url):
        means = "The proxy is bypassed."
    return ok("server", f"The LiveKit server at {url} accepts the key.", means)


async def validate(settings: Settings, may_use_proxy: bool = True) -> Answer | Failure:
    """Ask the server whether it accepts a token with these settings."""
    proxy_url = proxy.for_worker(settings.livekit_url) if may_use_proxy else None
    token = Mint(settings).sign({"sub": "doctor", "video": {"roomJoin": True, "room": "doctor"}})
    try:
        headers = {"Authorization": f"Bearer {token}"}
        address = settings.livekit_url.rstrip("/").replace("ws", "http", 1) + "/rtc/validate"
        answer = await fetch(address, headers=headers, proxy=proxy_url)
    except UNANSWERED as error:
        return from_error(error) if proxy_url else await explain(error, address)
    return answer if answer.status in (200, 401) else from_answer(answer)


async def explain_proxy(settings: Settings, failure: Failure, proxy_url: str | None) -> Finding:
    """Return the problem of the server, or of the proxy in between."""
    url = settings.livekit_url
    without = await validate(settings, may_use_proxy=False) if proxy_url else None
    answers_without = isinstance(without, Answer)
    is_tls = failure.cause.startswith(("tls", "certificate"))
    if not proxy_url or (is_tls and not answers_without):
        return failure.finding("server", "LiveKit server", url)
    direct = "LiveKit answers without it." if answers_without else "LiveKit does not answer at all."
    through, host = f"{url} through the proxy {proxy_url}", urlsplit(url).hostname
    of_proxy = Failure("proxy", failure.reason)
    return of_proxy.finding("server", "LiveKit server", through, direct=direct, host=host)
