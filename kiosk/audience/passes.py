"""Passes: dwell and attention of each viewer, from first sight to last.

A viewer that vision's last word takes for a picture was never a pass, whatever it seemed before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk import terms
from kiosk.config import AudienceSettings
from kiosk.vision import Viewer, VisionRecord


@dataclass(frozen=True)
class OnScreen:
    """The play that a screen presents.

    Attributes:
        play_id: of this play, start to end.
        creative: what it shows.
    """

    play_id: str
    creative: str


@dataclass(frozen=True)
class EndedPass:
    """One tracked pass of one face, over.

    Attributes:
        dwell_s: seconds in view: last sighting less first.
        attention_s: seconds facing the screen.
        age_band, gender: as last thought.
        mood: the one it wore longest.
        group_size: of :data:`kiosk.terms.GROUP_SIZES`; how many were in view, itself included,
            for the longest part of its dwell.
        impressions: plays that it was in view of for long enough.
        creative: the one it faced longest; the one it was in view of longest when it faced none;
            ``None`` when nothing was on screen.
    """

    dwell_s: float
    attention_s: float
    age_band: str
    gender: str
    mood: str
    group_size: str
    impressions: int
    creative: str | None


@dataclass
class _Open:
    viewer: Viewer
    seen_at_s: float
    attention_s: float = 0.0
    mood_s: dict[str, float] = field(default_factory=dict)
    group_s: dict[str, float] = field(default_factory=dict)
    # Seconds faced and seconds in view, by creative: compared in this order.
    by_creative: dict[str, tuple[float, float]] = field(default_factory=dict)
    impressions: int = 0
    play_id: str = ""
    play_s: float = 0.0

    def step(self, viewer: Viewer, step_s: float, group: int, play: OnScreen | None) -> None:
        _add(self.mood_s, viewer.mood, step_s)
        _add(self.group_s, terms.GROUP_SIZES[min(group, len(terms.GROUP_SIZES)) - 1], step_s)
        faced_s = step_s if self.viewer.looking and viewer.looking else 0.0
        self.attention_s += faced_s
        if play is not None:
            before = self.by_creative.get(play.creative, (0.0, 0.0))
            self.by_creative[play.creative] = (before[0] + faced_s, before[1] + step_s)
        self.viewer = viewer

    def present(self, step_s: float, play: OnScreen | None, impression_min_s: float) -> None:
        """It was in view of a play, which is an impression from the moment it was so for long."""
        play_id = play.play_id if play is not None else ""
        if play_id != self.play_id:
            self.play_id, self.play_s = play_id, 0.0
        was_short = self.play_s < impression_min_s
        self.play_s += step_s
        if play_id and was_short and self.play_s >= impression_min_s:
            self.impressions += 1

    def end(self) -> EndedPass:
        last, by = self.viewer, self.by_creative
        known = {mood: s for mood, s in self.mood_s.items() if mood != terms.UNKNOWN}
        return EndedPass(
            dwell_s=last.last_s - last.first_s,
            attention_s=self.attention_s,
            age_band=last.age_band,
            gender=last.gender,
            mood=max(known, key=lambda mood: known[mood]) if known else terms.UNKNOWN,
            group_size=max(self.group_s, key=lambda size: self.group_s[size]),
            impressions=self.impressions,
            creative=max(by, key=lambda creative: by[creative]) if by else None,
        )


def _add(sums: dict[str, float], key: str, value: float) -> None:
    sums[key] = sums.get(key, 0.0) + value


class PassBook:
    """The open passes; holds one entry per viewer of vision's last record."""

    def __init__(
        self, settings: AudienceSettings, since_counted_s: Callable[[], float] | None = None
    ) -> None:
        """Start with nobody.

        Args:
            settings: thresholds of time.
            since_counted_s: seconds since a director before us stopped and counted whoever was in
                view; viewers of the first record who were there already are not counted again.
        """
        self._settings = settings
        self._since_counted_s = since_counted_s
        self._ignored: frozenset[str] = frozenset()
        self._open: dict[str, _Open] = {}

    def update(self, record: VisionRecord, play: OnScreen | None) -> list[EndedPass]:
        """Take in a record.

        Args:
            record: vision's newest.
            play: what is on screen, if anything is.

        Returns:
            The passes that ended with it; not those that vision took for pictures in the end.
        """
        if self._since_counted_s is not None:
            counted_s = record.t_s - self._since_counted_s()
            self._ignored = frozenset(v.id for v in record.viewers if v.first_s < counted_s)
            self._since_counted_s = None
        self._ignored &= {viewer.id for viewer in record.viewers}
        there = {v.id: v for v in record.viewers if v.id not in self._ignored}
        gone = [self._open.pop(name) for name in set(self._open) - set(there)]
        people = sum(viewer.live for viewer in record.viewers)
        for viewer in there.values():
            one = self._open.get(viewer.id)
            if one is None:
                one = self._open[viewer.id] = _Open(viewer, record.t_s)
            elif viewer.last_s <= one.viewer.last_s:
                # Lost for a moment, or for good: nothing of this time is known to be a presence.
                one.viewer = viewer
                continue
            step_s = min(max(record.t_s - one.seen_at_s, 0.0), self._settings.max_step_s)
            one.seen_at_s = record.t_s
            one.step(viewer, step_s, max(people, 1), play)
            one.present(step_s, play, self._settings.impression_min_s)
        return [one.end() for one in gone if one.viewer.live]

    @property
    def sees_counted(self) -> bool:
        """Somebody whom a director before us counted is in view, or may be."""
        return self._since_counted_s is not None or bool(self._ignored)

    def end_all(self) -> list[EndedPass]:
        """Vision is gone, or we are: whoever is in view has passed."""
        ended = [one.end() for one in self._open.values() if one.viewer.live]
        self._open.clear()
        self._ignored = frozenset()
        return ended

    def attention_s(self, viewer_id: str) -> float:
        """Seconds that a present viewer has faced the screen."""
        one = self._open.get(viewer_id)
        return one.attention_s if one is not None else 0.0
