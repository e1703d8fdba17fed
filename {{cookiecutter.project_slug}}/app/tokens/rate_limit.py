"""How often a client may ask, as TOKEN_RATE_LIMIT says."""

import ipaddress
import logging
import time

import limits
from fastapi import HTTPException
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

logger = logging.getLogger("app.tokens.rate_limit")

REDIS_TIMEOUT = 1  # seconds


class RateLimit:
    """Counts requests per client, here or, if there are several backends, in a Redis."""

    def __init__(self, rate: str, redis_url: str = "") -> None:
        """
        Args:
            rate: such as `60/minute`.
            redis_url: where the backends count together; each on its own if it is empty.
        """
        self._rate = limits.parse(rate)
        self._here = FixedWindowRateLimiter(MemoryStorage())
        self._limiter = self._here
        if redis_url:
            storage = RedisStorage(
                redis_url,
                wrap_exceptions=True,
                implementation="redispy",
                socket_timeout=REDIS_TIMEOUT,
                socket_connect_timeout=REDIS_TIMEOUT,
            )
            self._limiter = FixedWindowRateLimiter(storage)

    async def count(self, address: str) -> None:
        """Counts a request from `address`.

        Raises:
            HTTPException: 429, with the seconds to wait in Retry-After.
        """
        client = network(address)
        try:
            await self._count(self._limiter, client)
        except (StorageError, TypeError):  # the latter for an option in the URL that is none
            logger.error("TOKEN_REDIS_URL does not answer: this backend counts alone")
            await self._count(self._here, client)

    async def _count(self, limiter: FixedWindowRateLimiter, client: str) -> None:
        if await limiter.hit(self._rate, client):
            return
        reset, _ = await limiter.get_window_stats(self._rate, client)
        seconds = max(1, round(reset - time.time()))
        raise HTTPException(
            429, f"Too many requests: try again in {seconds} s", {"Retry-After": str(seconds)}
        )


def network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the network of an IPv6 one.

    A household gets at least a /64 of those, and could take a new address for each request.
    """
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address)
    except ValueError:
        return address  # a proxy may give each client a name instead (RFC 7239)
    return str(ip.ipv4_mapped or ipaddress.IPv6Address(int(ip) >> 64 << 64))
