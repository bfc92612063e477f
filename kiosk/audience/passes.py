"""Passes: dwell and attention of each viewer, from first sight to last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk import terms
from kiosk.vision import Viewer, VisionRecord


@dataclass(frozen=True)
class EndedPass:
    """One tracked pass of one face, over.

    Attributes:
        dwell_s: seconds in view: last sighting less first.
        attention_s: seconds facing the screen.
        age_band, gender: as last thought.
        mood: the one it wore longest.
        attention_by_creative: seconds facing the screen, by the creative that was on.
    """

    dwell_s: float
    attention_s: float
    age_band: str
    gender: str
    mood: str
    attention_by_creative: dict[str, float]


@dataclass
class _Open:
    viewer: Viewer
    seen_at_s: float
    attention_s: float = 0.0
    mood_s: dict[str, float] = field(default_factory=dict)
    by_creative: dict[str, float] = field(default_factory=dict)

    def step(self, viewer: Viewer, now_s: float, max_step_s: float, creative: str | None) -> None:
        step_s = min(max(now_s - self.seen_at_s, 0.0), max_step_s)
        self.mood_s[viewer.mood] = self.mood_s.get(viewer.mood, 0.0) + step_s
        if self.viewer.looking and viewer.looking:
            self.attention_s += step_s
            if creative is not None:
                self.by_creative[creative] = self.by_creative.get(creative, 0.0) + step_s
        self.viewer = viewer
        self.seen_at_s = now_s

    def end(self) -> EndedPass:
        last = self.viewer
        known = {mood: s for mood, s in self.mood_s.items() if mood != terms.UNKNOWN}
        return EndedPass(
            dwell_s=last.last_s - last.first_s,
            attention_s=self.attention_s,
            age_band=last.age_band,
            gender=last.gender,
            mood=max(known, key=lambda mood: known[mood]) if known else terms.UNKNOWN,
            attention_by_creative=dict(self.by_creative),
        )


class PassBook:
    """The open passes; holds one entry per viewer of vision's last record."""

    def __init__(
        self, max_step_s: float, since_counted_s: Callable[[], float] | None = None
    ) -> None:
        """Start with nobody.

        Args:
            max_step_s: longest time between two records that counts as attention.
            since_counted_s: seconds since a director before us stopped and counted whoever was in
                view; viewers of the first record who were there already are not counted again.
        """
        self._max_step_s = max_step_s
        self._since_counted_s = since_counted_s
        self._ignored: frozenset[str] = frozenset()
        self._open: dict[str, _Open] = {}

    def update(self, record: VisionRecord, creative: str | None) -> list[EndedPass]:
        """Take in a record.

        Args:
            record: vision's newest.
            creative: id of what is on screen, if anything is.

        Returns:
            The passes that ended with it.
        """
        if self._since_counted_s is not None:
            counted_s = record.t_s - self._since_counted_s()
            self._ignored = frozenset(v.id for v in record.viewers if v.first_s < counted_s)
            self._since_counted_s = None
        self._ignored &= {viewer.id for viewer in record.viewers}
        there = {v.id: v for v in record.viewers if v.id not in self._ignored}
        ended = [self._open.pop(gone).end() for gone in set(self._open) - set(there)]
        for name, viewer in there.items():
            known = self._open.get(name)
            if known is None:
                self._open[name] = _Open(viewer, record.t_s, mood_s={viewer.mood: 0.0})
            else:
                known.step(viewer, record.t_s, self._max_step_s, creative)
        return ended

    @property
    def sees_counted(self) -> bool:
        """Somebody whom a director before us counted is in view, or may be."""
        return self._since_counted_s is not None or bool(self._ignored)

    def end_all(self) -> list[EndedPass]:
        """Vision is gone, or we are: whoever is in view has passed."""
        ended = [one.end() for one in self._open.values()]
        self._open.clear()
        self._ignored = frozenset()
        return ended

    def attention_s(self, viewer_id: str) -> float:
        """Seconds that a present viewer has faced the screen."""
        one = self._open.get(viewer_id)
        return one.attention_s if one is not None else 0.0
