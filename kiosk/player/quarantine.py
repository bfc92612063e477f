"""Creatives that failed on a screen: left out for longer each time, until they play well again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
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


@dataclass(frozen=True)
class _Failed:
    left_out: LeftOut
    creative: Creative
    medium: Hashable


class Quarantine:
    """1, 2, 4 .. 60 minutes; forgotten after a good play, or when the medium is another one.

    It is another one when its file was written to, and when the campaign that plays now has another
    file, sum or kind under the same id.
    """

    def __init__(
        self,
        version: Callable[[Creative], Hashable] = lambda creative: creative.path,
        playing: Callable[[], Iterable[Creative]] = tuple,
    ) -> None:
        """Nothing has failed yet.

        Args:
            version: of a creative; another one after its medium changed. The same one for the same
                file in the folder of another campaign: a new campaign is no new chance.
            playing: the creatives of the campaign that is chosen from now. One that failed and is
                not among them is judged by what it was.
        """
        self._version = version
        self._playing = playing
        self._kept: dict[str, _Failed] = {}

    def fail(self, creative: Creative, why: str, now_s: float) -> LeftOut:
        """It could not be shown: leave it out, twice as long as the last time."""
        medium = self._medium(creative)
        before = self._kept.pop(creative.id, None)
        again = before is not None and before.medium == medium
        failures = before.left_out.failures + 1 if before is not None and again else 1
        # The exponent is bounded: a float overflows long before a broken creative gives up.
        away_s = min(FIRST_S * 2.0 ** min(failures - 1, 16), MOST_S)
        left_out = LeftOut(creative.id, why, now_s + away_s, failures)
        self._kept[creative.id] = _Failed(left_out, creative, medium)
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return left_out

    def played_well(self, creative: Creative) -> None:
        """It was shown to its end: whatever its medium did before is forgotten."""
        failed = self._kept.get(creative.id)
        if failed is not None and failed.medium == self._medium(creative):
            del self._kept[creative.id]

    def left_out(self, now_s: float) -> list[LeftOut]:
        """Those that are not to be played now, the newest last."""
        playing = {one.id: one for one in self._playing() if one.id in self._kept}
        for name, failed in list(self._kept.items()):
            medium = self._medium(playing.get(name, failed.creative))
            if now_s - failed.left_out.until_s > MOST_S or medium != failed.medium:
                del self._kept[name]
        found = [one.left_out for one in self._kept.values()]
        return [one for one in found if one.until_s > now_s]

    def _medium(self, creative: Creative) -> Hashable:
        return creative.kind, creative.sha256, self._version(creative)
