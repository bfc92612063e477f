"""Who this device is, and how it logs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kiosk.config.base import Name, Section


class DeviceSettings(Section):
    """The device's place in the fleet; the three names are its branch of the topic tree."""

    tenant: Name = Field("demo", description="the company")
    site: Name = Field("shop-1", description="the shop")
    name: Name = Field("kiosk-1", description="the screen")


class LogSettings(Section):
    """What is written to the journal or the terminal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least severe message that is written"
    )
