"""The rate limit of each client (TOKEN_RATE_LIMIT)."""

import ipaddress
import logging
import time

import limits
from fastapi import HTTPException
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

logger = logging.getLogger("app.tokens.rate_limit")

REDIS_TIMEOUT_SECONDS = 1


class RateLimit:
    """Counts requests per client, in memory or in the Redis that several backends share."""

    def __init__(self, rate: str, redis_url: str = "") -> None:
        self._rate = limits.parse(rate)
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._limiter = self._memory
        if redis_url:
            storage = RedisStorage(
                redis_url,
                wrap_exceptions=True,
                implementation="redispy",
                socket_timeout=REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            )
            self._limiter = FixedWindowRateLimiter(storage)

    async def count(self, address: str) -> None:
        """Count a request from `address`; raise HTTPException 429 if there are too many."""
        client = network(address)
        try:
            await self._count(self._limiter, client)
        except (StorageError, TypeError):  # TypeError: unknown option in the URL
            logger.error("TOKEN_REDIS_URL does not answer: this backend counts on its own")
            await self._count(self._memory, client)

    async def _count(self, limiter: FixedWindowRateLimiter, client: str) -> None:
        if await limiter.hit(self._rate, client):
            return
        reset, _ = await limiter.get_window_stats(self._rate, client)
        seconds = max(1, round(reset - time.time()))
        raise HTTPException(
            429, f"Too many requests: try again in {seconds} s", {"Retry-After": str(seconds)}
        )


def network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    A household has at least a /64, and could use a new address for each request.
    """
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address)
    except ValueError:
        return address  # a proxy may send a name instead (RFC 7239)
    return str(ip.ipv4_mapped or ipaddress.IPv6Address(int(ip) >> 64 << 64))
