"""Hours in which nobody is looked at, and policies under which less is estimated."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from kiosk import terms
from kiosk.config import AttributeSettings, CameraSettings, VisionSettings
from kiosk.service import Heartbeat
from kiosk.vision import Viewer, VisionRecord, decode_record, open_pipeline, run


class Camera:
    """A camera on the network that gives pictures for as long as it is looked at."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.silent = False
        picture = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1].tobytes()
        part = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
        camera = self

        class Caller(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                camera.opened += 1
                self.request.recv(4096)
                head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x"
                try:
                    self.request.sendall(head + b"\r\n\r\n")
                    while True:
                        while camera.silent:
                            time.sleep(0.03)
                        self.request.sendall(part + picture + b"\r\n")
                        time.sleep(0.03)
                except OSError:
                    camera.closed += 1

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self.server = Server(("127.0.0.1", 0), Caller)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/video"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Hours:
    """A vision process whose hours a test sets, and what it says."""

    def __init__(self, settings: VisionSettings, off: bool) -> None:
        self.off = off
        self.records: list[VisionRecord] = []
        self.beats = 0
        self.stop = threading.Event()
        hours = self

        class Beats(Heartbeat):
            def progress(self, _status: str = "") -> None:
                hours.beats += 1

        self._thread = threading.Thread(
            target=run,
            args=(settings, self._hear, self.stop, Beats(), lambda: self.off),
            daemon=True,
        )
        self._thread.start()

    def _hear(self, line: bytes) -> None:
        self.records.append(decode_record(line))

    def wait_for(self, condition: Callable[[], bool], what: str, patience_s: float = 60) -> None:
        end = time.monotonic() + patience_s
        while not condition():
            assert self._thread.is_alive(), f"it ended before {what}"
            assert time.monotonic() < end, f"not in time: {what}"
            time.sleep(0.01)

    def seen(self) -> bool:
        """The last record is of a frame."""
        return bool(self.records) and self.records[-1].inference_ms > 0

    def end(self) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_in_off_hours_the_camera_is_closed_and_the_process_says_that_it_lives(
    camera: Camera, bare_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    hours = Hours(VisionSettings(source=camera.url, models_dir=bare_dir), off=True)
    hours.wait_for(lambda: len(hours.records) == 2, "two words in a second")
    assert hours.beats >= 2
    assert camera.opened == 0
    steps = np.diff([record.t_s for record in hours.records])
    assert steps.min() > 0.9
    assert steps.max() < 2
    hours.off = False
    hours.wait_for(hours.seen, "frames")
    assert (camera.opened, camera.closed) == (1, 0)
    hours.off = True
    hours.wait_for(lambda: camera.closed == 1, "the camera is let go")
    before = len(hours.records)
    hours.wait_for(lambda: len(hours.records) >= before + 1, "a word")
    assert not hours.seen()
    hours.end()
    assert all(record.viewers == () for record in hours.records)
    frames = [record.frames for record in hours.records]
    assert frames == sorted(frames)
    assert (np.diff([record.t_s for record in hours.records]) > 0).all()
    told = [message.split()[0] for message in caplog.messages if "event=vision_o" in message]
    assert told == ["event=vision_off", "event=vision_on", "event=vision_off"]


def test_who_stood_there_before_is_nobody_known_afterwards_and_nothing_is_estimated(
    sample: Path, models_dir: Path
) -> None:
    nothing = AttributeSettings(estimate=[])
    told = VisionSettings(source=str(sample), models_dir=models_dir, loop=True, attributes=nothing)
    hours = Hours(told, off=False)
    hours.wait_for(lambda: bool(hours.records and hours.records[-1].viewers), "somebody")
    (before,) = hours.records[-1].viewers
    hours.off = True
    hours.wait_for(lambda: not hours.seen(), "nobody")
    hours.off = False
    hours.wait_for(lambda: bool(hours.records[-1].viewers), "somebody again")
    (after,) = hours.records[-1].viewers
    hours.end()
    assert before.id != after.id
    for viewer in (before, after):
        assert (viewer.age_band, viewer.gender, viewer.mood) == (terms.UNKNOWN,) * 3
        assert (viewer.age_p, viewer.gender_p, viewer.mood_p) == (0, 0, 0)
        assert viewer.minor_possible, "nobody is known to be of age"


def test_a_camera_that_falls_silent_is_not_reopened_in_off_hours(
    camera: Camera, bare_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    patience = CameraSettings(no_frame_s=1, reopen_attempts=5)
    hours = Hours(
        VisionSettings(source=camera.url, models_dir=bare_dir, camera=patience), off=False
    )
    hours.wait_for(hours.seen, "a frame")
    camera.silent = True
    hours.off = True
    hours.wait_for(lambda: not hours.seen(), "nobody")
    time.sleep(1.3)
    hours.end()
    assert camera.opened == 1
    assert not [message for message in caplog.messages if "camera_silent" in message]


@pytest.mark.parametrize(
    ("estimate", "heads"),
    [
        pytest.param(None, 4, id="full"),
        pytest.param(["age", "gender"], 2, id="eu"),
        pytest.param([], 0, id="count-only"),
    ],
)
def test_what_a_policy_forbids_is_not_even_loaded(
    models_dir: Path, estimate: list[str] | None, heads: int
) -> None:
    allowed = AttributeSettings(estimate=estimate)
    pipeline = open_pipeline(VisionSettings(models_dir=models_dir, attributes=allowed), "test")
    names = {one.name for one in pipeline.networks if not one.name.startswith("face-detection")}
    assert len(names) == heads
    assert any("emotion" in name for name in names) == (estimate is None)


def test_under_eu_a_mood_stays_unknown_and_an_age_does_not(sample: Path, models_dir: Path) -> None:
    viewers: list[Viewer] = []
    stop = threading.Event()

    def emit(line: bytes) -> None:
        viewers.extend(decode_record(line).viewers)
        if len(viewers) >= 30:
            stop.set()

    told = VisionSettings(
        source=str(sample),
        models_dir=models_dir,
        as_fast_as_possible=True,
        attributes=AttributeSettings(estimate=["age", "gender"]),
    )
    run(told, emit, stop, Heartbeat())
    assert {(viewer.mood, viewer.mood_p) for viewer in viewers} == {(terms.UNKNOWN, 0.0)}
    assert viewers[-1].gender == "female"
    assert not viewers[-1].minor_possible


def test_the_command_keeps_the_hours_of_the_shops_time_zone(bare_dir: Path, tmp_path: Path) -> None:
    zone = "Pacific/Auckland"
    now = datetime.now(ZoneInfo(zone))
    begin, end = (f"{now + timedelta(hours=by):%H:%M}" for by in (-5, 5))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"device: {{timezone: {zone}}}\nvision:\n  source: /dev/there-is-no-such-camera\n"
        f'  models_dir: {bare_dir}\n  off_hours: [{{begin: "{begin}", end: "{end}"}}]\n'
    )
    command = [sys.executable, "-m", "kiosk", "vision", "--print", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert (said["viewers"], said["fps"], process.returncode) == ([], 0, 0)
