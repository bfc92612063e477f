"""`kiosk status`: how the device does now, in a second, whatever is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli import main
from kiosk.clock import SystemClock, iso
from kiosk.config import Settings
from kiosk.machine import process_start
from kiosk.state import open_store, write_health
from kiosk.state.outbox import append
from kiosk.status import look
from tests.director.shop import opened, settings_for, woman
from tests.fakes import FakeClock

NAMES = ["director", "vision", "screen", "plays", "broker", "outbox", "clock", "disk"]
LATER = datetime(2040, 1, 4, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
OFF = {"vision": {"off_hours": [{"days": ["wed"], "begin": "11:00", "end": "13:00"}]}}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def uplink_says(path: Path, clock, **changes) -> None:
    pid = os.getpid()
    word = {"connected": True, "pid": pid, "began": process_start(pid), **changes}
    store = open_store(path, clock)
    write_health(store, "uplink", word, iso(clock.utc()))
    store.close()


def by_name(findings) -> dict:
    assert [one.name for one in findings] == NAMES
    return {one.name: one for one in findings}


def states(findings) -> dict[str, str]:
    return {name: one.state for name, one in by_name(findings).items()}


async def ask(shop, **changes):
    port = shop.director._web.port
    settings = settings_for(
        shop.settings.state.path.parent, **{"player": {"port": port}, **changes}
    )
    began = time.monotonic()
    found = await asyncio.to_thread(look, settings, shop.clock)
    assert time.monotonic() - began < 2
    return found


async def prepared(page) -> str:
    while True:
        said = json.loads(await asyncio.wait_for(page.recv(), 5))
        if said["type"] == "prepare":
            return said["play_id"]


def test_a_device_that_does_well_and_what_is_said_when_one_part_fails(tmp_path):
    async def scenario():
        async with opened(tmp_path, FakeClock(wall=LATER)) as shop:
            uplink_says(shop.settings.state.path, shop.clock)
            said = by_name(await ask(shop))
            assert said["vision"].state == said["screen"].state == "fail"
            assert "no page is connected" in said["screen"].message
            assert "not connected to the director" in said["vision"].message
            assert (said["plays"].state, said["director"].state) == ("warn", "ok")
            async with shop.vision() as see, shop.screen() as page:
                await see(woman(shop))
                said = by_name(await ask(shop))
                assert said["screen"].state == "warn", "a page of before does not beat"
                await page.send(json.dumps({"type": "beat"}))
                name = await prepared(page)
                await page.send(json.dumps({"type": "started", "play_id": name}))
                await shop.until(
                    lambda: shop.director._playing.presented.count == 1, "it is on screen"
                )
                found = await ask(shop)
                assert set(states(found).values()) == {"ok"}
                assert not any("person" in one.message or one.hint for one in found)
                await shop.go(11)
                said = by_name(await ask(shop))
                assert said["screen"].state == "fail"
                assert "connected, but drew last" in said["screen"].message
                assert said["vision"].state == "fail"
                assert "has looked at no frame for 11 s" in said["vision"].message
                shop.clock.advance(120)
                said = by_name(await ask(shop))
                assert said["plays"].state == "fail"
                assert "no screen has confirmed a play for 2 min" in said["plays"].message
                assert all(one.hint for one in said.values() if one.state == "fail")

    asyncio.run(scenario())


def test_a_camera_that_rests_in_off_hours_is_well(tmp_path):
    async def scenario():
        async with opened(tmp_path, FakeClock(wall=LATER), **OFF) as shop:
            said = by_name(await ask(shop))
            assert said["vision"].state == "ok"
            assert "off hours" in said["vision"].message

    asyncio.run(scenario())


@contextmanager
def another_program(answer: bytes | None):
    """Listens; says ``answer`` to whatever is asked, or accepts and says nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer or b"")

        def log_message(self, *_args: object) -> None:
            return

    if answer is None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server.getsockname()[1]
        return
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(None, "no answer", id="it hangs"),
        pytest.param(b"HTTP/1.1 404 Not Found\r\n\r\nno", "no director of this", id="a web server"),
        pytest.param(b'HTTP/1.1 200 OK\r\n\r\n{"a":1}', "no director of this", id="other JSON"),
        pytest.param(b"SSH-2.0-x\r\n", "no director of this", id="no HTTP"),
        pytest.param(b"", "no director of this|reset", id="it hangs up"),
    ],
)
def test_whatever_listens_in_the_directors_place_is_one_sentence(tmp_path, answer, told):
    with another_program(answer) as port:
        settings = settings_for(tmp_path, player={"port": port})
        began = time.monotonic()
        said = by_name(look(settings))
        assert time.monotonic() - began < 2
    assert any(part in said["director"].message for part in told.split("|"))
    assert said["director"].hint
    for name in ("director", "vision", "screen", "plays"):
        assert said[name].state == "fail"


def damaged(path: Path) -> None:
    path.write_bytes(b"hello" * 1000)


def cut_off(path: Path) -> None:
    open_store(path, SystemClock()).close()
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda _: None, "there is no state file"),
        (damaged, "it is damaged"),
        (cut_off, "damaged"),
        (lambda path: path.mkdir(), "cannot be read"),
    ],
    ids=["missing", "no database", "cut off", "a folder"],
)
def test_a_state_file_that_tells_nothing_is_one_sentence(tmp_path, spoil, told):
    settings = settings_for(tmp_path, player={"port": free_port()})
    spoil(settings.state.path)
    said = by_name(look(settings))
    assert told in said["outbox"].message
    assert said["outbox"].hint
    assert said["broker"].state == said["outbox"].state == "fail"
    assert "Connection refused" in said["director"].message


@pytest.mark.parametrize(
    ("word", "state", "told"),
    [
        ({}, "ok", "connected to 127.0.0.1:1883"),
        ({"connected": False}, "fail", "kept and sent later"),
        ({"began": 1}, "fail", "the uplink does not run"),
        ({"pid": 2**22 + 5}, "fail", "the uplink does not run"),
        ({"pid": "x"}, "fail", "the uplink does not run"),
    ],
    ids=["connected", "not connected", "before a power cut", "it has died", "nonsense"],
)
def test_the_uplinks_word_counts_for_as_long_as_it_lives(tmp_path, word, state, told):
    settings, clock = settings_for(tmp_path, player={"port": free_port()}), SystemClock()
    uplink_says(settings.state.path, clock, **word)
    said = by_name(look(settings))["broker"]
    assert said.state == state
    assert told in said.message
    assert bool(said.hint) == (state == "fail")


def test_an_outbox_that_waits_for_long_is_a_warning_for_nothing_is_lost(tmp_path):
    settings, clock = settings_for(tmp_path, player={"port": free_port()}), SystemClock()
    store = open_store(settings.state.path, clock)
    with store.transaction() as db:
        append(db, "plays", lambda _: b"", iso(clock.utc() - timedelta(hours=9)))
    store.close()
    said = by_name(look(settings))["outbox"]
    assert said.state == "warn"
    assert said.message == "1 to be sent, 0 not acknowledged by head office; the oldest is 9 h old"
    assert "nothing is lost" in said.hint


def test_nothing_is_made_changed_or_locked(tmp_path):
    settings = settings_for(tmp_path, player={"port": free_port()})
    store = open_store(settings.state.path, SystemClock())

    def seen() -> list[tuple]:
        stats = [(one, one.stat()) for one in tmp_path.iterdir()]
        return sorted((one.name, s.st_uid, s.st_size, s.st_mtime_ns) for one, s in stats)

    with store.transaction():
        before = seen()
        look(settings)
        assert seen() == before
    store.close()
    before = seen()
    look(settings)
    assert seen() == before


def test_the_command_prints_a_line_each_or_json_and_says_by_its_code_that_something_fails(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(f"player: {{port: {free_port()}}}\nstate: {{path: state.db}}\n")
    answer = CliRunner().invoke(main, ["status", "--json", "--config", str(config)])
    assert answer.exit_code == 1
    report = json.loads(answer.output)
    assert report.keys() == {"ok", "version", "checks"}
    assert report["ok"] is False
    assert [one["name"] for one in report["checks"]] == NAMES
    assert all(one.keys() == {"name", "state", "message", "hint"} for one in report["checks"])
    lines = CliRunner().invoke(main, ["status", "--config", str(config)]).output.splitlines()
    assert lines[0].startswith("FAIL  director     http://127.0.0.1:")
    assert lines[1].strip().startswith("-> `systemctl status kiosk-director`")
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def test_a_card_that_the_kernel_made_read_only_is_named(tmp_path):
    if os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("to mount a file system takes root and unshare")
    config, disk = tmp_path / "config.yaml", tmp_path / "disk"
    disk.mkdir()
    config.write_text(f"player: {{port: {free_port()}}}\nstate: {{path: {disk}/state.db}}\n")
    make = "from pathlib import Path; from kiosk.clock import SystemClock; "
    make += (
        f"from kiosk.state import open_store; open_store(Path('{disk}/state.db'), SystemClock())"
    )
    script = (
        f'mount -t tmpfs card {disk} && {sys.executable} -c "{make}" && '
        f"mount -o remount,ro {disk} && {sys.executable} -m kiosk status --json --config {config}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "permission denied" in done.stderr.lower():
        pytest.skip("this root may not mount")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    said = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert said["disk"]["state"] == "fail"
    assert said["disk"]["message"] == f"{disk} (on card, tmpfs): its file system is read-only"
    assert "replace it" in said["disk"]["hint"]
    assert said["outbox"]["state"] == "ok", "what is there can still be read"


def test_a_port_that_nobody_can_know_is_told():
    said = look(Settings.model_validate({"player": {"port": 0}}))[0]
    assert said.state == "fail"
    assert "player.port" in said.message
