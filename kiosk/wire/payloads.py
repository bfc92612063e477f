"""Every payload, typed; counts are integers, times are RFC 3339 in UTC, durations are seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from kiosk.clock import iso
from kiosk.terms import GenderLabel, GroupLabel, MoodLabel


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


Count = Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)]
"""A count of passes or seconds; with noise on it, it may be below zero."""

TableName = Literal[
    "visits",
    "age_gender",
    "mood",
    "group_size",
    "dwell",
    "attention",
    "impressions",
    "impressions_age_gender",
    "creative_visits",
    "creative_dwell",
    "creative_attention",
    "creative_age_gender",
    "creative_mood",
    "creative_group_size",
]

BandLabel = Annotated[str, Field(pattern=r"^(\d{1,3}-\d{1,3}|\d{1,3}\+|unknown)$")]
"""An age band in years, inclusive; which ones, a device's configuration says."""

AgeGender = dict[BandLabel, dict[GenderLabel, Count]]


class CreativeHour(Payload):
    """What one creative earned in an hour; each pass stands with the one it watched longest."""

    plays: int = Field(ge=0, description="plays that began in the hour, exact")
    ots: Count = Field(description="passes that were an opportunity to see")
    watchers: Count = Field(description="OTS passes whose face pointed at the screen long enough")
    dwell_s: Count | None = Field(description="seconds in view, each pass clamped")
    attention_s: Count | None = Field(description="seconds facing the screen, each pass clamped")
    age_gender: AgeGender | None = Field(description="OTS passes by age band and gender")
    mood: dict[MoodLabel, Count] | None = Field(description="OTS passes by mood")
    group_size: dict[GroupLabel, Count] | None = Field(description="OTS passes by size of group")


class HourTables(Payload):
    """The counts of one hour; every pass stands in exactly one cell of each table.

    A table is null when it is not published. With noise a count may be below zero, cells do not add
    up to totals, and watchers may be more than ots.
    """

    plays: int = Field(ge=0, description="plays that began in the hour, exact")
    ots: Count = Field(
        description="passes that were an opportunity to see; the sum of two cells of table visits,"
        " of those who watched and those who did not, so its noise is 1.41 times theirs"
    )
    watchers: Count = Field(
        description="OTS passes whose face pointed at the screen long enough; one cell of visits"
    )
    dwell_s: Count | None = Field(description="seconds in view of OTS passes, each clamped")
    attention_s: Count | None = Field(
        description="seconds facing the screen of OTS passes, each clamped"
    )
    impressions: Count | None = Field(
        description="plays that OTS passes were in view of, each pass clamped;"
        " over plays: OpenRTB 2.6 imp.qty.multiplier"
    )
    impressions_age_gender: AgeGender | None = Field(
        description="the same by age band and gender, with noise of its own"
    )
    age_gender: AgeGender | None = Field(description="OTS passes by age band and gender")
    mood: dict[MoodLabel, Count] | None = Field(description="OTS passes by mood")
    group_size: dict[GroupLabel, Count] | None = Field(
        description="OTS passes by how many were in view with them"
    )
    creatives: dict[Label, CreativeHour] = Field(
        description="by creative id; every creative of the campaign, with zeros"
    )


class Noise(Payload):
    """The noise that an hour's counts carry, as it was drawn."""

    mechanism: Literal["discrete-laplace"] = "discrete-laplace"
    unit: Literal["pass"] = Field("pass", description="what epsilon protects: one pass, all of it")
    epsilon: float = Field(gt=0, description="what one pass spends on the whole hour")
    scales: dict[TableName, float] = Field(
        description="scale of the noise on every cell of a table; its standard deviation is about"
        " 1.41 times that"
    )


class Clamps(Payload):
    """The most that one pass adds to a sum; what is above is cut."""

    dwell_s: int = Field(ge=1)
    attention_s: int = Field(ge=1)
    impressions: int = Field(ge=1)


class Between(Payload):
    """What is known of the time of counts that were taken while the clock was not."""

    not_before: Utc | None = Field(description="null: nothing is known of it")
    not_after: Utc

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if self.not_before is not None and self.not_before > self.not_after:
            raise ValueError("not_before: lies after not_after")
        return self


class Hours(Payload):
    """One hour of one device; published once, the same bytes on every retry."""

    schema_version: Literal[2] = Field(2, alias="schema")
    stream: Literal["hours"] = "hours"
    epoch: Epoch
    seq: int = Field(ge=1, le=MAX_INT, description="contiguous within stream and epoch")
    hour: Utc | None = Field(description="start of the hour; null: not known, see between")
    between: Between | None = Field(None, description="when hour is null: what is known instead")
    policy: Literal["full", "eu", "count-only"] = Field(description="what was estimated at all")
    noise: Literal["off"] | Noise = Field(description="noise that these counts carry")
    clamps: Clamps
    notice_s: int = Field(
        ge=0, description="seconds in which a screen confirmed that the notice stood on it"
    )
    tables: HourTables

    @model_validator(mode="after")
    def _some_time(self) -> Hours:
        if (self.hour is None) == (self.between is None):
            raise ValueError("hour: give it, or between where it is not known")
        return self


class PlayProof(Payload):
    """One creative on screen, start to end."""

    play_id: str = Field(max_length=64)
    creative: Label
    campaign: Label
    contract: Label | None = Field(
        description="id of the contract in the campaign file that it was played for; null: none,"
        " house content"
    )
    start: Utc = Field(description="when its first frame was presented")
    duration_s: float = Field(ge=0, description="how long it was on screen")
    completed: bool = Field(description="false: a power cut or stop ended it")
    presented: bool = Field(description="a screen confirmed the first frame; else no proof")


class Plays(Payload):
    """A batch of ended plays."""

    schema_version: Literal[2] = Field(2, alias="schema")
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


class Ack(Payload):
    """Central has committed everything of a stream up to ``seq``."""

    schema_version: Literal[1] = Field(1, alias="schema")
    stream: Literal["hours", "plays"]
    epoch: Epoch
    seq: int = Field(ge=0)
