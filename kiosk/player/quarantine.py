"""Creatives that failed on a screen: left out for longer each time, until they play well again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from kiosk.ads import Creative

FIRST_S = 60.0
"""How long a creative is left out after it failed once."""

MOST_S = 3600.0
"""The longest that it is left out: somebody may have repaired what it needs."""

MOST_KEPT = 1024
"""Creatives that are remembered; a campaign holds fewer."""


@dataclass(frozen=True)
class LeftOut:
    """A creative that is not played for now.

    Attributes:
        creative: its id.
        why: what the screen said.
        until_s: monotonic time from which it may be tried again.
        failures: how often it failed without having played well in between.
    """

    creative: str
    why: str
    until_s: float
    failures: int


class Quarantine:
    """1, 2, 4 .. 60 minutes; forgotten after a good play, or when the medium is another one."""

    def __init__(self, version: Callable[[Creative], Hashable] = lambda creative: creative) -> None:
        """Nothing has failed yet.

        Args:
            version: of a creative; another one after its medium changed.
        """
        self._version = version
        self._kept: dict[str, tuple[LeftOut, Creative, Hashable]] = {}

    def fail(self, creative: Creative, why: str, now_s: float) -> LeftOut:
        """It could not be shown: leave it out, twice as long as the last time."""
        before = self._kept.pop(creative.id, None)
        failures = before[0].failures + 1 if before is not None else 1
        # The exponent is bounded: a float overflows long before a broken creative gives up.
        away_s = min(FIRST_S * 2.0 ** min(failures - 1, 16), MOST_S)
        left_out = LeftOut(creative.id, why, now_s + away_s, failures)
        self._kept[creative.id] = left_out, creative, self._version(creative)
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return left_out

    def played_well(self, creative_id: str) -> None:
        """It was shown to its end: whatever it did before is forgotten."""
        self._kept.pop(creative_id, None)

    def left_out(self, now_s: float) -> list[LeftOut]:
        """Those that are not to be played now, the newest last."""
        for name, (one, creative, version) in list(self._kept.items()):
            if now_s - one.until_s > MOST_S or self._version(creative) != version:
                del self._kept[name]
        return [one for one, _, _ in self._kept.values() if one.until_s > now_s]
