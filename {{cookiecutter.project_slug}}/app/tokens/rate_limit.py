"""The rate limit of each client (TOKEN_RATE_LIMIT)."""

import asyncio
import ipaddress
import logging
import time
from collections import Counter

from fastapi import HTTPException
from redis.asyncio import Redis

logger = logging.getLogger("app.tokens.rate_limit")

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
REDIS_TIMEOUT_SECONDS = 1
REDIS_PAUSE_SECONDS = 30  # after a failure; meanwhile, no request waits for Redis


class RateLimit:
    """Counts requests per client, in memory or in the Redis that several backends share.

    Windows begin at multiples of their length, so all counts of one end together. (`limits` 5.8
    looks at every known client for each request in memory: 8 ms at 100,000, measured.)
    """

    def __init__(self, rate: str, redis_url: str = "") -> None:
        limit, _, unit = rate.partition("/")
        self._limit, self._seconds = int(limit), SECONDS[unit]
        self._window, self._counts = 0, Counter[str]()
        self._redis = None
        self._next_try = 0.0  # after Redis has failed
        if redis_url:
            try:  # with the options in the URL
                self._redis = Redis.from_url(redis_url)
                self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
            except Exception:  # an option can be wrong in many ways
                raise SystemExit("TOKEN_REDIS_URL has an option that is unknown or wrong") from None

    async def count(self, address: str) -> None:
        """Count a request from `address`; raise HTTPException 429 if there are too many."""
        client, now = network(address), time.time()
        window = int(now // self._seconds)
        count = await self._count_in_redis(f"token-rate:{client}:{window}") if self._redis else 0
        if not count:
            if window != self._window:
                self._window, self._counts = window, Counter()
            self._counts[client] += 1
            count = self._counts[client]
        if count > self._limit:
            seconds = max(1, round((window + 1) * self._seconds - now))
            retry = {"Retry-After": str(seconds)}
            raise HTTPException(429, f"Too many requests: try again in {seconds} s", retry)

    async def _count_in_redis(self, key: str) -> int:
        """Return the count of all backends; 0 if Redis does not answer, or did not a moment ago."""
        assert self._redis  # noqa: S101
        has_failed = bool(self._next_try)
        if time.monotonic() < self._next_try:
            return 0
        if has_failed:
            self._next_try = time.monotonic() + REDIS_PAUSE_SECONDS  # others do not wait meanwhile
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS), self._redis.pipeline() as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, self._seconds)
                count, _ = await pipeline.execute()
        except Exception as error:  # an option in the URL may raise any other
            if not has_failed:
                text = "TOKEN_REDIS_URL does not answer (%s): this backend counts on its own"
                logger.error(text, type(error).__name__)
            self._next_try = time.monotonic() + REDIS_PAUSE_SECONDS
            return 0
        self._next_try = 0
        return int(count)


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
