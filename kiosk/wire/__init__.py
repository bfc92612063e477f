"""What goes over MQTT: topics and payloads, the contract between a device and head office.

Comes in: counts, plays and states. Goes out: JSON that fits the schemas in ``deploy/schemas``,
which are generated from these models. Unknown keys are rejected on both sides, so that nothing
can leave a device that is not published here.
"""

from kiosk.wire.earlier import EARLIER, EarlierHours
from kiosk.wire.payloads import (
    MAX_INT,
    PAYLOADS,
    Ack,
    AgeGender,
    Between,
    Clamps,
    CreativeHour,
    Health,
    Hours,
    HourTables,
    Noise,
    Payload,
    PlayProof,
    Plays,
    Status,
    TableName,
    VisionHealth,
    json_schemas,
)
from kiosk.wire.topics import Branch, parse_topic

__all__ = [
    "EARLIER",
    "MAX_INT",
    "PAYLOADS",
    "Ack",
    "AgeGender",
    "Between",
    "Branch",
    "Clamps",
    "CreativeHour",
    "EarlierHours",
    "Health",
    "HourTables",
    "Hours",
    "Noise",
    "Payload",
    "PlayProof",
    "Plays",
    "Status",
    "TableName",
    "VisionHealth",
    "json_schemas",
    "parse_topic",
]
