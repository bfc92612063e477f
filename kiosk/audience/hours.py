"""Counts of an hour: integers by cell, every pass in exactly one cell of each table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from kiosk import terms
from kiosk.audience.passes import EndedPass
from kiosk.clock import iso
from kiosk.config import AudienceSettings, PrivacySettings
from kiosk.wire import CreativeHour, HourTables

Counts = dict[str, int]

HOUR_S = 3600

NEVER_BEFORE_S = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
"""A clock that shows an earlier time than this program's own is one that lost its battery."""

AHEAD_HOURS = 24
"""An open hour this far ahead, or less, will come; counts of a later one leave at once."""


def count_pass(one: EndedPass, audience: AudienceSettings, privacy: PrivacySettings) -> Counts:
    """What one pass adds to its hour, by cell name.

    A pass shorter than ``ots_min_s`` was no opportunity to see and adds only to ``passes``, which
    stays on the device. A watcher adds to the creative it watched longest, its attention clamped.
    """
    counts = {"passes": 1}
    if one.dwell_s < audience.ots_min_s:
        return counts
    counts["ots"] = 1
    counts[f"age_gender/{one.age_band}/{one.gender}"] = 1
    counts[f"mood/{one.mood}"] = 1
    if one.attention_s < audience.watch_min_s:
        return counts
    counts["watchers"] = 1
    if one.attention_by_creative:
        by = one.attention_by_creative
        longest = max(by, key=lambda creative: by[creative])
        counts[f"creative/{longest}/watchers"] = 1
        seconds = min(round(by[longest]), privacy.attention_clamp_s)
        counts[f"creative/{longest}/attention_s"] = seconds
    return counts


def tables_of(counts: Mapping[str, int], *, mood_table: bool) -> HourTables:
    """The hour's tables; every cell of age, gender and mood is there, zeros too."""
    bands, genders = (*terms.AGE_BANDS, terms.UNKNOWN), (*terms.GENDERS, terms.UNKNOWN)
    creatives = sorted({cell.split("/")[1] for cell in counts if cell.startswith("creative/")})
    moods = {mood: counts.get(f"mood/{mood}", 0) for mood in (*terms.MOODS, terms.UNKNOWN)}
    return HourTables(
        ots=counts.get("ots", 0),
        watchers=counts.get("watchers", 0),
        age_gender={
            band: {gender: counts.get(f"age_gender/{band}/{gender}", 0) for gender in genders}
            for band in bands
        },
        mood=moods if mood_table else None,
        creatives={
            name: CreativeHour(
                watchers=counts.get(f"creative/{name}/watchers", 0),
                attention_s=counts.get(f"creative/{name}/attention_s", 0),
            )
            for name in creatives
        },
    )


class HourBook:
    """The open hours of this device, in memory; at most those that were never published."""

    def __init__(
        self, open_hours: Mapping[str, Mapping[str, int]], published: Iterable[str]
    ) -> None:
        """Go on from the state file.

        Args:
            open_hours: checkpointed counts by hour label.
            published: label of every published hour.
        """
        self._hours: dict[str, Counts] = {hour: dict(c) for hour, c in open_hours.items()}
        self._published = {_number(hour) for hour in published}
        self._dirty: set[str] = set()

    def label(self, now: datetime) -> str:
        """The hour that counts of this moment belong to.

        A clock that was set back does not reopen a published hour: its counts go to the next one
        that is free. A clock that cannot be right goes on where the counts of before ended.
        """
        moment = int(now.timestamp())
        number = moment // HOUR_S
        if moment < NEVER_BEFORE_S and self._published:
            number = max(number, max(self._published) + 1)
        while number in self._published:
            number += 1
        return _label(number)

    def add(self, counts: Mapping[str, int], now: datetime) -> None:
        """Add one pass's counts to the present hour."""
        hour = self.open(now)
        for cell, count in counts.items():
            self._hours[hour][cell] = self._hours[hour].get(cell, 0) + count
        self._dirty.add(hour)

    def open(self, now: datetime) -> str:
        """Make sure that the present hour exists, if only with zeros, and return its label."""
        hour = self.label(now)
        if hour not in self._hours:
            self._hours[hour] = {"passes": 0}
            self._dirty.add(hour)
        return hour

    def take_over(self, hours: Mapping[str, Mapping[str, int]]) -> None:
        """Add counts that were taken without knowing this book, each hour to its own if it can."""
        for hour, counts in hours.items():
            self.add(counts, datetime.fromisoformat(hour))

    def everything(self) -> dict[str, Counts]:
        """Counts of every open hour."""
        return {hour: dict(counts) for hour, counts in self._hours.items()}

    def present(self, now: datetime) -> Counts:
        """Counts of the present hour."""
        return dict(self._hours.get(self.label(now), {}))

    def unsaved(self) -> dict[str, Counts]:
        """Hours that changed since they were last saved, which this call takes as saved."""
        changed = {hour: dict(self._hours[hour]) for hour in self._dirty if hour in self._hours}
        self._dirty.clear()
        return changed

    def over(self, now: datetime) -> dict[str, Counts]:
        """Hours that are over and wait to be published.

        So is an hour that is far ahead: the clock that named it was wrong and was set right.
        """
        present = _number(self.label(now))
        return {
            hour: dict(counts)
            for hour, counts in self._hours.items()
            if not present <= _number(hour) <= present + AHEAD_HOURS
        }

    def published(self, hour: str) -> None:
        """Forget an hour that was published; nothing is ever added to it again."""
        self._hours.pop(hour, None)
        self._dirty.discard(hour)
        self._published.add(_number(hour))


def _number(label: str) -> int:
    return int(datetime.fromisoformat(label).timestamp()) // HOUR_S


def _label(number: int) -> str:
    return iso(datetime.fromtimestamp(number * HOUR_S, UTC))
