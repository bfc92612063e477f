"""A device that is given campaigns, and what its director would play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kiosk.ads import load_campaign
from kiosk.config import installed_campaign
from tests.uplink.head_office import CAMPAIGN, Device, HeadOffice, MediaServer


def device_for(tmp_path: Path, office: HeadOffice, server: MediaServer, **changes: Any) -> Device:
    return Device(
        tmp_path,
        office,
        desired={"media_origins": [server.origin], "media_timeout_s": 1, **changes},
    )


def hear(device: Device, office: HeadOffice, version: int, media: Any, **content: Any) -> None:
    document = office.document("campaign", version, {**CAMPAIGN, **content}, media)
    device.desired.on_message("down/campaigns", document)
    device.turn()


def plays(device: Device) -> tuple[int, str, dict[str, bytes]]:
    """What a director would play: version, name and the bytes of each creative."""
    installed = installed_campaign(device.settings.desired)
    if installed is None or installed.file is None:
        return 0, "", {}
    campaign = load_campaign(installed.file)
    media = {one.id: one.path.read_bytes() for one in campaign.creatives}
    return installed.version, campaign.name, media


def until_installed(device: Device, version: int) -> None:
    device.until(lambda: device.desired.campaign_health().version == version, "it is installed")


def stored(device: Device) -> set[str]:
    return {path.name for path in (device.settings.desired.folder / "media").glob("*")}


def reason(device: Device) -> str:
    return device.desired.campaign_health().reason or ""
