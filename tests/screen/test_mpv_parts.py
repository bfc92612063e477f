"""What of mpv's part needs no window: its reach, its media in memory, the card, the waits."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest

from kiosk.config import Settings
from kiosk.screen.browser import Browser
from kiosk.screen.card import draw_card
from kiosk.screen.mpv import Mpv, mpv_command
from kiosk.screen.mpv.command import FORMATS
from kiosk.screen.mpv.link import RETRY_MAX_S, RETRY_MIN_S, retry_s
from kiosk.screen.mpv.shelf import Shelf
from kiosk.screen.session import player_of
from tests.screen.sessions import until
from tests.screen.test_screen_parts import kiosk_screen


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}", server
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_the_configuration_says_who_draws(tmp_path):
    for backend, kind in (("chromium", Browser), ("mpv", Mpv)):
        settings = Settings.model_validate({"player": {"backend": backend}})
        assert isinstance(player_of(settings, tmp_path, {}), kind)
    assert Settings().player.backend == "chromium"


def test_no_format_of_those_allowed_names_further_files():
    assert not set(FORMATS) & {"hls", "dash", "concat", "sdp", "lavfi", "tee", "rtsp", "applehttp"}
    words = mpv_command("/run/socket")
    for needed in ("--no-config", "--ytdl=no", "--load-scripts=no", "--access-references=no"):
        assert needed in words


@pytest.mark.skipif(shutil.which("sway") is None, reason="sway is not installed: `make setup`")
def test_without_mpv_one_sentence_says_so(tmp_path):
    for name in ("sway", "setpriv", "unshare"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = kiosk_screen("--set", "player.backend=mpv", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "mpv: there is no such program" in done.stderr
    assert "Traceback" not in done.stderr


def test_media_are_kept_in_memory_and_found_there_while_nobody_serves_them(served, tmp_path):
    folder, origin, server = served
    (folder / "a.png").write_bytes(b"a" * 100)
    shelf = Shelf(origin, tmp_path / "shelf")
    assert shelf.where("/a.png?v=1") == f"{origin}/a.png?v=1"
    shelf.keep(["/a.png?v=1", "/gone.png"])
    until(lambda: not shelf.where("/a.png?v=1").startswith("http"), "it is kept")
    server.shutdown()
    kept = shelf.where("/a.png?v=1")
    assert "." not in Path(kept).name, "FFmpeg would go by the end of a name"
    assert Path(kept).read_bytes() == b"a" * 100
    assert shelf.where("/gone.png") == f"{origin}/gone.png"


def test_a_drawing_is_kept_at_once_with_what_ffmpeg_knows_it_by(served, tmp_path):
    folder, origin, _ = served
    (folder / "a.svg").write_bytes(b"<svg/>")
    (folder / "b.svg").write_bytes(b"<?xml version='1.0'?><svg/>")
    shelf = Shelf(origin, tmp_path / "shelf")
    assert Path(shelf.where("/a.svg?v=1")).read_bytes() == b'<?xml version="1.0"?>\n<svg/>'
    assert Path(shelf.where("/b.svg")).read_bytes() == b"<?xml version='1.0'?><svg/>"
    assert shelf.where("/c.svg") == f"{origin}/c.svg"


def test_what_is_kept_is_bounded_and_what_is_not_wanted_goes(served, tmp_path):
    folder, origin, _ = served
    for name, size in (("a", 60), ("b", 60), ("c", 30)):
        (folder / name).write_bytes(b"x" * size)
    shelf = Shelf(origin, tmp_path / "shelf", most_bytes=100)
    shelf.keep(["/a", "/b", "/c"])
    until(lambda: not shelf.where("/c").startswith("http"), "what fits is kept")
    assert shelf.where("/b").startswith("http")
    shelf.keep(["/b"])
    until(lambda: not shelf.where("/b").startswith("http"), "the other one")
    until(lambda: len(list((tmp_path / "shelf").iterdir())) == 1, "the rest is gone")


def test_a_shelf_begins_empty(tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf/old").write_bytes(b"old")
    Shelf("http://127.0.0.1:9", tmp_path / "shelf")
    assert list((tmp_path / "shelf").iterdir()) == []


def test_the_card_is_a_picture_that_is_never_black(tmp_path):
    draw_card(tmp_path / "card.png")
    picture = cv2.imread(str(tmp_path / "card.png"))
    assert picture is not None
    assert picture.max(axis=2).min() > 50
    assert tuple(picture[0, 0][::-1]) == (0x0D, 0x1B, 0x3D)


def test_the_director_is_tried_again_soon_and_then_more_slowly():
    waits = [(retry_s(n, lambda: 0.0), retry_s(n, lambda: 1.0)) for n in range(30)]
    assert {low for low, _ in waits} == {RETRY_MIN_S}
    assert [high for _, high in waits][:4] == [1, 2, 4, RETRY_MAX_S]
    assert max(high for _, high in waits) == RETRY_MAX_S
