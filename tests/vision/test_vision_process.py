"""The whole process: real clips through the real models, and sources that fall silent."""

from __future__ import annotations

import math
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk import terms
from kiosk.config import CameraSettings, VisionSettings
from kiosk.errors import SourceError
from kiosk.service import Heartbeat
from kiosk.vision import Viewer, VisionRecord, decode_record, run


def records_of(source: Path | str, models_dir: Path, **settings) -> list[VisionRecord]:
    lines: list[bytes] = []
    told = VisionSettings(source=str(source), models_dir=models_dir, **settings)
    run(told, lines.append, threading.Event(), Heartbeat())
    return [decode_record(line) for line in lines]


@pytest.fixture(scope="module")
def film(sample: Path, models_dir: Path) -> list[VisionRecord]:
    """All records of the sample clip."""
    return records_of(sample, models_dir, as_fast_as_possible=True)


def looks(records: list[VisionRecord]) -> dict[str, list[Viewer]]:
    found: dict[str, list[Viewer]] = {}
    for record in records:
        for viewer in record.viewers:
            found.setdefault(viewer.id, []).append(viewer)
    return found


def test_the_sample_clip_is_one_pass_of_one_adult_woman(film: list[VisionRecord]) -> None:
    assert len(film) == 472
    (her,) = looks(film).values()
    assert len(her) >= 465
    assert {viewer.gender for viewer in her[50:]} == {"female"}
    assert {viewer.age_band for viewer in her[100:]} <= set(terms.ADULT_BANDS)
    assert not her[-1].minor_possible
    dwell = her[-1].last_s - her[-1].first_s
    assert dwell == pytest.approx(film[-1].t_s - film[0].t_s, abs=0.2)


def test_her_mood_turns_from_worry_to_laughter(film: list[VisionRecord]) -> None:
    (her,) = looks(film).values()
    families = [terms.FAMILY_OF_MOOD[viewer.mood] for viewer in her]
    third = len(families) // 3
    assert Counter(families[:third]).most_common(1)[0][0] == "negative"
    assert families[-1] == "positive"
    assert Counter(families[-third // 2 :])["positive"] > third // 4


def test_a_record_says_what_is_published_and_no_more(film: list[VisionRecord]) -> None:
    assert {field.name for field in fields(VisionRecord)} == {
        "t_s", "frames", "fps", "inference_ms", "accelerator", "source", "viewers", "dark",
    }  # fmt: skip
    assert {field.name for field in fields(Viewer)} == {
        "id", "first_s", "last_s", "box", "looking", "age_band", "age_p", "gender", "gender_p",
        "mood", "mood_p", "minor_possible", "live",
    }  # fmt: skip
    for record in film:
        assert len(record.encode()) < 4096
        assert (record.accelerator, record.source) == ("CPU", "WolfgangLanger_Pexels.mp4")
        assert record.dark is False
        for viewer in record.viewers:
            x, y, width, height = viewer.box
            assert 0 <= x <= x + width <= 1.0002
            assert 0 <= y <= y + height <= 1.0002
            assert viewer.age_band in {*terms.AGE_BANDS, terms.UNKNOWN}
            assert viewer.mood in {*terms.MOODS, terms.UNKNOWN}
            assert min(viewer.age_p, viewer.gender_p, viewer.mood_p) >= 0
            assert max(viewer.age_p, viewer.gender_p, viewer.mood_p) <= 1.001


def test_time_and_frames_only_go_on(film: list[VisionRecord]) -> None:
    assert [record.frames for record in film] == list(range(1, len(film) + 1))
    assert (np.diff([record.t_s for record in film]) > 0).all()
    assert film[-1].fps > 5
    assert film[-1].inference_ms > 0


def test_three_people_who_walk_up_are_three_passes(
    clip: Callable[[str], Path], models_dir: Path
) -> None:
    records = records_of(
        clip("face-demographics-walking-and-pause.gif"), models_dir, as_fast_as_possible=True
    )
    passes = looks(records)
    assert len(passes) == 3
    left, middle, right = sorted(passes.values(), key=lambda seen: seen[-1].box[0])
    assert (left[-1].gender, middle[-1].gender) == ("female", "male")
    assert {viewer.gender for viewer in right} <= {"female", terms.UNKNOWN}, "unsure, not wrong"


def test_a_head_that_turns_is_one_pass_and_looks_for_a_part_of_it(
    clip: Callable[[str], Path], models_dir: Path
) -> None:
    records = records_of(
        clip("head-pose-face-detection-female.gif"), models_dir, as_fast_as_possible=True
    )
    (her,) = looks(records).values()
    share = sum(viewer.looking for viewer in her) / len(her)
    assert 0.1 < share < 0.9


def test_children_in_view_are_possible_minors(
    clip: Callable[[str], Path], models_dir: Path
) -> None:
    records: list[VisionRecord] = []
    stop = threading.Event()

    def emit(line: bytes) -> None:
        records.append(decode_record(line))
        if records[-1].t_s >= 6:
            stop.set()

    school = str(clip("school-group.mp4"))
    told = VisionSettings(source=school, models_dir=models_dir, as_fast_as_possible=True)
    run(told, emit, stop, Heartbeat())
    group = [record for record in records if record.t_s >= 2]
    assert all(any(viewer.minor_possible for viewer in record.viewers) for record in group)
    assert 7 <= len(looks(records)) <= 8, "seven people, and at most one thing taken for one"
    lasting = [seen for seen in looks(records).values() if len(seen) > 120]
    assert len(lasting) == 7, "each of them is one pass"


def test_a_stop_ends_the_process_at_once(sample: Path, models_dir: Path) -> None:
    stop = threading.Event()
    told = VisionSettings(source=str(sample), models_dir=models_dir, loop=True)
    lines: list[bytes] = []
    told_s = math.inf

    def emit(line: bytes) -> None:
        nonlocal told_s
        lines.append(line)
        if len(lines) == 5:
            told_s = time.monotonic()
            stop.set()

    run(told, emit, stop, Heartbeat())
    assert len(lines) == 5
    assert time.monotonic() - told_s < 10


class Stream:
    """A camera on the network: some pictures to each caller, then silence."""

    def __init__(self, pictures: int, ends: bool = False) -> None:
        self.calls = 0
        self.over = threading.Event()
        picture = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1].tobytes()
        part = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
        body = (part + picture + b"\r\n") * pictures
        camera = self

        class Caller(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                camera.calls += 1
                self.request.recv(4096)
                if pictures:
                    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x"
                    self.request.sendall(head + b"\r\n\r\n" + body)
                if not ends:
                    camera.over.wait(30)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Caller)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/video"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> Iterator[Stream]:
    camera = Stream(**request.param)
    yield camera
    camera.close()


def live(stream: Stream, models_dir: Path, attempts: int) -> tuple[list[bytes], float, str]:
    camera = CameraSettings(no_frame_s=0.6, reopen_attempts=attempts)
    told = VisionSettings(source=stream.url, models_dir=models_dir, camera=camera)
    lines: list[bytes] = []
    begun = time.monotonic()
    with pytest.raises(SourceError) as caught:
        run(told, lines.append, threading.Event(), Heartbeat())
    return lines, time.monotonic() - begun, str(caught.value)


@pytest.mark.parametrize(
    "stream", [{"pictures": 12}, {"pictures": 12, "ends": True}], indirect=True,
    ids=["it hangs", "it ends"],
)  # fmt: skip
def test_a_stream_that_falls_silent_is_reopened_so_often_and_then_given_up(
    stream: Stream, models_dir: Path
) -> None:
    lines, spent, sentence = live(stream, models_dir, attempts=2)
    assert lines, "it gave pictures first"
    assert stream.calls == 3
    assert "reopening it 2 times did not help" in sentence
    assert spent < 15


@pytest.mark.parametrize("stream", [{"pictures": 0}], indirect=True, ids=["silent"])
def test_a_stream_that_never_answers_is_given_up_in_time(stream: Stream, models_dir: Path) -> None:
    _, spent, sentence = live(stream, models_dir, attempts=0)
    assert "127.0.0.1" in sentence
    assert spent < 6


def test_a_file_is_not_reopened(tmp_path: Path, models_dir: Path) -> None:
    told = VisionSettings(source=str(tmp_path / "none.mp4"), models_dir=models_dir)
    with pytest.raises(SourceError, match="there is no such video file"):
        run(told, lambda _: None, threading.Event(), Heartbeat())
