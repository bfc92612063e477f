"""What vision says of the people in front of the camera: no picture, no crop, no embedding.

One record per processed frame, one JSON line each on the socket. Vision writes them, the audience
room reads them; this module is light, so that reading them loads neither OpenCV nor OpenVINO.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from kiosk.errors import BadInputError


@dataclass(frozen=True)
class Viewer:
    """One face in view.

    Attributes:
        id: random name of this pass; it means nothing after the pass.
        first_s, last_s: when the face was first and last seen, on the timeline of the record; a
            face that is lost for a moment stays a viewer, with an older ``last_s``.
        box: x, y, width, height as shares of the frame.
        looking: the face is seen now and points at the screen.
        age_band, gender, mood: labels of :mod:`kiosk.terms`, or ``unknown``.
        age_p, gender_p, mood_p: probability of the label; of the best one when it is unknown.
        minor_possible: the chance of being under 18 is not small enough to ignore.
        live: it moved, turned or changed its face, or is too fresh to tell: a person. Otherwise it
            is a picture: it is not counted, and nothing is chosen for it.
    """

    id: str
    first_s: float
    last_s: float
    box: tuple[float, float, float, float]
    looking: bool
    age_band: str
    age_p: float
    gender: str
    gender_p: float
    mood: str
    mood_p: float
    minor_possible: bool
    live: bool


@dataclass(frozen=True)
class VisionRecord:
    """One processed frame.

    Attributes:
        t_s: when the frame was taken, in monotonic seconds of vision's timeline.
        frames: frames processed since the process started.
        fps: recent mean of processed frames per second.
        inference_ms: recent mean of milliseconds of model inference per frame.
        accelerator: where the models run.
        source: name of the camera or file, without folders and credentials.
        viewers: everybody in view.
        dark: the camera has given nothing but black pictures for some seconds.
    """

    t_s: float
    frames: int
    fps: float
    inference_ms: float
    accelerator: str
    source: str
    viewers: tuple[Viewer, ...]
    dark: bool = False

    def encode(self) -> bytes:
        """The record as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"


_VIEWER_KEYS = {field.name for field in fields(Viewer)}
_RECORD_KEYS = {field.name for field in fields(VisionRecord)}


def decode_record(line: bytes) -> VisionRecord:
    """Read one line.

    Raises:
        BadInputError: it is not a record of this version; unknown keys are refused.
    """
    try:
        data: dict[str, Any] = json.loads(line)
        viewers = data.pop("viewers")
        known = set(data) == _RECORD_KEYS - {"viewers"}
        known = known and all(set(viewer) == _VIEWER_KEYS for viewer in viewers)
    except (ValueError, KeyError, TypeError, AttributeError) as bad:
        raise BadInputError(f"audience record not understood: {bad}") from bad
    if not known:
        raise BadInputError("audience record of another version: unknown or missing keys")
    return VisionRecord(
        viewers=tuple(Viewer(**{**viewer, "box": tuple(viewer["box"])}) for viewer in viewers),
        **data,
    )
