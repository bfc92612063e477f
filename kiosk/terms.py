"""The words of the field, as every room, table and payload spells them."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "unknown"

AGE_BANDS: Final = ("0-12", "13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")
"""Age bands in years, inclusive."""

AGE_BAND_STARTS: Final = (0, 13, 18, 25, 35, 45, 55, 65)
"""First year of each of :data:`AGE_BANDS`."""

ADULT_BANDS: Final = AGE_BANDS[2:]
"""The bands that an advert may be targeted at."""

GENDERS: Final = ("female", "male")

MOODS: Final = ("happy", "neutral", "sad", "angry", "surprised", "fearful", "disgusted")

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
