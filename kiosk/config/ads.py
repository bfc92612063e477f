"""Settings of choosing and playing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from kiosk.config.base import FilePath, Seconds, Section, Share
from kiosk.config.notice import NoticeSettings


class LearnerSettings(Section):
    """Learning which creative earns attention from whom."""

    enabled: bool = Field(
        True, description="learn from attention; false: the most specific that fits, by weight"
    )
    floor: float = Field(
        0.05, gt=0, le=1, description="share of a choice that is spread evenly over what may play"
    )
    seed: int = Field(1, ge=0, lt=2**31, description="of the model's own random numbers")
    save_s: Seconds = Field(600, description="between two times of keeping what was learned")


class AdsSettings(Section):
    """Which campaign is played, how sure a match must be, and what is learned."""

    campaign: FilePath = Field(
        Path("kiosk/demo/campaign/campaign.yaml"), description="the campaign file"
    )
    reload_s: Seconds = Field(5, description="between two looks for a changed campaign file")
    match_share: Share = Field(
        0.5, description="share of the viewers that a targeted creative must fit"
    )
    min_dwell_s: float = Field(
        0.3, ge=0, description="viewers present for less are not yet an audience"
    )
    control_share: Share = Field(
        0.05, description="share of the choices that are made whoever is there, to compare with"
    )
    learner: LearnerSettings = LearnerSettings()


class PlayerSettings(Section):
    """The screen's page and proof of play."""

    backend: Literal["chromium", "mpv"] = Field(
        "chromium",
        description="what draws the screen; mpv: a fraction of the memory, but no HTML creatives",
    )
    host: Literal["127.0.0.1", "::1", "localhost"] = Field(
        "127.0.0.1", description="loopback address of the screen's page"
    )
    port: int = Field(8765, ge=0, le=65535, description="port of the screen's page; 0: any free")
    lead_s: Seconds = Field(
        1.0, description="how long before a play's end the next one is chosen and decoded"
    )
    load_timeout_s: Seconds = Field(
        10, description="how long a screen may take to show a creative before another is tried"
    )
    transition_ms: int = Field(
        450, ge=0, le=2000, description="how long one play fades into the next; 0 cuts"
    )
    plays_batch_s: Seconds = Field(60, description="between two batches of proof of play")
    keep_plays_days: float = Field(
        7, gt=0, le=3650, description="how long plays and reasons are kept here"
    )
    notice: NoticeSettings = NoticeSettings()
