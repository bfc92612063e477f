"""A machine with a booted systemd, kiosk's own units and the product installed in it.

The container is as near to a shop's machine as one can be here: it has all capabilities and no
filter of its own, because nspawn's would keep systemd from loading the programs (BPF) by which
``IPAddressDeny=`` and ``DeviceAllow=`` are enforced; and it sees one tree of control groups
(version 2), without which systemd silently leaves those two out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.containers.booting import (
    INIT,
    Machine,
    child,
    control_groups,
    is_up,
    overlay,
    power_off,
)
from tests.containers.root import REPO, debian_root
from tests.e2e.appliance import clip
from tests.mosquitto import wait_for

ADDRESS = "192.0.2.10"
"""The broker's: reserved for examples, on the machine itself, and no loopback address."""

BROKER_PORT, PAGE_PORT, DNS_PORT = 1883, 8765, 53
PRODUCT = Path("opt/kiosk")
BROKER = """[Service]
ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto/test.conf
User=mosquitto
"""
SETTINGS = {
    "vision": {
        "source": "/opt/kiosk/footage.mp4",
        "loop": True,
        "models_dir": "/opt/kiosk/models_ir",
    },
    "audience": {"socket": "/run/kiosk/audience.sock"},
    "ads": {"campaign": "/opt/kiosk/source/kiosk/demo/campaign/campaign.yaml"},
    "player": {"port": PAGE_PORT, "plays_batch_s": 1},
    "state": {"path": "/var/lib/kiosk/state.db"},
    "broker": {"host": ADDRESS, "port": BROKER_PORT, "backoff_min_s": 0.2, "backoff_max_s": 1},
    "uplink": {"poll_s": 0.1, "health_s": 1},
    "desired": {
        "public_keys": ["/etc/kiosk/head-office.pem"],
        "folder": "/var/lib/kiosk-desired",
    },
}


@contextmanager
def machine() -> Iterator[Machine]:
    """Boot a machine of its own on a copy-on-write root, and leave nothing of it behind."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="kiosk-machine-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        root = stack.enter_context(overlay(debian_root(), folder))
        _install(root)
        groups = stack.enter_context(control_groups())
        leader = stack.enter_context(_booted(root, groups, folder / "console.log"))
        running = Machine(root, leader)
        _set_up(running)
        yield running


def _install(root: Path) -> None:
    """The product as it lies in a shop, and the project's own files for systemd."""
    product = root / PRODUCT
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPO / "kiosk", product / "source/kiosk", ignore=skip)
    shutil.copytree(REPO / "models_ir", product / "models_ir")
    shutil.copy(clip(), product / "footage.mp4")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = product / "current/.venv/lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "kiosk.pth").write_text("/opt/kiosk/source\n/opt/kiosk/packages\n")
    (product / "packages").mkdir()
    (product / "current/.venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (product / "current/.venv/bin").mkdir()
    (product / "current/.venv/bin/python").symlink_to("/usr/bin/python3")
    command = product / "current/.venv/bin/kiosk"
    python = "/opt/kiosk/current/.venv/bin/python"
    command.write_text(f"#!{python}\nfrom kiosk.cli import main\nmain()\n")
    command.chmod(0o755)
    (root / "etc/kiosk").mkdir()
    (root / "etc/kiosk/config.yaml").write_text(yaml.safe_dump(SETTINGS))
    (root / "etc/kiosk/head-office.pem").write_bytes(
        Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for kind, place in [
        ("systemd", "etc/systemd/system"),
        ("sysusers.d", "usr/lib/sysusers.d"),
        ("tmpfiles.d", "usr/lib/tmpfiles.d"),
    ]:
        shutil.copytree(REPO / "deploy" / kind, root / place, dirs_exist_ok=True)
    listen = f"listener {BROKER_PORT} 0.0.0.0\nlistener {BROKER_PORT} ::1\nallow_anonymous true\n"
    (root / "etc/mosquitto/test.conf").write_text(listen)
    (root / "etc/systemd/system/test-broker.service").write_text(BROKER)
    # Debian's own would take the port before.
    (root / "etc/systemd/system/mosquitto.service").symlink_to("/dev/null")
    init = root / "opt/init.sh"
    init.write_text(INIT)
    init.chmod(0o755)


@contextmanager
def _booted(root: Path, groups: list[Path], console: Path) -> Iterator[int]:
    name = f"kiosk-test-{os.getpid()}"
    command = ["systemd-nspawn", "--quiet", "-D", str(root), "-M", name, "--register=no"]
    command += ["--keep-unit", "--private-network", "--console=pipe", "--capability=all"]
    command += [f"--bind-ro={_packages()}:/opt/kiosk/packages", "--kill-signal=SIGRTMIN+3"]

    def join_groups() -> None:
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    with console.open("wb") as log:
        nspawn = subprocess.Popen(
            [*command, "/opt/init.sh"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"SYSTEMD_SECCOMP": "0"},
            preexec_fn=join_groups,  # noqa: PLW1509 - before any thread of the child
        )
    try:
        # The first child makes the namespaces and hands over to systemd.
        wait_for(lambda: is_up(child(nspawn.pid)), "the machine's boot", 60)
        yield child(nspawn.pid)
    except AssertionError as bad:
        bad.add_note(console.read_text(errors="replace"))
        raise
    finally:
        power_off(nspawn)


def _packages() -> Path:
    """Where this interpreter's packages are."""
    return Path(yaml.__file__).parents[1]


def _set_up(running: Machine) -> None:
    running.sh(f"""
        systemd-sysusers
        systemd-tmpfiles --create
        ip addr add {ADDRESS}/32 dev lo
        systemctl daemon-reload
        systemctl start test-broker.service
    """)


def python_of(root: Path) -> str:
    """Version of a root's Python, as ``3.11``."""
    found = sorted((root / "usr/bin").glob("python3.[0-9]*"))
    return found[0].name.removeprefix("python") if found else "none"
