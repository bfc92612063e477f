"""`kiosk doctor`: what the machine says of its parts, read from real trees of files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.clock import SystemClock, iso
from kiosk.config import ClockSettings, Settings
from kiosk.doctor import examine
from kiosk.machine import (
    SystemFiles,
    look_at_cameras,
    look_at_clock,
    look_at_disk,
    look_at_display,
    look_at_heat,
    look_at_network,
    process_start,
)
from kiosk.state import open_store, write_health
from tests.fakes import FakeClock

ROOT = Path(__file__).parents[2]
ROUTES = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
DEFAULT_4 = "eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0\n"
LINK_4 = "eth0 0001A8C0 00000000 0001 0 0 100 00FFFFFF 0 0 0\n"
ZERO = "0" * 32
DEFAULT_6 = f"{ZERO} 00 {ZERO} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00450003 eth0\n"
NO_WAY_6 = f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200 lo\n"
PINNED = "usb-Logitech_C920_1234-video-index0"


@pytest.fixture
def files(tmp_path: Path) -> SystemFiles:
    found = SystemFiles(tmp_path / "sys", tmp_path / "proc", tmp_path / "dev")
    for folder in (found.sys, found.proc, found.dev):
        folder.mkdir()
    return found


def put(root: Path, **content: str) -> None:
    for name, text in content.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def connectors(files: SystemFiles, **status: str) -> None:
    for name, said in status.items():
        put(files.sys / "class/drm" / f"card1-{name.replace('_', '-')}", status=said + "\n")


@pytest.mark.parametrize(
    ("here", "wanted", "state", "told"),
    [
        ({}, None, "warn", "no output for a screen"),
        ({"Writeback_1": "unknown"}, None, "warn", "no output for a screen"),
        ({"HDMI_A_1": "connected", "HDMI_A_2": "disconnected"}, None, "ok", "connected: HDMI-A-1"),
        ({"HDMI_A_1": "disconnected"}, None, "fail", "no screen is connected (HDMI-A-1)"),
        ({"HDMI_A_1": "connected"}, "HDMI-A-1", "ok", "HDMI-A-1"),
        (
            {"HDMI_A_1": "connected", "HDMI_A_2": "disconnected"},
            "HDMI-A-2",
            "fail",
            "screen.output is HDMI-A-2, which is not connected; connected: HDMI-A-1",
        ),
        ({"HDMI_A_1": "connected"}, "DP-9", "fail", "not an output of this machine"),
    ],
    ids=["none", "memory only", "one of two", "unplugged", "wanted", "wrong plug", "no such plug"],
)
def test_the_display(files, here, wanted, state, told):
    connectors(files, **here)
    said = look_at_display(wanted, files)
    assert (said.name, said.state) == ("display", state)
    assert told in said.message
    assert bool(said.hint) == (state != "ok")


def camera(files: SystemFiles, number: int, name: str, pinned: str = "", index: int = 0) -> str:
    put(files.sys / f"class/video4linux/video{number}", name=f"{name}\n", index=f"{index}\n")
    node = files.dev / f"video{number}"
    node.write_text("")
    if pinned:
        (files.dev / "v4l/by-id").mkdir(parents=True, exist_ok=True)
        (files.dev / "v4l/by-id" / pinned).symlink_to(f"../../video{number}")
    return str(node)


def test_one_camera_is_named_and_its_second_node_is_no_camera(files):
    source = camera(files, 0, "HD Webcam")
    camera(files, 1, "HD Webcam", index=1)
    said = look_at_cameras(source, files)
    assert (said.state, said.message) == ("ok", f"{source} (HD Webcam)")


def test_of_two_cameras_the_one_that_is_used_is_told_and_how_to_pin_it(files):
    camera(files, 0, "HD Webcam")
    source = camera(files, 2, "C920", PINNED)
    said = look_at_cameras(source, files)
    assert said.state == "warn"
    assert "HD Webcam" in said.message
    assert f"{source} is used, and the numbers may change places" in said.message
    assert said.hint == f"set vision.source to {files.dev}/v4l/by-id/{PINNED}"
    pinned = look_at_cameras(f"{files.dev}/v4l/by-id/{PINNED}", files)
    assert pinned.state == "ok"
    assert f"{source} (C920) is used" in pinned.message


def test_a_camera_that_is_gone_while_another_is_there(files):
    camera(files, 2, "C920", PINNED)
    said = look_at_cameras(f"{files.dev}/video0", files)
    assert said.state == "fail"
    assert "video0: it is not there; here: " in said.message
    assert "video2 (C920)" in said.message
    assert PINNED in said.hint


def test_no_camera_at_all_a_stream_and_a_machine_that_names_none(files):
    said = look_at_cameras(f"{files.dev}/video0", files)
    assert (said.state, "no other camera is" in said.message) == ("fail", True)
    assert look_at_cameras("rtsp://host/stream", files).state == "ok"
    (files.dev / "video0").write_text("")
    assert look_at_cameras(f"{files.dev}/video0", files).state == "ok"


def mounts(files: SystemFiles, *lines: str) -> None:
    put(files.proc, self__mountinfo="".join(f"{line}\n" for line in lines))


def test_the_disk_that_the_folder_is_on_is_the_one_that_is_looked_at(files, tmp_path):
    folder = tmp_path / "a card"
    folder.mkdir()
    escaped = str(folder).replace(" ", "\\040")
    root = "1 0 8:1 / / ro,relatime - ext4 /dev/root ro"
    good = f"2 1 8:2 / {escaped} rw,noatime shared:1 - ext4 /dev/mmcblk0p3 rw,errors=remount-ro"
    beside = f"3 1 8:3 / {escaped}x ro - ext4 /dev/beside ro"
    mounts(files, root, good, beside)
    said = look_at_disk(folder / "not/there/yet", files)
    assert said.state in ("ok", "warn")
    assert "(on /dev/mmcblk0p3, ext4)" in said.message
    for worn in (
        good.replace("rw,errors", "ro,errors"),
        good.replace("rw,noatime", "ro,noatime"),
        f"{good},emergency_ro",
    ):
        mounts(files, root, good, beside, worn)
        said = look_at_disk(folder, files)
        assert said.state == "fail"
        assert said.message == f"{folder} (on /dev/mmcblk0p3, ext4): its file system is read-only"
        assert "replace it" in said.hint
    mounts(files, f"2 1 0:9 / {escaped} rw - tmpfs tmpfs rw")
    assert "in memory" in look_at_disk(folder, files).message


def test_a_disk_without_mountinfo_is_measured_all_the_same(files, tmp_path):
    assert " MB are free" in look_at_disk(tmp_path, files).message


def test_a_disk_that_is_full_is_told(files, tmp_path):
    if os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("to mount a file system takes root and unshare")
    code = (
        "from pathlib import Path; from kiosk.machine import *; import sys;"
        "print(*vars(look_at_disk(Path(sys.argv[1]), SystemFiles())).values(), sep='|')"
    )
    for mount, told in (
        ("size=4m", "disk|fail|"),
        ("size=100m", "disk|warn|"),
        ("size=900m", "it is in memory|"),
        ("size=900m,nr_inodes=1", "it takes no more files|"),
    ):
        script = f'mount -t tmpfs -o {mount} card {tmp_path} && exec "$@"'
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", code, tmp_path],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if "permission denied" in done.stderr.lower():
            pytest.skip("this root may not mount")
        assert told in done.stdout, (mount, done)


def test_without_a_default_route_nothing_is_lost(files):
    put(files.proc, net__route=ROUTES + LINK_4, net__ipv6_route=NO_WAY_6)
    said = look_at_network("192.0.2.1", files)
    assert said.state == "warn"
    assert "no default route" in said.message
    assert "nothing is lost" in said.hint
    for way in ({"net__route": ROUTES + LINK_4 + DEFAULT_4}, {"net__ipv6_route": DEFAULT_6}):
        put(files.proc, net__route=ROUTES, net__ipv6_route=NO_WAY_6)
        put(files.proc, **way)
        assert look_at_network("192.0.2.1", files).state == "ok"
    assert look_at_network("localhost", SystemFiles(proc=Path("/nowhere"))).state == "ok"
    assert look_at_network("192.0.2.1", SystemFiles(proc=Path("/nowhere"))).state == "warn"


def test_a_name_that_nobody_knows_is_told(files):
    put(files.proc, net__route=ROUTES + DEFAULT_4)
    said = look_at_network("broker.invalid", files)
    assert said.state == "warn"
    assert "broker.invalid: no address was found" in said.message


@pytest.mark.parametrize(
    ("trust", "synchronised", "state"),
    [("always", False, "ok"), ("synchronised", True, "ok"), ("synchronised", False, "warn")],
)
def test_a_clock_that_can_be_right(trust, synchronised, state):
    clock = FakeClock(wall=datetime.now(UTC), synchronised=synchronised)
    assert look_at_clock(ClockSettings(trust=trust), clock).state == state


def test_a_clock_that_is_earlier_than_this_program_is_wrong_whoever_set_it():
    said = look_at_clock(
        ClockSettings(trust="always"), FakeClock(wall=datetime(1970, 1, 2, tzinfo=UTC))
    )
    assert said.state == "fail"
    assert "it says 1970-01-02T00:00:00Z, and this program is of 20" in said.message
    assert "timedatectl" in said.hint


@pytest.mark.parametrize(
    ("tree", "state", "told"),
    [
        ({}, "ok", "no sensor"),
        ({"class__thermal__thermal_zone0__temp": "51600"}, "ok", "52 °C"),
        ({"class__hwmon__hwmon0__temp1_input": "88000"}, "warn", "fewer frames"),
        ({"class__thermal__thermal_zone0__temp": "-273000"}, "ok", "no sensor"),
        ({"devices__platform__soc__soc:firmware__get_throttled": "50005"}, "warn", "too low now"),
        (
            {"devices__platform__soc__soc:firmware__get_throttled": "50000"},
            "warn",
            "since the start",
        ),
        ({"devices__platform__soc__soc:firmware__get_throttled": "4"}, "warn", "slowed down"),
        ({"devices__platform__soc__soc:firmware__get_throttled": "0"}, "ok", "no sensor"),
        (
            {
                "class__hwmon__hwmon1__name": "rpi_volt",
                "class__hwmon__hwmon1__in0_lcrit_alarm": "1",
            },
            "warn",
            "too low now",
        ),
    ],
)
def test_heat_and_a_weak_supply(files, tree, state, told):
    put(files.sys, **tree)
    said = look_at_heat(84, files)
    assert (said.name, said.state) == ("temperature", state)
    assert told in said.message


def certificate(path: Path, begins: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "demo/shop/kiosk")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=900))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))


@pytest.mark.parametrize(
    ("backend", "there", "state", "told"),
    [
        (
            "chromium",
            ("sway", "chromium"),
            "ok",
            "chromium draws the screen: images, video and HTML",
        ),
        ("mpv", ("sway", "mpv"), "ok", "mpv draws the screen: images and video; HTML"),
        ("mpv", ("sway", "chromium"), "fail", "there is no mpv, which the screen needs"),
        ("chromium", ("chromium",), "warn", "there is no sway"),
    ],
)
def test_who_draws_the_screen_is_named(
    files, tmp_path, monkeypatch, *, backend, there, state, told
):
    for name in there:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings.model_validate(
        {
            "broker": {"host": "broker.invalid"},
            "player": {"backend": backend},
            "state": {"path": tmp_path / "state.db"},
            "vision": {"source": f"{files.dev}/video0", "models_dir": ROOT / "models_ir"},
        }
    )
    found = {one.name: one for one in examine(settings, files)}["player"]
    assert (found.state, found.message.startswith(told)) == (state, True), found


def test_the_doctor_looks_at_all_of_it_and_at_the_certificates_beginning(files, tmp_path):
    certificate(tmp_path / "device.crt", datetime.now(UTC) + timedelta(days=400))
    tls = {"cert_file": tmp_path / "device.crt", "key_file": tmp_path / "device.key"}
    settings = Settings.model_validate(
        {
            "broker": {"tls": tls, "host": "broker.invalid"},
            "state": {"path": tmp_path / "state.db"},
            "vision": {"source": f"{files.dev}/video0", "models_dir": ROOT / "models_ir"},
        }
    )
    connectors(files, HDMI_A_1="disconnected")
    found = {one.name: one for one in examine(settings, files)}
    assert {"cameras", "camera", "disk", "clock", "display", "temperature", "network"} <= set(found)
    assert "the device's certificate is of" in found["clock"].message
    assert "no default route" in found["network"].message
    assert "no screen is connected" in found["display"].message


def test_the_command_keeps_its_form(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(f"vision: {{models_dir: {ROOT}/models_ir}}\nstate: {{path: state.db}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "doctor", "--json", "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1)
    assert report.keys() == {"ok", "checks"}
    assert all(one.keys() == {"name", "state", "message", "hint"} for one in report["checks"])


@pytest.mark.parametrize(
    ("connected", "broker", "state"),
    [
        (True, "broker.invalid:1883", "ok"),
        (False, "broker.invalid:1883", "warn"),
        (True, "former.invalid:1883", "warn"),
    ],
    ids=["connected", "not connected", "to the broker of before"],
)
def test_a_log_in_is_tried_unless_the_uplink_is_connected_to_that_broker(
    files, tmp_path, *, connected, broker, state
):
    clock, pid = SystemClock(), os.getpid()
    store = open_store(tmp_path / "state.db", clock)
    word = {
        "connected": connected,
        "broker": broker,
        "pid": pid,
        "began": process_start(pid),
    }
    write_health(store, "uplink", word, iso(clock.utc()))
    store.close()
    settings = Settings.model_validate(
        {"broker": {"host": "broker.invalid"}, "state": {"path": tmp_path / "state.db"}}
    )
    found = {one.name: one for one in examine(settings, files)}["broker"]
    assert (found.state, "is connected" in found.message) == (state, state == "ok"), found
