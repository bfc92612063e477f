"""Settings of measuring: the socket between the processes, thresholds, and privacy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from kiosk.config.base import FilePath, Seconds, Section


class AudienceSettings(Section):
    """When a pass is an opportunity to see, and when it is a watcher."""

    socket: FilePath = Field(
        Path("run/audience.sock"), description="where vision hands its records to the director"
    )
    stale_s: Seconds = Field(2, description="silence of vision after which nobody is targeted")
    ots_min_s: Seconds = Field(1, description="dwell from which a pass is an opportunity to see")
    watch_min_s: Seconds = Field(1, description="attention from which an OTS pass is a watcher")
    max_step_s: Seconds = Field(
        0.5, description="longest time between two records that counts as attention"
    )
    publish_open_hour_on_stop: bool = Field(
        False, description="publish an hour that is not over when the director stops; for demos"
    )
    checkpoint_s: float = Field(
        9, gt=0, le=9.5, description="between two writes of the open hour: at most 10 s are lost"
    )


class PrivacySettings(Section):
    """What leaves the device, and how it is blurred."""

    noise: Literal["off"] = Field(
        "off", description="noise on the published counts; every payload is marked with it"
    )
    mood_table: bool = Field(True, description="publish the hour's table of moods")
    attention_clamp_s: int = Field(
        60, ge=1, description="most seconds of attention that one pass adds to a creative"
    )
