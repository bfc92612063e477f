"""The words of the field, as every room, table and payload spells them."""

from __future__ import annotations

from typing import Final, Literal

BandLabel = Literal["0-12", "13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+", "unknown"]
GenderLabel = Literal["female", "male", "unknown"]
MoodLabel = Literal[
    "happy", "neutral", "sad", "angry", "surprised", "fearful", "disgusted", "unknown"
]
GroupLabel = Literal["1", "2", "3", "4+"]

UNKNOWN: Final = "unknown"

AGE_BANDS: Final[tuple[BandLabel, ...]] = (
    "0-12", "13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+",
)  # fmt: skip
"""Age bands in years, inclusive."""

AGE_BAND_STARTS: Final = (0, 13, 18, 25, 35, 45, 55, 65)
"""First year of each of :data:`AGE_BANDS`."""

ADULT_BANDS: Final = AGE_BANDS[2:]
"""The bands that an advert may be targeted at."""

GENDERS: Final[tuple[GenderLabel, ...]] = ("female", "male")

MOODS: Final[tuple[MoodLabel, ...]] = (
    "happy", "neutral", "sad", "angry", "surprised", "fearful", "disgusted",
)  # fmt: skip

GROUP_SIZES: Final[tuple[GroupLabel, ...]] = ("1", "2", "3", "4+")
"""How many viewers are in view at once."""

MOOD_FAMILIES: Final = ("positive", "neutral", "negative")

FAMILY_OF_MOOD: Final = {
    "happy": "positive",
    "surprised": "neutral",
    "neutral": "neutral",
    "sad": "negative",
    "angry": "negative",
    "fearful": "negative",
    "disgusted": "negative",
    UNKNOWN: UNKNOWN,
}
"""Surprise is neither good nor bad by itself, so it does not count as positive."""
