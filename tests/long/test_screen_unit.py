"""The screen's unit on a booted machine: as hardened as it is shipped, the real director and page.

There is no display here: the compositor draws into memory, which one line of a drop-in asks for.
What this kernel cannot show: MemoryMax=, because the memory controller belongs to the first version
of control groups here; and a real display's device, handed over by seatd.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.containers.booting import Machine
from tests.containers.root import REPO
from tests.long.container_machine import PAGE_PORT, machine
from tests.mosquitto import wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="a machine of its own needs root to be booted"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("debootstrap", "systemd-nspawn", "nsenter"))),
        reason="debootstrap or systemd-container is not installed: `make setup` installs them",
    ),
]

PACKAGES = ["sway", "seatd", "grim", "chromium", "fonts-liberation"]
NO_DISPLAY = "Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1"
STATUS = f"""
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:{PAGE_PORT}/status", timeout=5).read().decode())
"""
NAMESPACES = """
import os, pathlib, sys
for task in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words = (task / "cmdline").read_bytes().decode().replace(chr(0), " ")
        if words.startswith("/usr/lib/chromium/chromium") and "--type=renderer" in words:
            status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            print(*(os.readlink(task / "ns" / kind) for kind in ("user", "pid", "net")),
                  status["NoNewPrivs"].strip(), status["Seccomp"].strip(), status["CapEff"].strip())
    except OSError:
        pass
"""
"""The pages' processes: a process of its own namespaces, or a browser without a sandbox."""


@pytest.fixture(scope="module")
def shop() -> Iterator[Machine]:
    with machine() as running:
        _install(running)
        running.sh("systemctl daemon-reload; systemctl start kiosk-director kiosk-screen")
        wait_for(lambda: _beats(running), "the page", 60)
        yield running


def _install(running: Machine) -> None:
    root = running.root
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    # From outside: the machine itself has no network.
    for words in (
        ["update", "-qq"],
        ["install", "-qq", "-y", "--no-install-recommends", *PACKAGES],
    ):
        subprocess.run(
            ["chroot", str(root), "apt-get", *words],
            check=True,
            capture_output=True,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )
    policies = root / "etc/chromium/policies/managed"
    policies.mkdir(parents=True)
    shutil.copy(REPO / "deploy/chromium/kiosk.json", policies)
    config = root / "etc/kiosk/config.yaml"
    settings = yaml.safe_load(config.read_text()) | {"screen": {"hung_s": 6, "rotate_deg": 90}}
    config.write_text(yaml.safe_dump(settings))
    folder = root / "etc/systemd/system/kiosk-screen.service.d"
    folder.mkdir(exist_ok=True)
    (folder / "no-display.conf").write_text(f"[Service]\n{NO_DISPLAY}\n")


def _beats(running: Machine, within_s: float = 5) -> bool:
    try:
        screen = json.loads(running.python(STATUS))["screen"]
    except (AssertionError, ValueError):
        return False
    return screen["pages"] == 1 and (screen["beat_age_s"] or within_s) < within_s


def _events(running: Machine, name: str) -> int:
    said = running.journal("kiosk-screen").splitlines()
    return sum(line.startswith(f"event={name} ") for line in said)


def test_the_browser_s_own_sandbox_works_within_the_unit_s(shop: Machine) -> None:
    ours = shop.sh("readlink /proc/1/ns/user /proc/1/ns/pid /proc/1/ns/net").split()
    pages = [line.split() for line in shop.python(NAMESPACES).splitlines()]
    assert pages
    for *spaces, no_new_privileges, seccomp, capabilities in pages:
        assert not set(spaces) & set(ours)
        assert (no_new_privileges, seccomp, int(capabilities, 16)) == ("1", "2", 0)


def test_it_starts_and_shows_while_nothing_of_it_is_on_the_disk(shop: Machine) -> None:
    assert shop.show("kiosk-screen.service", "StatusText") == "showing the page"
    assert shop.sh("find / -xdev -user kiosk-screen -not -path '/proc/*'") == ""


def test_a_picture_is_root_s_alone_and_the_journal_knows_of_it(shop: Machine) -> None:
    shop.run("/opt/kiosk/current/.venv/bin/kiosk", "screen", "shot", "/root/screen.png")
    picture = shop.root / "root/screen.png"
    assert picture.stat().st_mode & 0o777 == 0o600
    # Turned by 90 degrees: width and height of the PNG.
    header = picture.read_bytes()[16:24]
    assert (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")) == (720, 1280)
    wait_for(
        lambda: "uid=0" in shop.run("journalctl", "KIOSK_EVENT=screen_shot"), "the journal", 10
    )


def test_a_browser_that_hangs_is_replaced_and_the_unit_is_not(shop: Machine) -> None:
    main, hung = shop.main_pid("kiosk-screen"), _events(shop, "screen_hung")
    shop.sh("pkill -STOP chromium")
    wait_for(lambda: _events(shop, "screen_hung") > hung, "it is told", 20)
    wait_for(lambda: _beats(shop, 3), "the page", 30)
    assert shop.main_pid("kiosk-screen") == main


@pytest.mark.parametrize(
    ("what", "within_s"),
    [
        ("kill -KILL $MAIN", 20),
        # The socket of the seat was bound into the unit; a new one has to be.
        ("pkill -KILL -x seatd", 20),
        # The watchdog of systemd, then the start.
        ("kill -STOP $MAIN", 60),
    ],
)
def test_the_session_as_a_whole_is_back(shop: Machine, what: str, within_s: float) -> None:
    main = shop.main_pid("kiosk-screen")
    shop.sh(f"MAIN={main}; {what}")
    wait_for(lambda: shop.main_pid("kiosk-screen") not in (0, main), "another process", within_s)
    # The page before is told lost, and the new one found, in between.
    time.sleep(3)
    wait_for(lambda: _beats(shop, 3), "the page", 30)


def test_it_ends_with_all_that_it_started(shop: Machine) -> None:
    shop.sh("systemctl stop kiosk-screen.service")
    assert shop.run("pgrep", "-u", "kiosk-screen", check=False) == ""
    assert shop.show("kiosk-screen.service", "Result") == "success"
