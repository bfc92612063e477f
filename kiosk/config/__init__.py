"""The configuration: one typed section per concern, read from one annotated YAML file.

Comes in: ``config.yaml``, ``section.key=value`` overrides from the command line, and what head
office has set from afar. Goes out: one frozen :class:`Settings`. An unknown or ill-typed key is
refused with file, line, key and the nearest valid name. Never reads the environment; relative paths
start at the file's folder.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import yaml
from pydantic import BaseModel, Field, PrivateAttr

from kiosk import strict
from kiosk.config.ads import AdsSettings, PlayerSettings
from kiosk.config.audience import AudienceSettings, ClockSettings
from kiosk.config.bands import band_of
from kiosk.config.base import Section
from kiosk.config.central import (
    AlertSettings,
    CentralSettings,
    FleetBrokerSettings,
    IngestSettings,
    WebSettings,
)
from kiosk.config.desired import (
    DesiredSettings,
    InstalledCampaign,
    campaign_pointer,
    installed_campaign,
)
from kiosk.config.device import DeviceSettings, LogSettings
from kiosk.config.notice import Language, NoticeSettings
from kiosk.config.overlay import Taken, config_file, lay_over, take_installed
from kiosk.config.policy import contradictions
from kiosk.config.privacy import (
    POLICY_ESTIMATES,
    Attribute,
    Policy,
    PrivacySettings,
    ShareSettings,
)
from kiosk.config.screen import ScreenSettings
from kiosk.config.uplink import (
    BrokerSettings,
    HomeAssistantSettings,
    RunSettings,
    StateSettings,
    TlsSettings,
    UplinkSettings,
)
from kiosk.config.vision import (
    Accelerator,
    AttributeSettings,
    CameraSettings,
    DetectionSettings,
    IgnoredZone,
    InferenceSettings,
    LivenessSettings,
    LookingSettings,
    PaceSettings,
    TrackingSettings,
    VisionSettings,
    ZoneSettings,
)
from kiosk.config.windows import WindowSettings, is_within, local_day_start
from kiosk.errors import ConfigError

__all__ = [
    "Accelerator",
    "AdsSettings",
    "AlertSettings",
    "Attribute",
    "AttributeSettings",
    "AudienceSettings",
    "BrokerSettings",
    "CameraSettings",
    "CentralSettings",
    "ClockSettings",
    "DesiredSettings",
    "DetectionSettings",
    "DeviceSettings",
    "FleetBrokerSettings",
    "HomeAssistantSettings",
    "IgnoredZone",
    "InferenceSettings",
    "IngestSettings",
    "InstalledCampaign",
    "Language",
    "LivenessSettings",
    "LogSettings",
    "LookingSettings",
    "NoticeSettings",
    "PaceSettings",
    "PlayerSettings",
    "Policy",
    "PrivacySettings",
    "RunSettings",
    "ScreenSettings",
    "Settings",
    "ShareSettings",
    "StateSettings",
    "Taken",
    "TlsSettings",
    "TrackingSettings",
    "UplinkSettings",
    "VisionSettings",
    "WebSettings",
    "WindowSettings",
    "ZoneSettings",
    "band_of",
    "campaign_pointer",
    "config_file",
    "installed_campaign",
    "is_within",
    "lay_over",
    "load_settings",
    "local_day_start",
    "write_settings",
]

SEARCHED = (
    Path("config.yaml"),
    Path("/etc/kiosk/config.yaml"),
    Path("/etc/kiosk/central.yaml"),
)
"""Where a command looks that is given none: where one stands, a device, head office."""


class Settings(Section):
    """The whole configuration."""

    device: DeviceSettings = DeviceSettings()
    clock: ClockSettings = ClockSettings()
    log: LogSettings = LogSettings()
    vision: VisionSettings = VisionSettings()
    audience: AudienceSettings = AudienceSettings()
    privacy: PrivacySettings = PrivacySettings()
    ads: AdsSettings = AdsSettings()
    player: PlayerSettings = PlayerSettings()
    screen: ScreenSettings = ScreenSettings()
    state: StateSettings = StateSettings()
    broker: BrokerSettings = BrokerSettings()
    uplink: UplinkSettings = UplinkSettings()
    desired: DesiredSettings = DesiredSettings()
    central: CentralSettings = CentralSettings()
    run: RunSettings = Field(RunSettings())

    _taken: Optional[Taken] = PrivateAttr(None)

    @property
    def taken(self) -> Taken:
        """What of head office is in these settings."""
        if self._taken is not None and self._taken.version:
            return self._taken
        # Nothing is: these are the device's own, with whatever a command has changed in them since.
        return replace(self._taken or Taken(self), own=self)

    @property
    def seeing(self) -> VisionSettings:
        """Vision's settings with what the policy allows to be estimated written into them."""
        attributes = self.vision.attributes
        if attributes.estimate is not None:
            return self.vision
        allowed = list(POLICY_ESTIMATES[self.privacy.policy])
        attributes = attributes.model_copy(update={"estimate": allowed})
        return self.vision.model_copy(update={"attributes": attributes})


def load_settings(
    path: Path | None = None, overrides: Sequence[str] = (), *, desired: bool = True
) -> Settings:
    """Read the configuration.

    Where ``desired.public_keys`` is set, the configuration of head office that is installed in
    ``desired.folder`` is laid over it, over the command line too: it was signed and checked. One
    that does not fit any more is left out with a warning.

    Args:
        path: the file; by default ``config.yaml`` here, else ``/etc/kiosk/config.yaml``, else
            ``/etc/kiosk/central.yaml``.
        overrides: ``section.key=value`` strings, each value read as YAML.
        desired: ``False``: the device's own settings alone.

    Raises:
        ConfigError: one sentence per fault: file, line, key, nearest valid name.
    """
    if path is None:
        # A folder that this account may not look into, such as root's, has none for it.
        path = next((found for found in SEARCHED if os.path.isfile(found)), None)  # noqa: PTH113
        if path is None:
            here, *others = map(str, SEARCHED)
            raise ConfigError(
                f"there is no configuration: neither {here} here nor {' nor '.join(others)}",
                hint="name one with --config FILE",
            )
    document = strict.read(path, ConfigError)
    if isinstance(document.data, dict):
        _fill(document.data, Settings)
        for override in overrides:
            _apply(document, override)
    folder = path.resolve().parent
    settings = strict.validate(document, Settings, ConfigError, context={"folder": folder})
    faults = [
        f"{document.place(where)}: {strict.dotted(where)}: {sentence}"
        for where, sentence in contradictions(settings)
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    if desired and settings.desired.public_keys:
        settings, taken = take_installed(settings)
        if taken.version or taken.reason:
            settings._taken = taken
    return settings


def write_settings(settings: Settings, path: Path) -> None:
    """Write ``settings`` as YAML that :func:`load_settings` reads back to the same value."""
    path.write_text(
        yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), encoding="utf-8"
    )


def _fill(data: dict[str, Any], model: type[BaseModel]) -> None:
    """Write every section down, so that the paths in those that are left out find their folder."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            if data.get(name) is None:
                data[name] = {}
            if isinstance(data[name], dict):
                _fill(data[name], section)


def _apply(document: strict.Document, override: str) -> None:
    key, equals, value = override.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) < 2:
        raise ConfigError(
            f"--set {override}: expected section.key=value", hint="such as --set vision.loop=true"
        )
    model: Any = Settings
    for number, part in enumerate(parts):
        is_section = isinstance(model, type) and issubclass(model, BaseModel)
        fields = model.model_fields if is_section else {}
        if part not in fields:
            near = difflib.get_close_matches(part, list(fields), n=1)
            raise ConfigError(
                f"--set {override}: {'.'.join(parts[: number + 1])}: unknown key"
                + (f'; did you mean "{near[0]}"?' if near else "")
            )
        model = fields[part].annotation
    if isinstance(model, type) and issubclass(model, BaseModel):
        raise ConfigError(f"--set {override}: {key} is a section; name one of its keys")
    try:
        given = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as bad:
        raise ConfigError(f"--set {override}: {value!r} is not a YAML value") from bad
    data = document.data
    for part in parts[:-1]:
        data = data[part]
        if not isinstance(data, dict):
            # What stands in the file is wrong already, and is told when the file is checked.
            return
    data[parts[-1]] = given
    document.sources[tuple(parts)] = f"--set {override}"
