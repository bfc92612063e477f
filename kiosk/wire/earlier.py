"""Payloads of earlier versions: devices keep messages for a month, head office may be newer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kiosk.wire.payloads import MAX_INT, Count, Epoch, Label, Payload, Utc


class EarlierCreativeHour(Payload):
    """What one creative earned."""

    watchers: Count
    attention_s: Count


class EarlierHourTables(Payload):
    """Counts of an hour, exact."""

    ots: Count
    watchers: Count
    age_gender: dict[Label, dict[Label, Count]]
    mood: dict[Label, Count] | None
    creatives: dict[Label, EarlierCreativeHour]


class EarlierHours(Payload):
    """``up/hours`` of schema 1."""

    schema_version: Literal[1] = Field(1, alias="schema")
    stream: Literal["hours"] = "hours"
    epoch: Epoch
    seq: int = Field(ge=1, le=MAX_INT)
    hour: Utc
    noise: Literal["off"]
    tables: EarlierHourTables


class EarlierPlayProof(Payload):
    """One creative on screen, start to end, of a version that knew no contracts."""

    play_id: str = Field(max_length=64)
    creative: Label
    campaign: Label
    start: Utc
    duration_s: float = Field(ge=0)
    completed: bool
    presented: bool


class EarlierPlays(Payload):
    """``up/plays`` of schema 1."""

    schema_version: Literal[1] = Field(1, alias="schema")
    stream: Literal["plays"] = "plays"
    epoch: Epoch
    seq: int = Field(ge=1, le=MAX_INT)
    plays: list[EarlierPlayProof] = Field(min_length=1)


class EarlierVisionHealth(Payload):
    """How the vision process did."""

    state: Literal["live", "stale", "absent"]
    peak_fps: int = Field(ge=0)
    accelerator: Label


class EarlierHealth(Payload):
    """``up/health`` of schema 2."""

    schema_version: Literal[2] = Field(2, alias="schema")
    at: Utc
    version: Label
    uptime_s: int = Field(ge=0)
    vision: EarlierVisionHealth | None
    screens: int = Field(ge=0)
    outbox_waiting: int = Field(ge=0)
    outbox_unacknowledged: int = Field(ge=0)


EARLIER: dict[str, type[Payload]] = {
    "up/hours": EarlierHours,
    "up/plays": EarlierPlays,
    "up/health": EarlierHealth,
}
"""The earlier model of a topic's leaf."""
