"""Who this device is, and how it logs."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from kiosk.config.base import Name, Section


class DeviceSettings(Section):
    """The device's place in the fleet; the three names are its branch of the topic tree."""

    tenant: Name = Field("demo", description="the company")
    site: Name = Field("shop-1", description="the shop")
    name: Name = Field("kiosk-1", description="the screen")
    timezone: str = Field(
        "UTC", description="the shop's time zone, such as Europe/Berlin; for weekly hours"
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, OSError, ValueError) as bad:
            raise ValueError("no time zone of this name; say one such as Europe/Berlin") from bad
        return name


class LogSettings(Section):
    """What is written to the journal or the terminal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least severe message that is written"
    )
