"""A camera of the kernel's own (vivid) drives the real vision unit; it is unplugged; there are two.

It shows no faces: what is proved is the way of the pictures, not what is seen in them. The unit is
the shipped one, its sandbox and watchdog included; only its start is given more time, because an
emulated processor takes minutes to prepare the models.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.machine.emulated import Emulated
from tests.machine.shop_machine import RELEASE, set_up, settings
from tests.proofs import Claim

pytestmark = [pytest.mark.long, pytest.mark.timeout(5400)]

START_S = 900.0
FRAMES, FRAMES_S = 4, 300.0
"""Enough to see that they go on; one takes an emulated processor among other work ten seconds."""

PLUG = "/sys/bus/platform/drivers/vivid"
UNIT = "kiosk-vision.service"
FIRST_FRAME = "event=first_frame source=video0 size=320x180"
WAITED_FOR = 'source=video0 why="there is no camera": it is waited for'
OPERATOR = """
import json
from websockets.sync.client import connect
with connect("ws://127.0.0.1:8765/operator/ws", open_timeout=20) as page:
    print(page.recv(timeout=20))
"""


def camera(node: str) -> dict[str, Any]:
    """A configuration with this camera; without attributes, since no face is there."""
    return settings(
        9,
        vision={
            "source": node,
            "camera": {"width_px": 320, "height_px": 180, "fps": 15},
            "pace": {"full_fps": 2, "idle_fps": 1, "motion_fps": 2},
        },
        privacy={"policy": "count-only"},
    )


def test_a_v4l2_camera_drives_vision_and_may_be_unplugged(machine: Emulated, claim: Claim) -> None:
    """A V4L2 camera drives the vision unit, is unplugged and comes back, and so does a second."""
    machine.switch_on()
    machine.wait_until_up()
    # Two cameras, each of them one node that gives pictures and nothing else.
    machine.sh("modprobe vivid n_devs=2 node_types=0x1,0x1 no_error_inj=1; udevadm settle")
    set_up(machine, camera("/dev/video0"), ("kiosk-vision",))
    begun_s = time.monotonic()
    machine.sh("systemctl start --no-block kiosk-director kiosk-vision")
    machine.wait_for_word(UNIT, FIRST_FRAME, START_S)
    _wait_until_ready(machine)
    claim.figure(f"first frame after {time.monotonic() - begun_s:.0f} s")
    _check_sandbox(machine, "/dev/video0")
    fps = _frames_arrive(machine, "video0")
    claim.figure(f"{fps:.2f} frames a second at the director")
    _unplug_for_a_moment(machine, claim)
    _unplug_for_long(machine)
    claim.figure("unplugged for long: said so once, and waited")
    _start_without(machine)
    claim.figure("started without its camera: said so, waited, and took it when it came")
    # The second camera, by its name, while the first is there too.
    machine.configure(camera("/dev/video1"))
    machine.sh(f"systemctl restart --no-block {UNIT}")
    machine.wait_for_word(UNIT, "event=first_frame source=video1 size=320x180", START_S)
    _wait_until_ready(machine)
    _check_sandbox(machine, "/dev/video1")
    _frames_arrive(machine, "video1")
    claim.figure("back on the second of two cameras")


def _wait_until_ready(machine: Emulated) -> None:
    """READY was said, and systemd has heard it."""
    machine.patiently(
        lambda: machine.show(UNIT, "ActiveState") == "active", "vision is ready", 60, every_s=1
    )


def _check_sandbox(machine: Emulated, node: str) -> None:
    """The process that reads the camera is behind the unit's walls."""
    pid = machine.show(UNIT, "MainPID")
    status = machine.run("cat", f"/proc/{pid}/status")
    assert "CapBnd:\t0000000000000000" in status
    assert "Seccomp:\t2" in status
    assert machine.show(UNIT, "DevicePolicy") == "closed"
    held = machine.run("sh", "-c", f"readlink /proc/{pid}/fd/*").split()
    assert [name for name in held if name.startswith("/dev/video")] == [node]
    interfaces = machine.run("nsenter", "-t", pid, "-n", "ip", "-o", "link")
    assert [line.split()[1] for line in interfaces.splitlines()] == ["lo:"]


def _frames(machine: Emulated, source: str) -> tuple[float, int]:
    """How many frames the director has been told of, once it hears from this camera at all."""
    vision: dict[str, Any] = {}

    def is_heard() -> bool:
        told = machine.run(f"{RELEASE}/.venv/bin/python", "-c", OPERATOR)
        vision.update(json.loads(told)["vision"])
        return bool(vision["source"] == source)

    machine.patiently(is_heard, f"the director hears from {source}", FRAMES_S, every_s=1)
    return time.monotonic(), int(vision["frames"])


def _frames_arrive(machine: Emulated, source: str) -> float:
    """The director hears of more and more frames; returns how many a second."""
    began_s, first = _frames(machine, source)
    now_s, last = began_s, first
    while last < first + FRAMES:
        assert now_s < began_s + FRAMES_S, f"{last - first} frames in {FRAMES_S:g} s"
        time.sleep(1)
        now_s, last = _frames(machine, source)
    return (last - first) / (now_s - began_s)


def _unplug_for_a_moment(machine: Emulated, claim: Claim) -> None:
    """The process says so, reopens the camera, and goes on: it is the same process."""
    pid = machine.show(UNIT, "MainPID")
    machine.sh(f"echo vivid.0 >{PLUG}/unbind")
    begun_s = time.monotonic()
    machine.wait_for_word(UNIT, "event=camera_silent source=video0", 60)
    machine.sh(f"echo vivid.0 >{PLUG}/bind")
    _frames_arrive(machine, "video0")
    assert machine.show(UNIT, "MainPID") == pid
    claim.figure(f"unplugged for a moment: frames again after {time.monotonic() - begun_s:.0f} s")


def _unplug_for_long(machine: Emulated) -> None:
    """The process says once that it waits, and lives on."""
    before = machine.journal(UNIT).count(WAITED_FOR)
    machine.sh(f"echo vivid.0 >{PLUG}/unbind")
    machine.wait_for_word(UNIT, WAITED_FOR, 240, before + 1)
    pid = machine.show(UNIT, "MainPID")
    # Longer than its watchdog, and than any number of tries that is counted.
    time.sleep(90)
    assert machine.show(UNIT, "MainPID") == pid
    assert machine.journal(UNIT).count(WAITED_FOR) == before + 1


def _start_without(machine: Emulated) -> None:
    """A process that finds no camera is ready and waits; the camera is plugged in, and is taken."""
    frames = machine.journal(UNIT).count(FIRST_FRAME)
    before = machine.show(UNIT, "MainPID")
    machine.sh(f"systemctl restart --no-block {UNIT}")
    machine.patiently(
        lambda: (
            machine.show(UNIT, "MainPID") not in ("0", before)
            and machine.show(UNIT, "ActiveState") == "active"
        ),
        "it is ready without its camera",
        START_S,
        every_s=1,
    )
    assert machine.show(UNIT, "StatusText") == "waiting for video0: there is no camera"
    pid = machine.show(UNIT, "MainPID")
    machine.sh(f"echo vivid.0 >{PLUG}/bind; udevadm settle")
    machine.wait_for_word(UNIT, FIRST_FRAME, START_S, frames + 1)
    assert machine.show(UNIT, "MainPID") == pid
