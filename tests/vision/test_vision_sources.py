"""Files at their pace and without one, cameras that are not there, drivers that hang."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.config import VisionSettings
from kiosk.errors import SourceError
from kiosk.vision.inspect import look_once
from kiosk.vision.sources import (
    EndOfSourceError,
    Frame,
    Latest,
    as_bgr,
    is_live,
    open_source,
    source_name,
)
from kiosk.vision.v4l2 import check_camera, is_held_here, who_holds

FPS = 20
COUNT = 10


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ten frames, half a second; each one is brighter than the one before."""
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (64, 48))
    for number in range(COUNT):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    return path


def settings(source: Path | str, *, fast: bool = True, loop: bool = False) -> VisionSettings:
    return VisionSettings(source=str(source), as_fast_as_possible=fast, loop=loop)


def read_all(source, at_most: int = 1000) -> list[Frame]:
    frames: list[Frame] = []
    try:
        while len(frames) < at_most:
            frame = source.read(5.0)
            assert frame is not None, "a frame within the deadline"
            frames.append(frame)
    except EndOfSourceError:
        pass
    finally:
        source.close()
    return frames


def test_every_frame_of_a_file_is_read_as_fast_as_possible_in_its_own_time(film: Path) -> None:
    begun = time.monotonic()
    frames = read_all(open_source(settings(film)))
    assert time.monotonic() - begun < 0.4
    assert len(frames) == COUNT
    np.testing.assert_allclose([f.t_s for f in frames], np.arange(COUNT) / FPS, atol=0.002)
    brightness = [float(f.image.mean()) for f in frames]
    assert brightness == sorted(brightness)


def test_a_file_at_its_own_pace_lasts_as_long_as_it_says(film: Path) -> None:
    begun = time.monotonic()
    frames = read_all(open_source(settings(film, fast=False)))
    assert time.monotonic() - begun == pytest.approx((COUNT - 1) / FPS, abs=0.3)
    assert len(frames) >= COUNT / 2, "a reader that keeps up sees most frames"
    assert all(f.t_s <= time.monotonic() for f in frames), "stamped with the monotonic clock"
    assert frames[-1].t_s >= begun + (COUNT - 1) / FPS - 0.01


@pytest.mark.parametrize("fast", [True, False])
def test_time_goes_on_when_a_file_is_looped(film: Path, fast: bool) -> None:
    frames = read_all(open_source(settings(film, fast=fast, loop=True)), at_most=2 * COUNT + 3)
    steps = np.diff([f.t_s for f in frames])
    assert (steps > 0).all()
    if fast:
        np.testing.assert_allclose(steps, 1 / FPS, atol=0.002)


def test_a_file_with_a_broken_end_is_looped_too(film: Path) -> None:
    data = film.read_bytes()
    at = data.index(b"mdat")
    size = struct.unpack(">I", data[at - 4 : at])[0]
    cut = at - 4 + size * 2 // 3
    film.write_bytes(data[:cut] + b"\0" * (at - 4 + size - cut) + data[at - 4 + size :])
    frames = read_all(open_source(settings(film, loop=True)), at_most=50)
    assert len(frames) == 50
    assert (np.diff([f.t_s for f in frames]) > 0).all()


def test_a_gif_is_a_film(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    path = tmp_path / "film.gif"
    stills = [pillow.new("RGB", (40, 30), (40 * n, 0, 255 - 40 * n)) for n in range(5)]
    stills[0].save(path, save_all=True, append_images=stills[1:], duration=80, loop=0)
    frames = read_all(open_source(settings(path)))
    assert len(frames) == 5
    np.testing.assert_allclose(np.diff([f.t_s for f in frames]), 0.08, atol=0.002)
    assert frames[0].image[0, 0].tolist() == pytest.approx([255, 0, 0], abs=12)


def test_a_film_of_a_phone_held_upright_is_turned(film: Path) -> None:
    data = bytearray(film.read_bytes())
    matrix = data.index(b"tkhd") + 44
    turn = (0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    data[matrix : matrix + 36] = struct.pack(">9i", *turn)
    film.write_bytes(data)
    frame = open_source(settings(film)).read(1)
    assert frame.image.shape == (64, 48, 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(None, "there is no such video file", id="missing"),
        pytest.param(b"", "cannot be decoded as a video", id="empty"),
        pytest.param(b"not a video " * 99, "cannot be decoded as a video", id="a text"),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_what_is_not_a_video_is_one_sentence(
    tmp_path: Path, content: bytes | None, sentence: str, fast: bool
) -> None:
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence) as caught:
        read_all(open_source(settings(path, fast=fast)))
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_a_missing_camera_lists_those_that_are_there() -> None:
    with pytest.raises(SourceError, match="/dev/video97: there is no camera") as caught:
        open_source(settings("/dev/video97"))
    assert "cameras here: " in str(caught.value.hint)


def test_a_device_that_is_no_camera_is_one_sentence() -> None:
    with pytest.raises(SourceError, match="zero: it is no camera"):
        open_source(settings("/dev/zero"))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/dev/video0", "video0"),
        ("/home/shop/films/today.mp4", "today.mp4"),
        ("rtsp://cam.shop/stream1", "rtsp://cam.shop/stream1"),
        ("rtsp://admin:secret@10.0.0.9:554/Channels/101?token=x", "rtsp://10.0.0.9:554/Channels/101"),
        ("RTSP://admin:s/e@c?ret@cam/live", "rtsp://cam/live"),
        ("rtsp://cam:554/user=admin&password=secret&channel=1.sdp", "rtsp://cam:554/..."),
        ("http://[bad/secret=1", "http://[bad/..."),
    ],
)  # fmt: skip
def test_the_name_of_a_source_says_no_secrets(source: str, name: str) -> None:
    assert source_name(source) == name
    assert is_live(source) == (not source.endswith(".mp4"))


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.full((4, 6), 200, np.uint8), id="grey"),
        pytest.param(np.full((4, 6, 1), 200, np.uint8), id="grey with an axis"),
        pytest.param(np.full((4, 6, 4), 200, np.uint8), id="alpha"),
        pytest.param(np.full((4, 6), 200 << 8, np.uint16), id="16 bit"),
        pytest.param(np.full((4, 6, 3), 200, np.uint8), id="as usual"),
    ],
)
def test_any_picture_of_a_capture_becomes_bgr(image) -> None:
    found = as_bgr(image)
    assert (found.shape, found.dtype) == ((4, 6, 3), np.uint8)
    assert (found == 200).all()


class Driver:
    """A camera's driver that gives frames, hangs or fails when a test says so."""

    def __init__(self) -> None:
        self.go, self.hang = threading.Event(), threading.Event()
        self.error: str | None = None
        self.released_by: list[str] = []
        self.count = 0
        self.periods: list[float] = []

    def next(self, period_s: float) -> Frame:
        self.periods.append(period_s)
        if self.error is not None:
            raise SourceError(self.error)
        if self.hang.is_set():
            self.go.wait(20)
        time.sleep(0.005)
        self.count += 1
        return Frame(np.zeros((2, 2, 3), np.uint8), float(self.count))

    def close(self) -> None:
        self.released_by.append(threading.current_thread().name)


def opened(open_it: Callable[[], Driver], within_s: float = 1.0) -> Latest:
    return Latest(open_it, "cam", within_s)


def test_the_newest_frame_wins() -> None:
    driver = Driver()
    source = opened(lambda: driver)
    first = source.read(1)
    time.sleep(0.2)
    second = source.read(1)
    assert first is not None
    assert second is not None
    assert second.t_s > first.t_s + 5, "those between were dropped"
    source.close()
    assert driver.released_by == ["capture"]


def test_a_driver_that_hangs_in_a_read_costs_the_deadline_and_no_more() -> None:
    driver = Driver()
    driver.hang.set()
    source = opened(lambda: driver)
    begun = time.monotonic()
    assert source.read(0.2) is None
    source.close()
    assert time.monotonic() - begun < 2
    assert driver.released_by == [], "not released under the driver's feet"
    driver.go.set()
    until = time.monotonic() + 2
    while not driver.released_by and time.monotonic() < until:
        time.sleep(0.01)
    assert driver.released_by == ["capture"], "by the thread that hung, when it is free again"


def test_a_driver_that_hangs_when_it_opens_is_given_up() -> None:
    driver, go = Driver(), threading.Event()

    def open_it() -> Driver:
        go.wait(20)
        return driver

    begun = time.monotonic()
    with pytest.raises(SourceError, match=r"cam: it does not open in 0\.2 s"):
        opened(open_it, 0.2)
    assert time.monotonic() - begun < 1
    go.set()
    until = time.monotonic() + 2
    while not driver.released_by and time.monotonic() < until:
        time.sleep(0.01)
    assert driver.released_by == ["capture"]
    assert driver.count == 0


def test_a_camera_that_stops_says_so_after_its_last_frame() -> None:
    driver = Driver()
    source = opened(lambda: driver)
    assert source.read(1) is not None
    driver.error = "unplugged"
    time.sleep(0.1)
    assert source.read(1) is not None, "one that was not handed out yet"
    with pytest.raises(SourceError, match="unplugged"):
        source.read(1)


def test_a_source_is_asked_for_fewer_pictures_while_nobody_needs_them() -> None:
    driver = Driver()
    source = opened(lambda: driver)
    source.read(1)
    for wanted, period_s in ((4.0, 0.25), (None, 0.0)):
        source.relax(wanted)
        seen = len(driver.periods)
        until = time.monotonic() + 2
        while len(driver.periods) < seen + 3 and time.monotonic() < until:
            source.read(0.1)
        assert driver.periods[-1] == period_s
    source.close()
    assert driver.periods[0] == 0, "at first, all of them"


@pytest.mark.parametrize("fast", [True, False])
def test_a_file_shows_all_of_its_pictures_however_few_are_wanted(film: Path, fast: bool) -> None:
    source = open_source(settings(film, fast=fast))
    source.relax(1)
    begun = time.monotonic()
    assert len(read_all(source)) >= COUNT / 2
    assert time.monotonic() - begun < 2


def test_the_doctor_sees_the_size_of_one_picture(film: Path) -> None:
    assert look_once(settings(film)) == "film.mp4: 64x48"


def test_a_program_that_holds_a_device_is_named(tmp_path: Path) -> None:
    process = tmp_path / "123"
    (process / "fd").mkdir(parents=True)
    (process / "fd/7").symlink_to("/dev/video3")
    (process / "comm").write_text("cheese\n")
    assert who_holds("/dev/video3", tmp_path) == "cheese (process 123)"
    assert who_holds("/dev/video4", tmp_path) == ""


def test_what_this_process_holds_itself_is_known(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to(tmp_path / "node")
    with (tmp_path / "node").open("w"):
        assert is_held_here(str(tmp_path / "by-id"))
    assert not is_held_here(str(tmp_path / "by-id"))


@pytest.mark.parametrize("node", ["/dev/null", "/etc/passwd"])
def test_what_is_no_camera_is_not_opened_as_one(node: str) -> None:
    with pytest.raises(SourceError, match=f"{node}: it is no camera") as refused:
        check_camera(node)
    assert refused.value.hint is not None
    assert refused.value.hint.startswith("cameras here: ")
