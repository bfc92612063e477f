"""Every payload, typed; counts are integers, times are RFC 3339 in UTC, durations are seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from kiosk.clock import iso


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as bad:
        raise ValueError("it lies outside the calendar in UTC") from bad


Utc = Annotated[
    AwareDatetime, AfterValidator(_in_utc), PlainSerializer(iso, return_type=str, when_used="json")
]
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$", description="life of the state file")]
MAX_INT = 2**63 - 1
"""Largest integer that every database of ours holds."""

Label = Annotated[str, Field(max_length=200)]


class Payload(BaseModel):
    """What every message is: frozen, and closed to keys that are not published."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    def encode(self) -> bytes:
        """The payload as compact JSON."""
        return self.model_dump_json(by_alias=True).encode()


class CreativeHour(Payload):
    """What one creative earned in an hour from the passes that watched it longest."""

    watchers: int = Field(
        ge=-MAX_INT, le=MAX_INT, description="passes that watched this creative longest of all"
    )
    attention_s: int = Field(description="their seconds of attention to it, each pass clamped")


class HourTables(Payload):
    """The counts of one hour; every pass stands in exactly one cell of each table."""

    ots: int = Field(ge=-MAX_INT, le=MAX_INT, description="passes that were an opportunity to see")
    watchers: int = Field(
        ge=-MAX_INT,
        le=MAX_INT,
        description="OTS passes whose face pointed at the screen long enough",
    )
    age_gender: dict[str, dict[str, int]] = Field(description="OTS passes by age band and gender")
    mood: dict[str, int] | None = Field(description="OTS passes by mood; null when switched off")
    creatives: dict[str, CreativeHour] = Field(description="by creative id")


class Hours(Payload):
    """One hour of one device; published once, the same bytes on every retry."""

    schema_version: Literal[1] = Field(1, alias="schema")
    stream: Literal["hours"] = "hours"
    epoch: Epoch
    seq: int = Field(ge=1, le=MAX_INT, description="contiguous within stream and epoch")
    hour: Utc = Field(description="start of the hour")
    noise: Literal["off"] = Field(description="noise that these counts carry")
    tables: HourTables


class PlayProof(Payload):
    """One creative on screen, start to end."""

    play_id: str = Field(max_length=64)
    creative: Label
    campaign: Label
    start: Utc = Field(description="when its first frame was presented")
    duration_s: float = Field(ge=0, description="how long it was on screen")
    completed: bool = Field(description="false: a power cut or stop ended it")
    presented: bool = Field(description="a screen confirmed the first frame; else no proof")


class Plays(Payload):
    """A batch of ended plays."""

    schema_version: Literal[1] = Field(1, alias="schema")
    stream: Literal["plays"] = "plays"
    epoch: Epoch
    seq: int = Field(ge=1, le=MAX_INT, description="contiguous within stream and epoch")
    plays: list[PlayProof] = Field(min_length=1)


class Status(Payload):
    """Whether a device is connected; retained, and left as the last will."""

    schema_version: Literal[1] = Field(1, alias="schema")
    state: Literal["online", "offline"]
    version: Label
    since: Utc


class VisionHealth(Payload):
    """How the vision process does."""

    state: Literal["live", "stale", "absent"]
    fps: float = Field(ge=0)
    inference_ms: float = Field(ge=0, description="per frame, recent mean")
    accelerator: Label = Field(description="where the models run")


class Health(Payload):
    """How a device does, about once a minute; not kept."""

    schema_version: Literal[1] = Field(1, alias="schema")
    at: Utc
    version: Label
    uptime_s: int = Field(ge=0)
    vision: VisionHealth | None = Field(description="null: the director has not said")
    screens: int = Field(ge=0, description="screen pages connected")
    outbox_waiting: int = Field(ge=0, description="messages that the broker does not have yet")
    outbox_unacknowledged: int = Field(ge=0, description="messages that central has not committed")


class Ack(Payload):
    """Central has committed everything of a stream up to ``seq``."""

    schema_version: Literal[1] = Field(1, alias="schema")
    stream: Literal["hours", "plays"]
    epoch: Epoch
    seq: int = Field(ge=0)


PAYLOADS: dict[str, type[Payload]] = {
    "status": Status,
    "up/hours": Hours,
    "up/plays": Plays,
    "up/health": Health,
    "down/ack": Ack,
}
"""The model of each topic's leaf."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (draft 2020-12) of every payload, by file stem such as ``up-hours``."""
    return {
        leaf.replace("/", "-"): {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(by_alias=True, mode="serialization"),
        }
        for leaf, model in PAYLOADS.items()
    }
