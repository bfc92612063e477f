"""This device's sensors as Home Assistant finds them: retained descriptions, one for each.

They point at messages that are published anyway, so nothing new of the shop leaves by them. Format:
Home Assistant's documentation of MQTT discovery, sensor.mqtt and binary_sensor.mqtt.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from kiosk import __version__
from kiosk.config import Settings
from kiosk.uplink.session import Publication
from kiosk.wire import Branch

EXPIRE_PERIODS = 3
"""A figure of health that was not renewed for so many periods is shown as unknown."""


@dataclass(frozen=True)
class _Sensor:
    """One entity.

    Attributes:
        key: its name in topics.
        name: its name for people.
        leaf: the message that it reads.
        template: what it takes of that message (Jinja2, as Home Assistant runs it).
        kind: which of Home Assistant's components it is.
        more: further keys of its description.
    """

    key: str
    name: str
    leaf: str
    template: str
    kind: str = "sensor"
    more: dict[str, Any] = field(default_factory=dict)


DIAGNOSTIC = {"entity_category": "diagnostic"}
MEASURED = {"state_class": "measurement"}
OF_VISION = "{{{{ value_json.vision.{0} if value_json.vision else none }}}}"

SENSORS = (
    _Sensor(
        *("online", "Online", "status", "{{ value_json.state }}", "binary_sensor"),
        {"payload_on": "online", "payload_off": "offline", "device_class": "connectivity"}
        | DIAGNOSTIC,
    ),
    _Sensor(
        *("ots", "Opportunities to see, last hour", "up/hours", "{{ value_json.tables.ots }}"),
        more=MEASURED,
    ),
    _Sensor(
        *("watchers", "Watchers, last hour", "up/hours", "{{ value_json.tables.watchers }}"),
        more=MEASURED,
    ),
    _Sensor("vision", "Vision", "up/health", OF_VISION.format("state"), more=DIAGNOSTIC),
    _Sensor(
        *("peak_fps", "Highest frame rate", "up/health", OF_VISION.format("peak_fps")),
        more={"unit_of_measurement": "fps"} | MEASURED | DIAGNOSTIC,
    ),
    _Sensor(
        *("dark", "Camera sees nothing", "up/health"),
        *("{{ 'ON' if value_json.vision and value_json.vision.dark else 'OFF' }}", "binary_sensor"),
        {"device_class": "problem"} | DIAGNOSTIC,
    ),
    _Sensor(
        *("screens", "Screens", "up/health", "{{ value_json.screens }}"),
        more=MEASURED | DIAGNOSTIC,
    ),
    _Sensor(
        *("outbox", "Messages that wait", "up/health"),
        "{{ value_json.outbox.waiting + value_json.outbox.unacknowledged }}",
        more=MEASURED | DIAGNOSTIC,
    ),
    _Sensor(
        *("temperature", "Temperature", "up/health", "{{ value_json.temperature_c }}"),
        more={"device_class": "temperature", "unit_of_measurement": "°C"} | MEASURED | DIAGNOSTIC,
    ),
    _Sensor(
        *("disk", "Free disk", "up/health", "{{ value_json.disk_free_mb }}"),
        more={"device_class": "data_size", "unit_of_measurement": "MiB"} | MEASURED | DIAGNOSTIC,
    ),
)


def discovery(settings: Settings, branch: Branch) -> list[Publication]:
    """The description of each sensor, retained below ``uplink.home_assistant.prefix``.

    Args:
        settings: the whole configuration.
        branch: the device's topics.
    """
    prefix, node = settings.uplink.home_assistant.prefix, node_name(branch)
    expire_s = max(1, round(EXPIRE_PERIODS * settings.uplink.health_s))
    return [
        Publication(
            topic=f"{prefix}/{sensor.kind}/{node}/{sensor.key}/config",
            payload=json.dumps(_description(sensor, branch, expire_s)).encode(),
            retain=True,
        )
        for sensor in SENSORS
    ]


def node_name(branch: Branch) -> str:
    """What Home Assistant's topics call the device; unlike its branch it may have no slash."""
    # The same letters may be cut into other names: a_b/c and a/b_c are two devices.
    digest = hashlib.sha256(str(branch).encode()).hexdigest()[:6]
    return f"{branch.tenant}_{branch.site}_{branch.device}_{digest}"


def _description(sensor: _Sensor, branch: Branch, expire_s: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": sensor.name,
        "unique_id": f"kiosk/{branch}/{sensor.key}",
        "state_topic": branch.topic(sensor.leaf),
        "value_template": sensor.template,
        "device": {
            "identifiers": [f"kiosk/{branch}"],
            "name": f"{branch.site} {branch.device}",
            "manufacturer": "kiosk",
            "model": "kiosk",
            "sw_version": __version__,
        },
        "origin": {"name": "kiosk", "sw_version": __version__},
        **sensor.more,
    }
    if sensor.leaf != "status":
        found["availability_topic"] = branch.topic("status")
        found["availability_template"] = "{{ value_json.state }}"
    if sensor.leaf == "up/health":
        found["expire_after"] = expire_s
    return found
