"""Whether a record makes sense: the inside counts with it and does not ask again."""

from __future__ import annotations

import math

from kiosk import terms
from kiosk.errors import BadInputError
from kiosk.vision import Viewer, VisionRecord

AGE_BANDS = frozenset((*terms.AGE_BANDS, terms.UNKNOWN))
GENDERS = frozenset((*terms.GENDERS, terms.UNKNOWN))
MOODS = frozenset((*terms.MOODS, terms.UNKNOWN))


def checked(record: VisionRecord) -> VisionRecord:
    """The record as it is.

    Raises:
        BadInputError: a value is of the wrong kind, or a label stands in no table.
    """
    for name in ("t_s", "frames", "fps", "inference_ms"):
        _number(name, getattr(record, name))
    for name in ("accelerator", "source"):
        _text(name, getattr(record, name))
    if not isinstance(record.dark, bool):
        raise BadInputError("audience record not understood: dark")
    for viewer in record.viewers:
        _viewer(viewer)
    if len({viewer.id for viewer in record.viewers}) < len(record.viewers):
        raise BadInputError("audience record not understood: two viewers of one name")
    return record


def _viewer(viewer: Viewer) -> None:
    _text("id", viewer.id)
    for name in ("first_s", "last_s", "age_p", "gender_p", "mood_p"):
        _number(name, getattr(viewer, name))
    if len(viewer.box) != 4:
        raise BadInputError("audience record not understood: box")
    for side in viewer.box:
        _number("box", side)
    for name in ("looking", "minor_possible", "live"):
        if not isinstance(getattr(viewer, name), bool):
            raise BadInputError(f"audience record not understood: {name}")
    _label("age_band", viewer.age_band, AGE_BANDS)
    _label("gender", viewer.gender, GENDERS)
    _label("mood", viewer.mood, MOODS)


def _number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadInputError(f"audience record not understood: {name} is no number")


def _text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadInputError(f"audience record not understood: {name} is no text")


def _label(name: str, value: object, known: frozenset[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise BadInputError(f"audience record not understood: {name} {value!r:.40}")
