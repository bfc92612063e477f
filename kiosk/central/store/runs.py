"""Sequence numbers that are there: an unbroken run from 1, and what lies beyond it; pure."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable

RANGES_MAX = 10_000
"""So many separate holes are no lost message but a device that makes numbers up."""


class Run:
    """The numbers of one stream; it only grows."""

    def __init__(self, contiguous: int = 0, beyond: Iterable[Iterable[int]] = ()) -> None:
        """Numbers that are known.

        Args:
            contiguous: everything from 1 to here.
            beyond: first and last of each range above it, in order, none touching the next.
        """
        self.contiguous = contiguous
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in beyond:
            self._firsts.append(first)
            self._lasts.append(last)

    @property
    def highest(self) -> int:
        """The highest number that is there."""
        return self._lasts[-1] if self._lasts else self.contiguous

    @property
    def is_broken(self) -> bool:
        """Whether there is a hole."""
        return bool(self._lasts)

    @property
    def beyond(self) -> str:
        """What lies above the hole, as the database keeps it."""
        pairs = [list(pair) for pair in zip(self._firsts, self._lasts, strict=True)]
        return json.dumps(pairs, separators=(",", ":"))

    @classmethod
    def read(cls, contiguous: int, beyond: str) -> Run:
        """The inverse of :attr:`contiguous` and :attr:`beyond`."""
        return cls(contiguous, json.loads(beyond) if beyond != "[]" else ())

    def __contains__(self, number: int) -> bool:
        if number <= self.contiguous:
            return True
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def add(self, number: int) -> bool:
        """Take in a number that is not there; false: refused, there are too many holes."""
        if number == self.contiguous + 1:
            self.contiguous = number
            self._absorb()
            return True
        at = bisect_right(self._firsts, number)
        follows = at > 0 and self._lasts[at - 1] == number - 1
        precedes = at < len(self._firsts) and self._firsts[at] == number + 1
        if follows and precedes:
            self._lasts[at - 1] = self._lasts[at]
            del self._firsts[at], self._lasts[at]
        elif follows:
            self._lasts[at - 1] = number
        elif precedes:
            self._firsts[at] = number
        elif len(self._firsts) >= RANGES_MAX:
            return False
        else:
            self._firsts.insert(at, number)
            self._lasts.insert(at, number)
        return True

    def give_up_below(self, lowest: int) -> int:
        """Wait no longer for any number below ``lowest``; returns how many never came."""
        missing = lowest - 1 - self.contiguous
        if missing <= 0:
            return 0
        for first, last in zip(self._firsts, self._lasts, strict=True):
            if first >= lowest:
                break
            missing -= min(last, lowest - 1) - first + 1
        self.contiguous = lowest - 1
        self._absorb()
        return missing

    def _absorb(self) -> None:
        """Ranges that the unbroken run has reached become part of it."""
        reached = 0
        while reached < len(self._firsts) and self._firsts[reached] <= self.contiguous + 1:
            self.contiguous = max(self.contiguous, self._lasts[reached])
            reached += 1
        del self._firsts[:reached], self._lasts[:reached]
