"""Lays Debian's python3-systemd out as a wheel's folder, for `wheel pack`.

    systemd_wheel.py UNPACKED_DEB GOAL_FOLDER ARCH

It is published as source only, and a device has no compiler. Debian's build is of the same version,
for the same Python, and apt has checked its signature.
"""

from __future__ import annotations

import shutil
import sys
from email.parser import Parser
from pathlib import Path

TAG = "cp311-cp311-linux_{arch}"


def lay_out(deb: Path, goal: Path, arch: str) -> Path:
    """Make the folder of the wheel.

    Args:
        deb: the unpacked package.
        goal: an empty folder is made in it.
        arch: ``x86_64`` or ``aarch64``.

    Raises:
        ValueError: the package holds no build for that Python and machine.
    """
    modules = deb / "usr/lib/python3/dist-packages"
    libraries = list(modules.glob(f"systemd/*.cpython-311-{arch}-linux-gnu.so"))
    if not libraries:
        raise ValueError(f"{deb}: no library for Python 3.11 on {arch}")
    info = next(modules.glob("systemd_python-*.egg-info"))
    metadata = (info / "PKG-INFO" if info.is_dir() else info).read_text(encoding="utf-8")
    version = Parser().parsestr(metadata, headersonly=True)["Version"]

    folder = goal / f"systemd_python-{version}"
    shutil.copytree(
        modules / "systemd",
        folder / "systemd",
        ignore=shutil.ignore_patterns("__pycache__", "test"),
    )
    dist_info = folder / f"systemd_python-{version}.dist-info"
    (dist_info / "licenses").mkdir(parents=True)
    (dist_info / "METADATA").write_text(metadata, encoding="utf-8")
    (dist_info / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: kiosk\nRoot-Is-Purelib: false\n"
        f"Tag: {TAG.format(arch=arch)}\n",
        encoding="utf-8",
    )
    shutil.copy(deb / "usr/share/doc/python3-systemd/copyright", dist_info / "licenses")
    return folder


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
