"""A Debian root folder for a test machine: built once, kept outside the repository."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).parents[2]
CACHE = Path(os.environ.get("KIOSK_CONTAINER_CACHE", "/var/tmp/kiosk-container"))
"""Remove it to have the root built anew (about a minute and a half, 570 MB)."""

SYSTEM = [
    "systemd",
    "systemd-sysv",
    "systemd-timesyncd",
    "dbus",
    "python3",
    "iproute2",
    "mosquitto",
]


def debian_root(packages: Sequence[str] = ()) -> Path:
    """The folder of a Debian of this machine's own release, so that its Python is the same.

    Args:
        packages: what is in it beside the least; by default what a device needs.
    """
    packages = packages or [*SYSTEM, *device_libraries()]
    name = hashlib.sha256(" ".join([release(), *packages]).encode()).hexdigest()[:12]
    root = CACHE / f"{release()}-{name}"
    if not root.is_dir():
        partial = root.with_name(f"{root.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        wanted = "--include=" + ",".join(packages)
        run("debootstrap", "--variant=minbase", wanted, release(), str(partial), mirror())
        partial.rename(root)
    return root


def device_libraries() -> list[str]:
    """Libraries that the project's own list names; compilers and headers stay outside."""
    lines = (REPO / "deploy/debian-packages.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split()[0] for line in lines if line and not line.startswith("#")]
    return [name for name in names if name.startswith("lib") and not name.endswith("-dev")]


def release() -> str:
    """The code name of this machine's Debian."""
    found = re.search(
        r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE
    )
    assert found is not None, "this machine's Debian has no code name"
    return found[1]


def mirror() -> str:
    """Where this machine's own packages come from."""
    for source in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        for line in source.read_text().splitlines():
            if line.startswith("URIs:") and "debian" in line:
                return line.split()[1]
    for line in Path("/etc/apt/sources.list").read_text().splitlines():
        if line.startswith("deb "):
            return next(word for word in line.split() if "://" in word)
    raise AssertionError("apt has no source that says where Debian is")


def run(*command: str, check: bool = True, input_: str | None = None) -> str:
    """Run a command, and say what it said if it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, input=input_, timeout=900
    )
    assert not check or done.returncode == 0, (
        f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return done.stdout
