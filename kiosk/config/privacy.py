"""Settings of privacy: what is estimated at all, and how blurred it leaves the device."""

from __future__ import annotations

from typing import Literal, Optional

from pydantic import Field, field_validator, model_validator

from kiosk import terms
from kiosk.config.bands import check_bands
from kiosk.config.base import Section

Policy = Literal["full", "eu", "count-only"]
Attribute = Literal["age", "gender", "mood"]

POLICY_ESTIMATES: dict[Policy, tuple[Attribute, ...]] = {
    "full": ("age", "gender", "mood"),
    "eu": ("age", "gender"),
    "count-only": (),
}
"""What each policy allows to be estimated of a face."""

MAX_EPSILON = 10.0
"""Beyond this the guarantee is no more than words."""


class ShareSettings(Section):
    """How epsilon is divided between the tables of an hour; 0 leaves a table out.

    Only the proportions count: what a left-out table does not spend goes to the others.
    """

    visits: float = Field(22, ge=0, description="opportunities to see, and watchers")
    age_gender: float = Field(20, ge=0, description="OTS by age band and gender")
    mood: float = Field(5, ge=0, description="OTS by mood")
    group_size: float = Field(3, ge=0, description="OTS by size of the group")
    dwell: float = Field(6, ge=0, description="seconds in view")
    attention: float = Field(10, ge=0, description="seconds facing the screen")
    impressions: float = Field(12, ge=0, description="impressions")
    impressions_age_gender: float = Field(2, ge=0, description="impressions by age band and gender")
    creative_visits: float = Field(9, ge=0, description="OTS and watchers of each creative")
    creative_dwell: float = Field(1, ge=0, description="seconds in view, by creative")
    creative_attention: float = Field(4, ge=0, description="seconds facing it, by creative")
    creative_age_gender: float = Field(4, ge=0, description="OTS by band and gender, by creative")
    creative_mood: float = Field(1, ge=0, description="OTS by mood, by creative")
    creative_group_size: float = Field(1, ge=0, description="OTS by group size, by creative")

    @model_validator(mode="after")
    def _something(self) -> ShareSettings:
        if self.visits == 0:
            raise ValueError("visits: has to be above 0, it is what everything else is read beside")
        return self


class PrivacySettings(Section):
    """What leaves the device, and how it is blurred."""

    policy: Policy = Field(
        "full",
        description="full: age, gender and mood; eu: no mood, notice and noise are a must;"
        " count-only: faces are counted, nothing of them is estimated",
    )
    noise: Literal["discrete-laplace", "off"] = Field(
        "discrete-laplace",
        description="noise on the published counts, with which every payload is marked;"
        " off only for a private trial",
    )
    epsilon: float = Field(
        1.0,
        description="how much any one pass may change what is published: whatever somebody"
        " concludes from it is at most e^epsilon times likelier than without that pass;"
        " smaller is more private and less exact, 1 is strict",
    )
    age_bands: list[str] = Field(
        list(terms.AGE_BANDS),
        description="age bands of the published tables: these, or neighbours of them joined,"
        " such as 0-17, 18-34, 35-54, 55+; fewer bands are less noise",
    )
    mood_table: Optional[bool] = Field(
        None, description="publish moods; empty: where the policy estimates them"
    )
    dwell_clamp_s: int = Field(
        30, ge=1, le=3600, description="most seconds in view that one pass adds"
    )
    attention_clamp_s: int = Field(
        30, ge=1, le=3600, description="most seconds of attention that one pass adds"
    )
    impressions_clamp: int = Field(4, ge=1, le=1000, description="most impressions of one pass")
    shares: ShareSettings = ShareSettings()

    @field_validator("noise", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        # YAML reads a bare off as false.
        return "off" if value is False else value

    @field_validator("epsilon")
    @classmethod
    def _sensible(cls, value: float) -> float:
        if not 0 < value <= MAX_EPSILON:
            raise ValueError(
                f"has to be above 0 and at most {MAX_EPSILON:g}; to publish without noise,"
                ' say noise: "off"'
            )
        return value

    @field_validator("age_bands")
    @classmethod
    def _whole_life(cls, bands: list[str]) -> list[str]:
        check_bands(bands)
        return bands

    @property
    def publishes_mood(self) -> bool:
        """Moods stand in the published tables."""
        allowed = "mood" in POLICY_ESTIMATES[self.policy]
        return allowed if self.mood_table is None else self.mood_table
