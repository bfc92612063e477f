"""kiosk-vision on an *-ncs2 machine: Debian 11 with Python 3.9 and OpenVINO 2022.3, as confined.

On a booted machine with the shipped units, the profile's drop-ins and the root that the bundle's
own script makes. There is no stick here: the profile's MYRIAD is missing, and the processor takes
over. That kernel events reach a private network, by which libusb learns that a stick is back, is
tried.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.booting import Machine
from tests.containers.root import REPO, debian_root, release, run
from tests.long.container_machine import SETTINGS, machine, python_of
from tests.long.container_units import PROBE, Outcome, confined, install_probe, probe_free
from tests.long.test_isolation import (
    ALL_ALIKE,
    HELPER,
    INTERNET,
    OPERATOR,
    SET_UP,
    TOLD,
    VISION_MAY,
)
from tests.mosquitto import wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="a machine of its own needs root to be booted"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("debootstrap", "systemd-nspawn", "nsenter", "zstd"))),
        reason="debootstrap, systemd-container or zstd is not installed: see `make setup`",
    ),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="2022.3 has wheels for x86_64 only"),
]

PROFILES = REPO / "deploy/profiles"
DROP_INS = PROFILES / "ncs2/kiosk-vision.service.d"
SYSTEM = Path("etc/systemd/system")
PACKAGES = Path("opt/kiosk/current/.venv/lib/python3.11/site-packages/kiosk")
FOOTAGE = "[Service]\nBindReadOnlyPaths=/opt/kiosk/footage.mp4\n"
MAY = VISION_MAY | {"AF_NETLINK"}
"""Beside what vision may everywhere: the kernel's events, in a network with nothing in it."""


@pytest.fixture(scope="module")
def lts_tar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root as it is bundled: the one named in KIOSK_LTS_TAR, or made, which takes minutes."""
    if given := os.environ.get("KIOSK_LTS_TAR"):
        yield Path(given)
        return
    key = tmp_path_factory.mktemp("key") / "release.key"
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key))
    made = run("env", f"KIOSK_RELEASE_KEY={key}", "-C", str(REPO), "deploy/bundle/lts.sh", "0-test")
    tar = Path(made.splitlines()[-1])
    yield tar
    tar.unlink()


@pytest.fixture(scope="module")
def shop(lts_tar: Path) -> Iterator[Machine]:
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python_of(debian_root()) != ours:
        pytest.skip(f"the packages here are for Python {ours}, Debian {release()} has another")
    with machine() as running:
        install(running.root, lts_tar)
        install_probe(running)
        (running.root / "opt/probe/helper.py").write_text(HELPER)
        running.sh("systemctl daemon-reload")
        running.sh(SET_UP)
        up = {"vision": 120, "director": 60}
        for name, patience_s in up.items():
            wait_for(
                lambda name=name: running.show(f"kiosk-{name}", "ActiveState") == "active",
                f"{name}: {running.journal(f'kiosk-{name}.service')}",
                patience_s,
            )
        yield running


def install(root: Path, lts_tar: Path) -> None:
    """What a playbook does for the profile, on the machine's root."""
    lts = root / "opt/kiosk/lts"
    lts.mkdir()
    top = lts_tar.name.removesuffix(".tar")
    unpack = f'tar -xOf {lts_tar} {top}/root.tar.zst | tar -x --zstd -C "{lts}"'
    subprocess.run(["bash", "-o", "pipefail", "-c", unpack], check=True)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPO / "kiosk", root / PACKAGES, ignore=skip)
    (root / "opt/kiosk/models_ir").rename(root / "opt/kiosk/current/models_ir")
    folder = root / SYSTEM / "kiosk-vision.service.d"
    shutil.copytree(DROP_INS, folder)
    (folder / "test-footage.conf").write_text(FOOTAGE)
    settings = {name: dict(section) for name, section in SETTINGS.items()}
    profile = yaml.safe_load((PROFILES / "nuc-ncs2.yaml").read_text())
    settings["vision"] |= profile["vision"] | {"models_dir": "/opt/kiosk/current/models_ir"}
    (root / "etc/kiosk/config.yaml").write_text(yaml.safe_dump(settings))


@pytest.fixture(scope="module")
def inside(shop: Machine) -> Outcome:
    """What the attempts come to within the shipped unit and the profile's drop-ins."""
    argument = json.dumps(TOLD).replace('"', '\\"')
    command = f'/opt/kiosk-lts/.venv/bin/python3 {PROBE} "{argument}"'
    unit = "probe-lts.service"
    (shop.root / SYSTEM / unit).write_text(confined("kiosk-vision", command))
    folder = shop.root / SYSTEM / f"{unit}.d"
    folder.mkdir()
    for drop_in in DROP_INS.glob("*.conf"):
        lines = drop_in.read_text().splitlines()
        kept = [line for line in lines if not line.startswith("ExecStart=")]
        (folder / drop_in.name).write_text("\n".join(kept) + "\n")
    (folder / "test.conf").write_text("[Service]\nBindReadOnlyPaths=/opt/probe\n")
    shop.sh(f"systemctl daemon-reload; systemctl start {unit}")
    said = shop.run("journalctl", "--no-pager", "-o", "cat", f"_SYSTEMD_UNIT={unit}")
    return dict(json.loads(next(line for line in said.splitlines() if line.startswith("{"))))


def test_free_every_attempt_succeeds(shop: Machine) -> None:
    free = probe_free(shop, TOLD)
    assert {name: why for name, why in free.items() if why is not None} == {}


def test_vision_in_its_own_root_reaches_neither_a_network_nor_a_file(inside: Outcome) -> None:
    assert {name for name, why in inside.items() if why is None} == MAY
    assert set(inside) > {*INTERNET, *ALL_ALIKE, "abstract socket", "D-Bus"}
    assert {str(inside[name])[:22] for name in INTERNET} == {"OSError: [Errno 97] Ad"}


def test_the_director_hears_what_the_old_python_sees(shop: Machine) -> None:
    def viewers() -> list[dict[str, Any]]:
        return list(json.loads(shop.python(OPERATOR))["viewers"])

    wait_for(viewers, "a face", 60)
    said = shop.journal("kiosk-vision.service")
    assert "event=accelerator_refused device=MYRIAD reason=no such device here" in said
    assert "event=accelerator_fallback wanted=MYRIAD using=CPU" in said
    assert "event=first_frame" in said
    assert shop.show("kiosk-vision", "NRestarts") == "0"


def test_the_running_process_is_the_old_python_in_the_old_debian(shop: Machine) -> None:
    pid = shop.main_pid("kiosk-vision")
    seen = shop.run("cat", f"/proc/{pid}/maps")
    assert "libopenvino.so.2022.3.2" in seen or "openvino/libs/libopenvino.so" in seen
    assert "/python3.9/" in seen
    assert "python3.11" not in seen
    assert shop.run("cat", f"/proc/{pid}/root/etc/debian_version").startswith("11.")
    assert shop.run("ls", f"/proc/{pid}/root/opt/kiosk/current").split() == ["models_ir"]
    status = dict(
        line.split(":\t", 1)
        for line in shop.run("cat", f"/proc/{pid}/status").splitlines()
        if ":\t" in line
    )
    assert status["CapEff"] == status["CapBnd"] == "0" * 16
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert shop.run("cat", f"/proc/{pid}/net/dev").count(":") == 1, "nothing but a loopback"


def test_it_is_as_hardened_as_the_shipped_unit(shop: Machine) -> None:
    told = shop.run("systemd-analyze", "security", "--no-pager", "kiosk-vision.service")
    line = next(one for one in told.splitlines() if "Overall exposure" in one)
    assert float(line.split(":")[1].split()[0]) <= 1.3, line
    for key in ("PrivateNetwork", "PrivateIPC", "NoNewPrivileges", "ProtectControlGroups"):
        assert shop.show("kiosk-vision", key) == "yes"
    assert shop.show("kiosk-vision", "ProtectSystem") == "strict"
    allowed = shop.show("kiosk-vision", "DeviceAllow").splitlines()
    # The clock to be read is what ProtectClock= brings.
    assert {line.split()[0] for line in allowed} == {
        *("char-video4linux", "char-drm", "char-accel", "char-usb_device", "char-rtc"),
    }
    families = shop.show("kiosk-vision", "RestrictAddressFamilies").split()
    assert set(families) == {"AF_UNIX", "AF_NETLINK"}


LISTEN = """
import socket
events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15)
events.bind((0, 1))
events.settimeout(20)
print("listens", flush=True)
print(events.recv(4096).split(b"\\0")[0].decode())
"""


def test_the_kernels_word_of_a_device_reaches_a_private_network(shop: Machine) -> None:
    (shop.root / "opt/probe/listen.py").write_text(LISTEN)
    shop.sh(
        "systemd-run --quiet --unit=listen -p PrivateNetwork=yes"
        " -p RestrictAddressFamilies=AF_NETLINK /usr/bin/python3 /opt/probe/listen.py"
    )
    wait_for(lambda: "listens" in shop.journal("listen.service"), "the listener", 20)
    # The machine's own /sys is read-only; the kernel is the same.
    Path("/sys/class/mem/null/uevent").write_text("change")
    wait_for(lambda: "change@" in shop.journal("listen.service"), "the kernel's word", 20)
