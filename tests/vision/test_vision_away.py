"""A camera that is not there when the process starts, or goes for long: it is waited for."""

from __future__ import annotations

import gc
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.config import CameraSettings, VisionSettings
from kiosk.errors import KioskError, ModelError, SourceError
from kiosk.service import Heartbeat
from kiosk.vision import VisionRecord, decode_record, run
from kiosk.vision.faces import Image
from kiosk.vision.sources import Frame

MISSING = "/dev/video97"
QUICK = CameraSettings(no_frame_s=1, reopen_attempts=1)
"""One reopening of a camera that is there: a process that counts vain tries soon ends."""

EMPTY_VIEW = np.full((120, 160, 3), 90, np.uint8)

GIVEN_UP_BY_THEN_S = 5.0
"""Time for far more tries than are allowed of a camera that is there."""


class Socket:
    """A camera's place on the network, into which one is plugged and pulled out of again."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/video"
        self._server: socketserver.ThreadingTCPServer | None = None
        self._gone = threading.Event()

    def plug(self, view: Image = EMPTY_VIEW) -> None:
        picture = cv2.imencode(".jpg", view)[1].tobytes()
        part = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
        self._gone = gone = threading.Event()

        class Caller(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(4096)
                head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x"
                try:
                    self.request.sendall(head + b"\r\n\r\n")
                    while not gone.wait(0.03):
                        self.request.sendall(part + picture + b"\r\n")
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True
            block_on_close = False

        self._server = Server(("127.0.0.1", self._port), Caller)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def pull(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        # Whoever looks on until now finds nobody to call again.
        self._gone.set()


class Process:
    """A vision process under a service manager, and what it says."""

    def __init__(self, settings: VisionSettings) -> None:
        self.records: list[VisionRecord] = []
        self.words: list[str] = []
        self.signs = 0
        self.off = False
        self.failed: KioskError | None = None
        self._stop = threading.Event()
        process = self

        class Beats(Heartbeat):
            def progress(self, status: str = "") -> None:
                process.words.append(status)

        def work() -> None:
            try:
                run(
                    *(settings, self._hear, self._stop, Beats(), lambda: self.off),
                    awaiting=self._sign,
                )
            except KioskError as bad:
                self.failed = bad

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def _hear(self, line: bytes) -> None:
        self.records.append(decode_record(line))

    def _sign(self) -> None:
        self.signs += 1

    def wait_for(self, condition: Callable[[], bool], what: str, patience_s: float = 60) -> float:
        begun = time.monotonic()
        while not condition():
            assert self._thread.is_alive(), f"it ended before {what}: {self.failed}"
            assert time.monotonic() < begun + patience_s, f"not in time: {what}"
            time.sleep(0.01)
        return time.monotonic() - begun

    def end(self) -> KioskError | None:
        """Stop it; what it failed with."""
        self._stop.set()
        return self.ended()

    def ended(self) -> KioskError | None:
        """Wait for its end; what it failed with."""
        self._thread.join(15)
        assert not self._thread.is_alive()
        return self.failed


@pytest.fixture
def place() -> Iterator[Socket]:
    made = Socket()
    yield made
    made.pull()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Names of what was said, one after the other."""
    names = [message.split()[0].removeprefix("event=") for message in caplog.messages]
    return [name for name in names if name.startswith(("camera", "vision", "first"))]


def test_a_missing_camera_is_told_once_and_waited_for_without_a_word_on_the_audience(
    bare_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    process = Process(VisionSettings(source=MISSING, models_dir=bare_dir, camera=QUICK))
    process.wait_for(lambda: process.signs > 0, "a sign of life")
    time.sleep(GIVEN_UP_BY_THEN_S)
    assert process.end() is None
    assert process.signs >= GIVEN_UP_BY_THEN_S
    assert set(process.words) == {"waiting for video97: there is no camera"}
    assert process.records == [], "nobody knows whether somebody is there"
    assert told(caplog) == ["camera_silent", "vision_started"]
    [sentence] = [message for message in caplog.messages if "camera_silent" in message]
    assert 'source=video97 why="there is no camera": it is waited for; cameras here: ' in sentence
    assert not [one for one in threading.enumerate() if one.name == "capture"], "nothing is left"


def test_a_camera_that_comes_later_is_taken_as_soon_as_one_that_comes_back(
    place: Socket, bare_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    process = Process(VisionSettings(source=place.url, models_dir=bare_dir, camera=QUICK))
    process.wait_for(lambda: process.signs > 0, "a sign of life")
    time.sleep(GIVEN_UP_BY_THEN_S)
    place.plug()
    came_s = process.wait_for(lambda: bool(process.records), "a frame")
    place.pull()
    before = process.signs
    process.wait_for(lambda: process.signs > before, "it is missed")
    time.sleep(GIVEN_UP_BY_THEN_S)
    frames = len(process.records)
    place.plug()
    back_s = process.wait_for(lambda: len(process.records) > frames, "a frame again")
    assert process.end() is None
    assert max(came_s, back_s) < 5
    assert process.records[-1].frames == len(process.records)
    assert told(caplog) == [
        *("camera_silent", "vision_started", "camera_back", "first_frame"),
        # It stops, and then it is not there.
        *("camera_silent", "camera_silent", "camera_back"),
    ]


def test_who_is_in_view_when_the_camera_goes_has_passed_and_no_picture_outlives_it(
    place: Socket, bare_dir: Path, portrait: Image
) -> None:
    settings = VisionSettings(source=place.url, models_dir=bare_dir, camera=QUICK)
    place.plug(portrait)
    process = Process(settings)
    process.wait_for(lambda: any(one.viewers for one in process.records), "somebody")
    place.pull()
    process.wait_for(lambda: not process.records[-1].viewers, "somebody has passed")
    said = len(process.records)
    before = process.records[-2]
    assert before.viewers
    assert process.records[-1].t_s - before.viewers[0].last_s >= settings.tracking.gap_s
    assert process.records[-1].frames == before.frames
    signs = process.signs
    process.wait_for(lambda: process.signs >= signs + 3, "it is waited for")
    held = [one for one in gc.get_objects() if type(one) is Frame]
    assert len(process.records) == said, "of the time after, nobody knows"
    assert process.end() is None
    assert held == []


def test_off_hours_begin_while_a_camera_is_waited_for(bare_dir: Path) -> None:
    process = Process(VisionSettings(source=MISSING, models_dir=bare_dir, camera=QUICK))
    process.wait_for(lambda: process.signs > 0, "a sign of life")
    process.off = True
    process.wait_for(lambda: bool(process.records), "the word of a closed camera")
    signs = process.signs
    process.off = False
    process.wait_for(lambda: process.signs > signs, "it is waited for again")
    assert process.end() is None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("/dev/zero", "it is no camera"),
        ("/nowhere/film.mp4", "there is no such video file"),
    ],
)
def test_what_no_wait_can_heal_ends_the_process_at_once(
    bare_dir: Path, source: str, sentence: str
) -> None:
    process = Process(VisionSettings(source=source, models_dir=bare_dir, camera=QUICK))
    failed = process.ended()
    assert isinstance(failed, SourceError)
    assert sentence in str(failed)
    assert process.signs == 0


def test_models_that_are_missing_end_the_process_though_its_camera_is_too(tmp_path: Path) -> None:
    process = Process(VisionSettings(source=MISSING, models_dir=tmp_path, camera=QUICK))
    assert isinstance(process.ended(), ModelError)
    assert process.signs == 0


def supervised(tmp_path: Path, models_dir: Path, source: str) -> tuple[list[str], dict[str, str]]:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"vision: {{source: {source}, models_dir: {models_dir}}}\n"
        f"audience: {{socket: {tmp_path}/audience.sock}}\n"
    )
    command = [sys.executable, "-m", "kiosk", "vision", "--config", str(config)]
    return command, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"}


def test_the_service_is_ready_and_alive_and_the_director_hears_from_it_without_a_camera(
    bare_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip("systemd.daemon")
    command, manager = supervised(tmp_path, bare_dir, MISSING)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as director,
    ):
        notify.bind(manager["NOTIFY_SOCKET"])
        director.bind(str(tmp_path / "audience.sock"))
        director.listen()
        for listener in (notify, director):
            listener.settimeout(20)
        with subprocess.Popen(command, env={**os.environ, **manager}) as process:
            try:
                said = [notify.recv(4096).decode() for _ in range(4)]
                link, _ = director.accept()
                link.setblocking(False)
                with link, pytest.raises(BlockingIOError):
                    link.recv(1)
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert said[:2] == ["READY=1", "STATUS=waiting for video97: there is no camera"]
    assert said[2:] == ["WATCHDOG=1"] * 2


def test_at_a_terminal_a_missing_camera_ends_the_command_at_once(
    bare_dir: Path, tmp_path: Path
) -> None:
    command, _ = supervised(tmp_path, bare_dir, MISSING)
    bare = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
    done = subprocess.run(
        command, env=bare, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert f"{MISSING}: there is no camera" in done.stderr
    assert "event=" not in done.stderr
