"""How often somebody may try to sign in, and a program may call."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from fastapi import HTTPException, Request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from kiosk.config import WebSettings

NAME_FACTOR = 4
"""More attempts for a name than for an address: else anybody locks anybody out by trying."""

STREETS = 64
"""Bits of an IPv6 address that tell one customer of a provider from the next."""


KEYS_MAX = 10_000
"""Names and addresses that are kept before those without a recent attempt are dropped."""


@dataclass(frozen=True)
class Allowance:
    """What is left to a caller, for the fields RateLimit-* of the answer."""

    limit: int
    left: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """The header fields that programs commonly read."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.reset_s),
        }


class Pace:
    """Counts the attempts and calls of the last minute; kept in memory, as they are so few."""

    def __init__(self, settings: WebSettings) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._tidy_above = KEYS_MAX
        self._address = RateLimitItemPerMinute(settings.sign_in_per_min)
        self._name = RateLimitItemPerMinute(settings.sign_in_per_min * NAME_FACTOR)
        self._calls = RateLimitItemPerMinute(settings.requests_per_min)

    def sign_in(self, address: str, name: str) -> int | None:
        """Seconds to wait before the next attempt, or ``None`` when this one may be made."""
        self._tidy()
        for item, key in ((self._address, address), (self._name, name)):
            if not self._limiter.hit(item, "sign-in", key):
                return self._left(item, "sign-in", key).reset_s
        return None

    @property
    def kept(self) -> int:
        """Names and addresses that are kept."""
        return len(self._storage.events)

    def call(self, caller: str) -> Allowance:
        """Count one call of the API.

        Raises:
            HTTPException: 429, there were too many within a minute.
        """
        passed = self._limiter.hit(self._calls, "call", caller)
        left = self._left(self._calls, "call", caller)
        if not passed:
            headers = left.headers() | {"Retry-After": str(left.reset_s)}
            raise HTTPException(429, f"more than {left.limit} requests in a minute", headers)
        return left

    def _tidy(self) -> None:
        """The library keeps every key for ever, and anybody can think of another name."""
        events = self._storage.events
        if len(events) <= self._tidy_above:
            return
        now = time.time()
        for key in list(events):
            with self._storage.locks[key]:
                if not any(attempt.expiry > now for attempt in events.get(key, ())):
                    self._storage.clear(key)
        # A flood of one minute is not gone through at each of its attempts.
        self._tidy_above = max(KEYS_MAX, 2 * len(events))

    def _left(self, item: RateLimitItem, *key: str) -> Allowance:
        window = self._limiter.get_window_stats(item, *key)
        # The library measures windows by the wall clock.
        wait_s = max(1, math.ceil(window.reset_time - time.time()))
        return Allowance(item.amount, window.remaining, wait_s)


def address_of(request: Request) -> str:
    """Who asks, as far as one household or shop is told from the next."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> STREETS << STREETS))
    return str(address)
