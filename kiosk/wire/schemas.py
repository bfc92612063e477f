"""The model of each topic, and their JSON Schemas."""

from __future__ import annotations

from typing import Any

from kiosk.wire.documents import Command, Document, Reply, Sealed
from kiosk.wire.health import Health
from kiosk.wire.payloads import Ack, Hours, Payload, Plays, Status

PAYLOADS: dict[str, type[Payload]] = {
    "status": Status,
    "up/hours": Hours,
    "up/plays": Plays,
    "up/health": Health,
    "up/reply": Reply,
    "down/ack": Ack,
    "down/config": Sealed,
    "down/campaigns": Sealed,
    "down/command": Sealed,
}
"""The model of each topic's leaf."""

BODIES: dict[str, type[Payload]] = {"document": Document, "command": Command}
"""What stands in the body of a :class:`Sealed`."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (draft 2020-12) of every payload, by file stem such as ``up-hours``."""
    named = {leaf.replace("/", "-"): model for leaf, model in PAYLOADS.items()}
    named |= {f"body-{name}": model for name, model in BODIES.items()}
    return {
        stem: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(by_alias=True, mode="serialization"),
        }
        for stem, model in named.items()
    }
