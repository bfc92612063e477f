"""Words of the data sets, in the words of :mod:`kiosk.terms`."""

from __future__ import annotations

from typing import Final, Literal

BoxKind = Literal["unmasked", "masked", "other"]

MOOD_OF_FERPLUS: Final[dict[str, str | None]] = {
    "neutral": "neutral",
    "happiness": "happy",
    "happy": "happy",
    "surprise": "surprised",
    "surprised": "surprised",
    "sadness": "sad",
    "sad": "sad",
    "anger": "angry",
    "angry": "angry",
    "disgust": "disgusted",
    "disgusted": "disgusted",
    "fear": "fearful",
    "fearful": "fearful",
    "contempt": None,
    "unknown": None,
    "NF": None,
}
"""FER+ majority labels; none: not a mood that a device tells (``NF`` is no face at all)."""

KIND_OF_BOX: Final[dict[str, BoxKind]] = {
    "sin_mascarilla": "unmasked",
    "without_mask": "unmasked",
    "no_mask": "unmasked",
    "unmasked": "unmasked",
    "con_mascarilla": "masked",
    "with_mask": "masked",
    "mask": "masked",
    "masked": "masked",
    "mascarilla_mal_puesta": "other",
    "mask_weared_incorrect": "other",
    "face": "other",
}
"""Labels of boxes that are faces; other: a mask worn badly, or nothing said about one."""
