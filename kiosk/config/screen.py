"""Settings of the screen session: which output, how it is turned, and when it is begun anew."""

from __future__ import annotations

from typing import Literal, Optional

from pydantic import Field

from kiosk.config.base import Name, Seconds, Section


class ScreenSettings(Section):
    """The screen session of an appliance: a compositor with one browser, in kiosk mode, or mpv."""

    output: Optional[Name] = Field(
        None, description="connector of the screen, such as HDMI-A-1; empty: the first that is on"
    )
    mode: Optional[str] = Field(
        None,
        pattern=r"^[1-9]\d{2,4}x[1-9]\d{2,4}(@[1-9]\d{0,2}(\.\d{1,3})?)?$",
        description="size and rate, such as 1920x1080 or 1920x1080@60; empty: what it prefers",
    )
    rotate_deg: Literal[0, 90, 180, 270] = Field(
        0, description="how the picture is turned, clockwise"
    )
    browser: str = Field("chromium", min_length=1, description="the browser's program")
    hung_s: Seconds = Field(
        20, description="silence of the page after which the browser is started again"
    )
