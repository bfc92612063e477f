"""The director as a process of its own, stopped in good order and killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from kiosk.clock import SystemClock
from kiosk.config import write_settings
from kiosk.state import PlayBook, open_store
from tests.director.shop import look, outbox, settings_for, write_campaign
from tests.fakes import record, viewer
from tests.mosquitto import free_port, wait_for

ROOT = Path(__file__).parents[2]


class Director:
    def __init__(self, folder: Path, **changes) -> None:
        campaign = write_campaign(folder)
        campaign.write_text(campaign.read_text().replace("duration_s: 2", "duration_s: 0.6"))
        self.folder = folder
        self.port = free_port()
        settings = settings_for(folder, player={"port": self.port, "lead_s": 0.3}, **changes)
        write_settings(settings, folder / "config.yaml")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kiosk", "director", "--config", str(folder / "config.yaml")],
            cwd=ROOT,
            stderr=(folder / "log").open("ab"),
        )

    def plays(self) -> int:
        if not (self.folder / "state.db").exists():
            return 0
        store = open_store(self.folder / "state.db", SystemClock())
        try:
            return sum(PlayBook(store).by_reason("").values())
        finally:
            store.close()

    def see(self, name: str, first_s: float) -> socket.socket:
        vision = socket.socket(socket.AF_UNIX)

        def connected() -> bool:
            try:
                vision.connect(str(self.folder / "audience.sock"))
            except OSError:
                return False
            return True

        wait_for(connected, "vision is connected")
        now_s = time.monotonic()
        vision.sendall(record(now_s, viewer(name, first_s, now_s)).encode())
        return vision

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


def test_sigterm_ends_the_play_and_leaves_everything_to_be_sent(tmp_path):
    director = Director(tmp_path)
    wait_for(lambda: director.plays() >= 2, "two plays")
    assert director.end(signal.SIGTERM) == 0
    assert look(tmp_path, "SELECT count(*) FROM plays WHERE duration_s IS NULL") == [(0,)]
    assert look(tmp_path, "SELECT count(*) FROM plays WHERE seq IS NULL") == [(0,)]
    sent = [play for batch in outbox(tmp_path, "plays") for play in batch["plays"]]
    assert len(sent) == len({play["play_id"] for play in sent}) >= 2
    assert not (tmp_path / "audience.sock").exists()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_power_cuts_lose_and_double_no_play_and_nobody_in_view(tmp_path):
    first_s = time.monotonic() - 5
    for life in range(3):
        director = Director(tmp_path)
        vision = director.see("w", first_s)
        before = director.plays()
        wait_for(lambda d=director, b=before: d.plays() >= b + 2, "two more plays")
        assert director.end(signal.SIGKILL if life < 2 else signal.SIGTERM) is not None
        vision.close()
    sent = [play for batch in outbox(tmp_path, "plays") for play in batch["plays"]]
    [(begun,)] = look(tmp_path, "SELECT count(*) FROM plays")
    assert len(sent) == len({play["play_id"] for play in sent}) == begun
    counted = look(tmp_path, "SELECT sum(count) FROM open_hours WHERE cell = 'ots'")
    assert counted == [(1,)] or outbox(tmp_path, "hours")


def test_a_port_in_use_is_one_sentence_and_a_hint(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        write_campaign(tmp_path)
        write_settings(
            settings_for(tmp_path, player={"port": other.getsockname()[1]}), tmp_path / "c.yaml"
        )
        done = subprocess.run(
            [sys.executable, "-m", "kiosk", "director", "--config", str(tmp_path / "c.yaml")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 2
    assert "the screen's page cannot be served there" in done.stderr
    assert "hint: stop the other program" in done.stderr
    assert "Traceback" not in done.stderr
