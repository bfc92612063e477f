"""Settings of measuring: the socket between the processes, and thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from kiosk.config.base import FilePath, Seconds, Section
from kiosk.config.windows import WindowSettings


class AudienceSettings(Section):
    """When a pass is an opportunity to see, and when it is a watcher."""

    socket: FilePath = Field(
        Path("run/audience.sock"), description="where vision hands its records to the director"
    )
    stale_s: Seconds = Field(2, description="silence of vision after which nobody is targeted")
    ots_min_s: Seconds = Field(1, description="dwell from which a pass is an opportunity to see")
    watch_min_s: Seconds = Field(1, description="attention from which an OTS pass is a watcher")
    impression_min_s: Seconds = Field(
        1, description="time in view of a play from which an OTS pass is an impression of it"
    )
    max_step_s: Seconds = Field(
        0.5, description="longest time between two records that counts as attention"
    )
    staff_hours: list[WindowSettings] = Field(
        [], description="weekly hours in which nobody is counted, such as before opening"
    )
    publish_open_hour_on_stop: bool = Field(
        False,
        description="publish an hour that is not over when the director stops, and keep"
        " exact totals of the run; for demos",
    )
    checkpoint_s: float = Field(
        9, gt=0, le=9.5, description="between two writes of the open hour: at most 10 s are lost"
    )
    keep_hours_days: float = Field(
        7, gt=0, le=3650, description="how long published hours are kept here, for `kiosk stats`"
    )


class ClockSettings(Section):
    """When the wall clock is believed; hours are labelled by it."""

    trust: Literal["synchronised", "always"] = Field(
        "synchronised",
        description="synchronised: counts wait until a time service has set the clock;"
        " always: as it stands, for a desk and for a network without time",
    )
    marker: FilePath = Field(
        Path("/run/systemd/timesync/synchronized"),
        description="file that is there once the clock was set; the kernel is asked too",
    )
    largest_step_s: Seconds = Field(
        60, description="a jump of the clock by more is not believed at once"
    )
    confirm_step_s: Seconds = Field(
        600, description="how long the clock has to stay where it jumped to be believed"
    )
