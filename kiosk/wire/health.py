"""How a device does: what may be told of it without telling of people."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kiosk.wire.payloads import MAX_INT, Epoch, Label, Payload, Utc


class VisionHealth(Payload):
    """How the vision process does."""

    state: Literal["live", "stale", "absent"]
    peak_fps: int = Field(
        ge=0,
        description="most frames a second since the start, by fives: the present rate would"
        " tell whether somebody is there",
    )
    accelerator: Label = Field(description="where the models run")
    dark: bool = Field(False, description="the camera gives nothing but black pictures")


class StreamHealth(Payload):
    """What the outbox holds of one stream."""

    lowest: int = Field(
        ge=1,
        le=MAX_INT,
        description="every number below it was acknowledged; next when nothing is held",
    )
    next: int = Field(ge=1, le=MAX_INT, description="the number that the next message will get")


class OutboxHealth(Payload):
    """What waits on the device for head office."""

    epoch: Epoch
    waiting: int = Field(ge=0, description="messages that the broker does not have yet")
    unacknowledged: int = Field(ge=0, description="messages that central has not committed")
    kb: int = Field(ge=0, description="size of the state file, in steps of 1024")
    hours: StreamHealth
    plays: StreamHealth


class DocumentHealth(Payload):
    """Which document of head office is at work."""

    version: int = Field(ge=0, le=MAX_INT, description="0: the device's own file")
    name: Label = Field("", description="of the campaign; empty for a configuration")
    refused: int | None = Field(None, description="a later version that is not used")
    reason: Label | None = Field(None, description="why it is not")


class Health(Payload):
    """How a device does, about once a minute; not kept."""

    schema_version: Literal[3] = Field(3, alias="schema")
    at: Utc
    version: Label
    uptime_s: int = Field(ge=0)
    clock: Literal["set", "unset"] = Field(description="whether a time service has set the clock")
    vision: VisionHealth | None = Field(description="null: the director has not said")
    resting: bool = Field(description="off hours or staff hours: nobody is counted, as wanted")
    screens: int = Field(ge=0, description="screen pages connected")
    outbox: OutboxHealth
    config: DocumentHealth
    campaign: DocumentHealth
    disk_free_mb: int | None = Field(ge=0, description="on the disk of the state file")
    temperature_c: int | None = Field(description="hottest part that the kernel tells of")
