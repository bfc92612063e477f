"""Creatives, campaigns, moments and plays that are easy to write and to read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.ads import (
    ALWAYS,
    Campaign,
    Contract,
    Creative,
    Frequency,
    Ledger,
    Moment,
    Targeting,
)
from kiosk.audience import Audience
from kiosk.config import AdsSettings

ZONE = "Europe/Berlin"
NOON = datetime(2026, 3, 4, 11, tzinfo=UTC)
"""A Wednesday, by the store's clock at twelve."""

PLAIN = AdsSettings.model_validate({"control_share": 0, "learner": {"enabled": False}})
"""Rules alone: the most specific first."""

FREE = AdsSettings.model_validate({"control_share": 0})
"""Whatever may play is drawn from."""


def creative(
    name: str,
    contract: str | None = None,
    *,
    weight=1.0,
    all_ages=True,
    category="general",
    duration_s=10.0,
    times=ALWAYS,
    frequency=Frequency(),  # noqa: B008 - frozen
    **targeting,
) -> Creative:
    return Creative(
        name,
        "image",
        Path("x.svg"),
        duration_s,
        category,
        weight,
        all_ages,
        Targeting(**targeting),
        contract,
        times,
        frequency,
    )


def contract(name: str, goal=None, category="general", **changes) -> Contract:
    return Contract(name, f"of-{name}", category, goal, **changes)


def campaign(creatives: Iterable[Creative], *contracts: Contract) -> Campaign:
    return Campaign("spring", tuple(creatives), {one.id: one for one in contracts})


def live(*viewers, minor_possible=False) -> Audience:
    return Audience("live", 0.1, viewers, minor_possible)


class Screen:
    """Time that passes, and a ledger of what was played."""

    def __init__(self, running: Campaign, utc: datetime = NOON, zone: str = ZONE) -> None:
        self.campaign = running
        self.ledger = Ledger()
        self.utc = utc
        self.now_s = 1000.0
        self.zone = zone

    @property
    def moment(self) -> Moment:
        return Moment.of(self.utc, self.zone, self.now_s)

    def wait(self, seconds: float) -> None:
        self.utc += timedelta(seconds=seconds)
        self.now_s += seconds

    def play(self, one: Creative, impressions: int = 0, *, presented=True) -> None:
        """Play a creative from now to its end."""
        self.ledger.start(one, self.campaign, self.moment, presented=presented)
        self.wait(one.duration_s)
        self.ledger.end(one.duration_s, impressions, completed=True)

    def play_id(self, name: str, impressions: int = 0) -> None:
        self.play(next(one for one in self.campaign.creatives if one.id == name), impressions)
