"""How a play is watched: attention and impressions of it, added up while it is on screen.

What is known of a viewer is forgotten with the next record without it; of a play only the sums go
on. Presence and impressions are what the audience room counts (:mod:`kiosk.audience.passes`): time
between two sightings, capped, and long enough within one play.
"""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.config import AudienceSettings
from kiosk.vision import Viewer, VisionRecord

LEAST_HEARD = 0.5
"""Share of a play for which vision has to have spoken: else nobody knows how it was watched."""


@dataclass(frozen=True)
class Watched:
    """Of a play that is over.

    Attributes:
        attention_s: seconds that all viewers together faced the screen; ``None``: nobody knows.
        impressions: viewers present for long enough.
    """

    attention_s: float | None = None
    impressions: int = 0


@dataclass
class _Present:
    viewer: Viewer
    seen_at_s: float
    present_s: float = 0.0


class Watch:
    """The play on screen, as vision sees it watched; holds one entry per viewer in view."""

    def __init__(self, settings: AudienceSettings) -> None:
        """Nobody, and no play."""
        self._settings = settings
        self._there: dict[str, _Present] = {}
        self._heard_at_s: float | None = None
        self._heard_s = 0.0
        self._attention_s = 0.0
        self._impressions = 0

    def record(self, record: VisionRecord) -> None:
        """Take in vision's newest word."""
        self._heard_s += self._step_s(record.t_s, self._heard_at_s)
        self._heard_at_s = record.t_s
        people = {viewer.id: viewer for viewer in record.viewers if viewer.live}
        for gone in self._there.keys() - people.keys():
            del self._there[gone]
        for viewer in people.values():
            one = self._there.get(viewer.id)
            if one is None:
                self._there[viewer.id] = _Present(viewer, record.t_s)
            elif viewer.last_s > one.viewer.last_s:
                self._add(one, viewer, record.t_s)
            else:
                # Lost for a moment: nothing of this time is known to be a presence.
                one.viewer = viewer

    def lost(self) -> None:
        """Vision is gone, or what it sees is no audience: nobody is known any more."""
        self._there.clear()
        self._heard_at_s = None

    def begin(self) -> None:
        """Another play is on screen."""
        self._heard_s = self._attention_s = 0.0
        self._impressions = 0
        for one in self._there.values():
            one.present_s = 0.0

    def end(self, shown_s: float) -> Watched:
        """What came of the play that was shown for so long."""
        known = 0 < self._heard_s >= LEAST_HEARD * shown_s
        return Watched(self._attention_s if known else None, self._impressions)

    def _add(self, one: _Present, viewer: Viewer, t_s: float) -> None:
        step_s = self._step_s(t_s, one.seen_at_s)
        if one.viewer.looking and viewer.looking:
            self._attention_s += step_s
        was_short = one.present_s < self._settings.impression_min_s
        one.present_s += step_s
        if was_short and one.present_s >= self._settings.impression_min_s:
            self._impressions += 1
        one.viewer, one.seen_at_s = viewer, t_s

    def _step_s(self, t_s: float, before_s: float | None) -> float:
        if before_s is None:
            return 0.0
        return min(max(t_s - before_s, 0.0), self._settings.max_step_s)
