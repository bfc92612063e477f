"""A play beside the hour that was published of it; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal, Protocol

PUBLISHER_PROVIDED: Literal[2] = 2
"""AdCOM 1.0, list Multiplier Measurement Source Types: whoever runs the screen measured it."""

VENDOR: Literal["kiosk"] = "kiosk"
"""Who measured; OpenRTB 2.6 wants a business domain only of vendors other than the publisher."""

DIGITS = 4
"""Of a multiplier and its deviation."""


class Proof(Protocol):
    """A play, as :class:`kiosk.wire.PlayProof` says it."""

    @property
    def play_id(self) -> str:
        """Which one."""

    @property
    def creative(self) -> str:
        """What was shown."""

    @property
    def campaign(self) -> str:
        """Of which campaign file."""

    @property
    def contract(self) -> str | None:
        """Id in the campaign file; none: house content."""

    @property
    def start(self) -> datetime:
        """When its first frame was presented, timezone-aware."""

    @property
    def duration_s(self) -> float:
        """How long it was on screen."""

    @property
    def completed(self) -> bool:
        """To its end."""

    @property
    def presented(self) -> bool:
        """A screen confirmed the first frame."""


@dataclass(frozen=True)
class PlayedHour:
    """What was published of an hour of a device.

    Attributes:
        plays: that a screen presented, exactly; none: this is not kept here any more.
        impressions: with their noise; none: they are not published, or not kept here any more.
        variance: of the noise on the impressions; 0: they are exact.
    """

    plays: int | None
    impressions: int | None
    variance: float = 0.0

    def __add__(self, other: PlayedHour) -> PlayedHour:
        """The same hour of two lives of a state file; what one did not publish counts for none."""
        if self.plays is None or self.impressions is None:
            return other
        if other.plays is None or other.impressions is None:
            return self
        return PlayedHour(
            self.plays + other.plays,
            self.impressions + other.impressions,
            self.variance + other.variance,
        )


@dataclass(frozen=True)
class ProofRow:
    """One play of an export.

    Attributes:
        tenant: whose screen it was.
        site: the shop.
        device: the screen.
        play_id: names the play; a repeated delivery has the same.
        creative: id in the campaign file.
        campaign: name of the campaign file.
        contract: id in the campaign file; none: house content, or not known.
        start: when its first frame was presented, UTC.
        start_local: the same by a clock on the wall.
        duration_s: how long it was on screen.
        completed: to its end.
        presented: a screen confirmed the first frame; else it proves nothing.
        multiplier: impressions per presented play of its hour, as published; none: not known.
        multiplier_sd: standard deviation that privacy noise gives the multiplier.
        hour_published: whether its hour is published.
    """

    tenant: str
    site: str
    device: str
    play_id: str
    creative: str
    campaign: str
    contract: str | None
    start: datetime
    start_local: datetime
    duration_s: float
    completed: bool
    presented: bool
    multiplier: float | None
    multiplier_sd: float | None
    hour_published: bool


def hour_of(moment: datetime) -> datetime:
    """The hour of UTC in which a moment lies."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def multiplier_of(hour: PlayedHour | None) -> tuple[float | None, float | None]:
    """Impressions per presented play, and the deviation that noise gives it.

    Noise may bring the impressions of a quiet hour below zero; the multiplier is 0 then.
    """
    if hour is None or not hour.plays or hour.impressions is None:
        return None, None
    multiplier = max(0.0, hour.impressions / hour.plays)
    return round(multiplier, DIGITS), round(math.sqrt(hour.variance) / hour.plays, DIGITS)


def proof_row(
    place: tuple[str, str, str], play: Proof, hour: PlayedHour | None, zone: tzinfo
) -> ProofRow:
    """A play beside its hour.

    Args:
        place: tenant, site and device.
        play: as it was proved.
        hour: what was published of :func:`hour_of` its start; none: nothing was.
        zone: of the clock on the wall.
    """
    # What no screen presented had no audience, and is not among the plays of its hour.
    multiplier, sd = multiplier_of(hour) if play.presented else (None, None)
    start = play.start.astimezone(UTC)
    return ProofRow(
        *place,
        play_id=play.play_id,
        creative=play.creative,
        campaign=play.campaign,
        contract=play.contract,
        start=start,
        start_local=_on_the_wall(start, zone),
        duration_s=play.duration_s,
        completed=play.completed,
        presented=play.presented,
        multiplier=multiplier,
        multiplier_sd=sd,
        hour_published=hour is not None,
    )


def _on_the_wall(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        # The first and last day that a calendar knows.
        return moment
