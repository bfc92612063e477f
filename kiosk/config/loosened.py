"""What a configuration from afar would take from the people before the screen.

Each promise of the device's own settings is compared alone, and the strict side wins: a shop that
wants less of one is set so by those who stand in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from kiosk.config.bands import years
from kiosk.config.windows import WEEK_MINUTES, WindowSettings

if TYPE_CHECKING:
    from kiosk.config import Settings

STRICTER = ("full", "eu", "count-only")
"""Policies, each stricter than the one before."""


def loosened(own: Settings, new: Settings) -> Iterator[str]:
    """Each way in which people would be less protected than by the device's own settings.

    Args:
        own: the device's own settings.
        new: with those of head office over them.
    """
    yield from _of_what_is_published(own, new)
    yield from _of_what_is_estimated(own, new)
    yield from _of_when_and_where(own, new)
    yield from _of_the_notice(own, new)
    yield from _of_what_is_kept(own, new)
    if new.clock.trust == "always" and own.clock.trust != "always":
        yield (
            "clock.trust: a clock that nobody has set is not believed from afar: commands that are"
            " long over would be obeyed again"
        )


def _of_what_is_published(own: Settings, new: Settings) -> Iterator[str]:
    if STRICTER.index(new.privacy.policy) < STRICTER.index(own.privacy.policy):
        yield (
            f"privacy.policy: {new.privacy.policy} is less strict than this device's"
            f" {own.privacy.policy}; from afar it may only become stricter"
        )
    if new.privacy.noise == "off" and own.privacy.noise != "off":
        yield "privacy.noise: cannot be switched off from afar"
    if new.privacy.epsilon > own.privacy.epsilon:
        yield (
            f"privacy.epsilon: {new.privacy.epsilon:g} is more than this device's"
            f" {own.privacy.epsilon:g}; from afar it may only become smaller"
        )
    if new.privacy.publishes_mood and not own.privacy.publishes_mood:
        yield "privacy.mood_table: this device publishes no moods, and none are added from afar"
    before, after = own.privacy.shares.model_dump(), new.privacy.shares.model_dump()
    for name in sorted(name for name, share in after.items() if share and not before[name]):
        yield f"privacy.shares.{name}: this device leaves it out, and it is not added from afar"
    finer = _starts(new.privacy.age_bands) - _starts(own.privacy.age_bands)
    if finer:
        yield (
            f"privacy.age_bands: this device's own have none that begins at {min(finer)}; from afar"
            " they may only be joined"
        )


def _of_what_is_estimated(own: Settings, new: Settings) -> Iterator[str]:
    more = _estimated(new) - _estimated(own)
    if more:
        yield (
            f"vision.attributes.estimate: {', '.join(sorted(more))}: not estimated by this"
            " device's own settings, and nothing is added from afar"
        )
    before, after = own.vision.attributes.minor_p, new.vision.attributes.minor_p
    if after > before:
        yield (
            f"vision.attributes.minor_p: {after:g} is more than this device's {before:g}; what is"
            " not for minors would be played before them"
        )


def _of_when_and_where(own: Settings, new: Settings) -> Iterator[str]:
    closed = _minutes(new.vision.off_hours)
    if not _minutes(own.vision.off_hours) <= closed:
        yield (
            "vision.off_hours: this device's own, in which its camera is closed, are not all in"
            " them; from afar they may only become more"
        )
    if not _minutes(own.audience.staff_hours) <= closed | _minutes(new.audience.staff_hours):
        yield (
            "audience.staff_hours: this device's own, in which nobody is counted, are not all in"
            " them; from afar they may only become more"
        )
    zones = [zone.polygon for zone in new.vision.zones.ignore]
    for zone in own.vision.zones.ignore:
        if zone.polygon not in zones:
            yield f"vision.zones.ignore: {zone.name} of this device's own is not in it"
    before, after = own.vision.zones.max_distance_m, new.vision.zones.max_distance_m
    if before is not None and (after is None or after > before):
        yield (
            f"vision.zones.max_distance_m: this device's own is {before:g}; from afar it may only"
            " become smaller"
        )


def _of_the_notice(own: Settings, new: Settings) -> Iterator[str]:
    before, after = own.player.notice, new.player.notice
    if before.show and not after.show:
        yield "player.notice.show: the notice cannot be taken off the screen from afar"
    if after.text not in ("", before.text):
        yield (
            "player.notice.text: words of one's own are not put on a screen from afar; its"
            " languages, size and place may be"
        )
    if after.link != before.link:
        yield "player.notice.link: where the notice leads is not changed from afar"


def _of_what_is_kept(own: Settings, new: Settings) -> Iterator[str]:
    for name, before, after in (
        ("player.keep_plays_days", own.player.keep_plays_days, new.player.keep_plays_days),
        ("audience.keep_hours_days", own.audience.keep_hours_days, new.audience.keep_hours_days),
    ):
        if after > before:
            yield f"{name}: {after:g} is more than this device's {before:g}; it may only shrink"


def _estimated(settings: Settings) -> set[str]:
    return set(settings.seeing.attributes.estimate or ())


def _starts(bands: list[str]) -> set[int]:
    return {years(band)[0] for band in bands}


def _minutes(windows: Iterable[WindowSettings]) -> set[int]:
    return {
        minute % WEEK_MINUTES
        for window in windows
        for begin, end in window.minutes()
        for minute in range(begin, end)
    }
