"""The screen's unit with mpv on a booted machine: narrower than for a browser, and it still shows.

There is no display here: the compositor draws into memory, which one line of a drop-in asks for. A
graphics card's driver under MemoryDenyWriteExecute= cannot be shown here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
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

PACKAGES = ["sway", "seatd", "grim", "mpv", "fonts-liberation", "procps"]
NO_DISPLAY = "Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1"
STATUS = f"""
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:{PAGE_PORT}/status", timeout=5).read().decode())
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Machine]:
    with machine() as running:
        _install(running)
        running.sh("systemctl daemon-reload; systemctl start kiosk-director kiosk-screen")
        wait_for(lambda: _presented(running) > 0, "a play", 60)
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
    config = root / "etc/kiosk/config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["player"] = settings.get("player", {}) | {"backend": "mpv"}
    settings["screen"] = {"hung_s": 6}
    config.write_text(yaml.safe_dump(settings))
    folder = root / "etc/systemd/system/kiosk-screen.service.d"
    folder.mkdir(exist_ok=True)
    (folder / "no-display.conf").write_text(f"[Service]\n{NO_DISPLAY}\n")
    shutil.copy(
        REPO / "deploy/systemd/kiosk-screen.service.d/mpv.conf.example", folder / "mpv.conf"
    )


def _presented(running: Machine) -> int:
    try:
        screen = json.loads(running.python(STATUS))["screen"]
    except (AssertionError, ValueError):
        return 0
    return int(screen["presented"])


def test_it_shows_and_proves_plays_without_what_only_a_browser_needs(shop: Machine) -> None:
    assert shop.show("kiosk-screen.service", "MemoryDenyWriteExecute") == "yes"
    assert shop.show("kiosk-screen.service", "StatusText") == "showing the page"
    before = _presented(shop)
    wait_for(lambda: _presented(shop) > before, "the next play", 60)
    assert shop.sh("find / -xdev -user kiosk-screen -not -path '/proc/*'") == ""


def test_an_mpv_that_is_killed_is_back_and_the_unit_is_not_restarted(shop: Machine) -> None:
    main = shop.main_pid("kiosk-screen")
    shop.sh("pkill -KILL -x mpv")
    before = _presented(shop)
    wait_for(lambda: _presented(shop) > before, "the next play", 30)
    assert shop.main_pid("kiosk-screen") == main


def test_mpv_runs_without_privilege_and_filtered(shop: Machine) -> None:
    mpv = shop.sh("pgrep -o -x mpv").strip()
    status = shop.sh(f"cat /proc/{mpv}/status")
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert (lines["NoNewPrivs"].strip(), lines["Seccomp"].strip()) == ("1", "2")
    assert int(lines["CapEff"], 16) == 0


def test_it_ends_with_all_that_it_started(shop: Machine) -> None:
    shop.sh("systemctl stop kiosk-screen.service")
    assert shop.run("pgrep", "-u", "kiosk-screen", check=False) == ""
    assert shop.show("kiosk-screen.service", "Result") == "success"
