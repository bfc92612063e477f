"""Records on the socket, and a door that is cheap to open."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.errors import BadInputError
from kiosk.vision import Viewer, VisionRecord, decode_record

finite = st.floats(allow_nan=False, allow_infinity=False)
share = st.floats(0, 1)
viewers = st.builds(
    Viewer,
    id=st.text(min_size=1),
    first_s=finite,
    last_s=finite,
    box=st.tuples(share, share, share, share),
    looking=st.booleans(),
    age_band=st.sampled_from([*terms.AGE_BANDS, terms.UNKNOWN]),
    age_p=share,
    gender=st.sampled_from([*terms.GENDERS, terms.UNKNOWN]),
    gender_p=share,
    mood=st.sampled_from([*terms.MOODS, terms.UNKNOWN]),
    mood_p=share,
    minor_possible=st.booleans(),
    live=st.booleans(),
)
records = st.builds(
    VisionRecord,
    t_s=finite,
    frames=st.integers(0),
    fps=share,
    inference_ms=share,
    accelerator=st.text(),
    source=st.text(),
    viewers=st.lists(viewers, max_size=3).map(tuple),
    dark=st.booleans(),
)
EXAMPLE = VisionRecord(
    1.0, 2, 3.0, 4.0, "CPU", "film.mp4",
    (Viewer("a", 0, 1, (0, 0, 1, 1), True, "25-34", 1, "male", 1, "happy", 1, False, True),),
)  # fmt: skip


@given(records)
def test_a_record_survives_the_socket(record: VisionRecord) -> None:
    line = record.encode()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_record(line) == record


def changed(where: str, key: str, *, drop: bool) -> bytes:
    data = json.loads(EXAMPLE.encode())
    part = data if where == "record" else data["viewers"][0]
    if drop:
        del part[key]
    else:
        part[key] = 1
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(changed("record", "embedding", drop=False), id="unknown key of the record"),
        pytest.param(changed("viewer", "ethnicity", drop=False), id="unknown key of a viewer"),
        pytest.param(changed("record", "fps", drop=True), id="missing key of the record"),
        pytest.param(changed("record", "viewers", drop=True), id="no viewers"),
        pytest.param(changed("viewer", "box", drop=True), id="missing key of a viewer"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"viewers": 1}', id="viewers are a number"),
        pytest.param(EXAMPLE.encode()[:-20], id="half a line"),
        pytest.param(b"\xff\xfe", id="not text"),
    ],
)
def test_what_is_not_a_record_of_this_version_is_refused(line: bytes) -> None:
    with pytest.raises(BadInputError, match="audience record"):
        decode_record(line)


def test_the_door_of_vision_opens_without_opencv_openvino_or_a_tracker() -> None:
    heavy = "cv2 openvino trackers supervision scipy numpy"
    program = f"import sys, kiosk.vision; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
