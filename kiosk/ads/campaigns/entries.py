"""The campaign file as it is written: its keys, what each may hold, and its JSON Schema."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from kiosk import terms
from kiosk.ads.campaigns.campaign import AdultBand, Exclusive, Gender, Kind, MoodFamily

DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[DayName, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

NAME = r"^[a-z0-9-]{1,64}$"
CLOCK_TIME = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
DAY = re.compile(r"\d{4}-\d\d-\d\d")

Name = Annotated[str, Field(pattern=NAME)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _day(value: object) -> object:
    # A number would be taken for seconds since 1970.
    if isinstance(value, str) and DAY.fullmatch(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise ValueError("there is no such day") from None
    if not isinstance(value, date) or isinstance(value, datetime):
        # pydantic words a ValueError as a sentence, and lets a TypeError through.
        raise ValueError(  # noqa: TRY004
            "a day is expected, such as 2026-11-30"
        )
    if not 2000 <= value.year < 3000:
        raise ValueError("the year is not between 2000 and 2999")
    return value


def _clock_time(value: object) -> object:
    # YAML reads an unquoted 10:00 as sixties: 600.
    if not isinstance(value, str) or not re.fullmatch(CLOCK_TIME[1:-1], value):
        raise ValueError('a time of day in quotes is expected, such as "07:30"')
    return value


def _some(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("one is needed at least")
    return items


# Not pydantic's own rule, which also complains of a list whose only item is wrong.
AT_LEAST_ONE = AfterValidator(_some)
MIN_ITEMS = Field(json_schema_extra={"minItems": 1})

SomeDays = Annotated[tuple[DayName, ...], AT_LEAST_ONE, MIN_ITEMS]
Day = Annotated[date, BeforeValidator(_day)]
ClockTime = Annotated[str, BeforeValidator(_clock_time), Field(pattern=CLOCK_TIME)]


class FlightEntry(_Part):
    """From which day to which, by the store's clock."""

    first: Day | None = Field(None, alias="from", description="First day; left out: at once.")
    last: Day | None = Field(
        None, alias="to", description="Last day, played to its end; left out: for ever."
    )

    @model_validator(mode="after")
    def _order(self) -> FlightEntry:
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError(f"it ends on {self.last}, before it begins on {self.first}")
        if self.first is None and self.last is None:
            raise ValueError("it wants from, to, or both")
        return self


class WindowEntry(_Part):
    """A stretch of the day on some weekdays, by the store's clock."""

    days: SomeDays = Field(DAYS, description="Weekdays on which it begins; left out: every day.")
    begin: ClockTime = Field(
        "00:00", alias="from", description='First minute, in quotes, such as "06:00".'
    )
    end: ClockTime = Field(
        "24:00",
        alias="to",
        description='First minute after it; "24:00" is midnight, earlier than from: the next day.',
    )

    @model_validator(mode="after")
    def _some_time(self) -> WindowEntry:
        if self.begin == "24:00":
            raise ValueError('from: 24:00 is the end of a day; to begin at midnight, say "00:00"')
        if self.begin == self.end:
            raise ValueError('from is the same as to; for a whole day say "00:00" to "24:00"')
        return self


def _daypart_tag(value: object) -> str:
    return "[name]" if isinstance(value, str) else "[window]"


# The brackets mark a tag as something that stands in no file (see kiosk.strict).
Daypart = Annotated[
    Annotated[str, Tag("[name]"), Field(description="Name of a day-part under dayparts.")]
    | Annotated[WindowEntry, Tag("[window]")],
    Discriminator(_daypart_tag),
]


class FrequencyEntry(_Part):
    """How often at most, and how soon again."""

    max_per_hour: int | None = Field(
        None, ge=1, le=3600, description="Starts within any 60 minutes; left out: no limit."
    )
    min_gap_s: float = Field(
        0,
        ge=0,
        le=86400,
        description="Seconds from the start of one play to the start of the next.",
    )


class GoalEntry(_Part):
    """What has to be delivered; exactly one key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    share_of_voice: float | None = Field(
        None, gt=0, le=1, description="Share of the time on screen while the contract is live."
    )
    plays_per_hour: int | None = Field(
        None, ge=1, le=3600, description="Plays in each hour in which the contract is live."
    )
    plays_per_day: int | None = Field(
        None, ge=1, le=86400, description="Plays on each day on which the contract is live."
    )
    plays: int | None = Field(
        None, ge=1, le=10**9, description="Plays over the flight, on this screen."
    )
    impressions: int | None = Field(
        None,
        ge=1,
        le=10**9,
        description="Viewers present during its plays, over the flight, before this screen.",
    )

    @model_validator(mode="after")
    def _one(self) -> GoalEntry:
        given = [key for key in GoalEntry.model_fields if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"exactly one of {', '.join(GoalEntry.model_fields)}; here: {found}")
        return self


class ContractEntry(_Part):
    """What was sold to an advertiser."""

    id: str = Field(pattern=NAME, description="How creatives and reports name it.")
    advertiser: str = Field(pattern=NAME, description="Who pays.")
    category: str = Field(
        "general",
        pattern=NAME,
        description="What it advertises; jobs, housing, credit, alcohol and gambling carry rules.",
    )
    flight: FlightEntry | None = Field(None, description="Left out: always.")
    dayparts: tuple[Daypart, ...] = Field(
        (), description="When it is live: any of them; left out: the whole day."
    )
    goal: GoalEntry | None = Field(None, description="Left out: whenever there is room.")
    priority: int = Field(
        0, ge=0, le=1000, description="The higher one goes first when not all can be delivered."
    )
    exclusive: Exclusive = Field(
        "none",
        description="While it is live no other contract plays: screen; none of its category:"
        " category.",
    )
    separation_plays: int = Field(
        0,
        ge=0,
        le=100,
        description="Plays of others between it and any other contract of its category.",
    )
    frequency: FrequencyEntry = Field(FrequencyEntry(), description="Caps over all its creatives.")


class GroupEntry(_Part):
    """How many viewers, inclusive; open where not given."""

    min: int = Field(1, ge=1, le=100, description="At least so many.")
    max: int | None = Field(None, ge=1, le=100, description="At most so many.")

    @model_validator(mode="after")
    def _order(self) -> GroupEntry:
        if self.max is not None and self.max < self.min:
            raise ValueError("max is less than min")
        return self


class TargetingEntry(_Part):
    """Whom a creative is for; every key that is given has to fit. Nobody under 18 is targeted."""

    age: tuple[AdultBand, ...] = Field((), description="Age bands in years, in quotes.")
    gender: tuple[Gender, ...] = Field((), description="As estimated.")
    mood: tuple[MoodFamily, ...] = Field((), description="Families of moods, as estimated.")
    group: GroupEntry | None = Field(None, description="How many viewers there are.")
    looking: float | None = Field(
        None, gt=0, le=1, description="Share of the viewers that faces the screen, at least."
    )

    @field_validator("age", mode="before")
    @classmethod
    def _adults_only(cls, bands: object) -> object:
        if isinstance(bands, (list, tuple)):
            minors = [band for band in bands if band in terms.AGE_BANDS[:2]]
            if minors:
                raise ValueError(f"{minors[0]}: nobody under 18 may be targeted")
        return bands


class CreativeEntry(_Part):
    """Something to show."""

    id: str = Field(pattern=NAME, description="How reports name it.")
    kind: Kind = Field(description="What the medium is; its suffix has to fit.")
    file: str = Field(
        pattern=r"^[^\x00-\x1f]+$", description="The medium, from the campaign file's folder."
    )
    duration_s: float = Field(gt=0.5, le=600, description="Seconds on screen.")
    category: Name | None = Field(
        None, description="What it advertises; left out: its contract's category, or general."
    )
    weight: float = Field(
        1, gt=0, le=1000, description="Share among those that are equally eligible."
    )
    all_ages: bool = Field(
        True,
        description="May play when a minor may be in view; never so for alcohol and gambling.",
    )
    targeting: TargetingEntry = Field(TargetingEntry(), description="Left out: for everybody.")
    contract: Name | None = Field(
        None, description="Id of the contract that it delivers; left out: house content."
    )
    flight: FlightEntry | None = Field(None, description="Left out: always, or as its contract.")
    dayparts: tuple[Daypart, ...] = Field(
        (), description="When it may play: any of them; left out: the whole day, or its contract's."
    )
    frequency: FrequencyEntry = Field(FrequencyEntry(), description="Caps of this creative alone.")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="What the medium has to be, in hex; another one is never shown."
    )


class CampaignEntry(_Part):
    """A kiosk campaign: what a screen plays, whom it is for, and what was sold."""

    version: Literal[1] = Field(description="Of this format.")
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="How reports name it.")
    dayparts: dict[Name, Annotated[tuple[WindowEntry, ...], AT_LEAST_ONE, MIN_ITEMS]] = Field(
        {}, description="Named stretches of the week, by the store's clock."
    )
    contracts: tuple[ContractEntry, ...] = Field((), description="What was sold.")
    creatives: Annotated[tuple[CreativeEntry, ...], AT_LEAST_ONE, MIN_ITEMS] = Field(
        description="What there is to show; one at least untargeted, for all ages, at any time and"
        " not sold, so that there is always something to play.",
    )


def campaign_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a campaign file, for editors and other programs."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **CampaignEntry.model_json_schema(by_alias=True, mode="validation"),
        "title": "kiosk campaign",
    }
