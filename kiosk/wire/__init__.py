"""What goes over MQTT: topics and payloads, the contract between a device and head office.

Comes in: counts, plays, states, and what head office wants. Goes out: JSON that fits the schemas in
``deploy/schemas``, which are generated from these models. Unknown keys are rejected on both sides,
so that nothing can leave a device that is not published here.
"""

from kiosk.wire.documents import (
    DOCUMENT_MAX_BYTES,
    Command,
    CommandName,
    Document,
    DocumentKind,
    Medium,
    Outcome,
    Reply,
    Sealed,
    is_for,
)
from kiosk.wire.earlier import (
    EARLIER,
    EarlierHealth,
    EarlierHours,
    EarlierPlayProof,
    EarlierPlays,
)
from kiosk.wire.health import DocumentHealth, Health, OutboxHealth, StreamHealth, VisionHealth
from kiosk.wire.payloads import (
    MAX_INT,
    Ack,
    AgeGender,
    Between,
    Clamps,
    CreativeHour,
    Hours,
    HourTables,
    Noise,
    Payload,
    PlayProof,
    Plays,
    Status,
    TableName,
)
from kiosk.wire.schemas import BODIES, PAYLOADS, json_schemas
from kiosk.wire.signature import SealError, key_id, seal, unseal
from kiosk.wire.topics import Branch, parse_topic

__all__ = [
    "BODIES",
    "DOCUMENT_MAX_BYTES",
    "EARLIER",
    "MAX_INT",
    "PAYLOADS",
    "Ack",
    "AgeGender",
    "Between",
    "Branch",
    "Clamps",
    "Command",
    "CommandName",
    "CreativeHour",
    "Document",
    "DocumentHealth",
    "DocumentKind",
    "EarlierHealth",
    "EarlierHours",
    "EarlierPlayProof",
    "EarlierPlays",
    "Health",
    "HourTables",
    "Hours",
    "Medium",
    "Noise",
    "OutboxHealth",
    "Outcome",
    "Payload",
    "PlayProof",
    "Plays",
    "Reply",
    "SealError",
    "Sealed",
    "Status",
    "StreamHealth",
    "TableName",
    "VisionHealth",
    "is_for",
    "json_schemas",
    "key_id",
    "parse_topic",
    "seal",
    "unseal",
]
