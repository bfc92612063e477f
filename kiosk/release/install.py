"""From a verified bundle to a complete release folder; nothing is left of one that fails."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from kiosk.errors import BadInputError, KioskError
from kiosk.release.bundle import SUMS, Bundle, Manifest, open_bundle, read_manifest, verify
from kiosk.release.files import alone, sync_folder
from kiosk.release.layout import Layout, Role
from kiosk.release.links import check_links
from kiosk.release.records import COMPLETE, Complete, now, read_complete

PYTHON = "/usr/bin/python3"
PIP = "usr/share/python-wheels"
"""Folder of Debian's own pip (python3-pip-whl, which python3-venv brings): a release is given
neither pip nor setuptools, which nobody uses on a device."""

KEPT = ("lib/", "share/", "models_ir/")
KEPT_FILES = ("manifest.json", "sbom.cdx.json")
WHEELS = ".wheels"
HASH = re.compile(r"sha256:([0-9a-f]{64})")

SPARE_BYTES = 64 * 2**20
"""Left free for the state and the journal."""

COMPILED = 1.5
"""Byte code beside the sources, and blocks that files do not fill."""

PIP_S = 1800.0
"""A slow card with a large release."""


def install(layout: Layout, path: Path, role: Role, python: str = PYTHON) -> tuple[str, bool]:
    """Install a bundle as a release of its own; what runs goes on running.

    Args:
        layout: this machine.
        path: the bundle.
        role: what the machine is.
        python: the interpreter that a release's environment is made with.

    Returns:
        The version, and whether anything changed.

    Raises:
        BadInputError: the bundle is not for this machine, or not whole.
        KioskError: it cannot be installed.
    """
    with open_bundle(path) as bundle:
        sums = verify(bundle, layout.key)
        manifest = read_manifest(bundle)
        _check_fit(layout, path, manifest, role)
        check_links(layout)
        identity = hashlib.sha256(bundle.read(SUMS)).hexdigest()
        folder = layout.release(manifest.version)
        layout.releases.mkdir(parents=True, exist_ok=True)
        with alone(layout.product):
            if _is_there(folder, role, identity):
                return manifest.version, False
            sweep(layout)
            if folder.exists():
                raise KioskError(
                    f"{folder}: is there, and its {COMPLETE} cannot be read",
                    "install and activate another version, and then remove this folder",
                )
            wanted = _wanted(bundle, sums, role)
            _check_space(layout, bundle, wanted)
            pip = _pip(layout, python)
            try:
                _unpack(bundle, sums, wanted, folder)
                _make_venv(folder, role, python, pip)
                _finish(folder, Complete(manifest.version, role, manifest.arch, identity, now()))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    return manifest.version, True


def sweep(layout: Layout) -> list[str]:
    """Remove folders that a power cut left unfinished.

    One that says something of itself which cannot be read stays: a worn disk, or a newer tool, and
    it may be what is gone back to.

    Returns:
        Their names.
    """
    if not layout.releases.is_dir():
        return []
    unfinished = [
        folder
        for folder in layout.releases.iterdir()
        if not (folder / COMPLETE).exists() and folder.name != layout.current_version()
    ]
    for folder in unfinished:
        shutil.rmtree(folder)
    return sorted(folder.name for folder in unfinished)


def _check_fit(layout: Layout, path: Path, manifest: Manifest, role: Role) -> None:
    layout.release(manifest.version)
    machine = platform.machine()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    debian = _debian(layout)
    if manifest.arch != machine:
        raise BadInputError(
            f"{path}: is for {manifest.arch}, this machine is {machine}",
            f"take the bundle whose name ends in -{machine}.tar",
        )
    if manifest.debian != debian:
        raise BadInputError(
            f"{path}: is for Debian {manifest.debian}, this machine runs {debian}",
            "take a bundle made for it, or install the machine anew",
        )
    if manifest.python != python:
        raise BadInputError(
            f"{path}: is for Python {manifest.python}, this machine has {python}",
            "take a bundle made for it",
        )
    if role not in manifest.parts:
        raise BadInputError(
            f"{path}: has no part for role {role}", f"it has: {', '.join(manifest.parts)}"
        )


def _debian(layout: Layout) -> str:
    try:
        text = (layout.root / "etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return "another system"
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    name = values.get("ID", "").strip('"')
    version = values.get("VERSION_ID", "").strip('"')
    return version if name == "debian" else f"{name} {version}".strip()


def _is_there(folder: Path, role: Role, identity: str) -> bool:
    there = read_complete(folder)
    if there is None:
        return False
    if there.sums_sha256 != identity:
        raise BadInputError(
            f"release {folder.name} is installed from another bundle",
            "a version means one bundle: build this one with a version of its own",
        )
    if there.role != role:
        raise BadInputError(
            f"release {folder.name} is installed as {there.role}, not as {role}",
            "a machine has one role",
        )
    return True


def _wanted(bundle: Bundle, sums: Mapping[str, str], role: Role) -> list[str]:
    """The files that this role needs: what is kept, and the wheels that its list pins."""
    requirements = f"requirements-{role}.txt"
    pinned = set(HASH.findall(bundle.read(requirements).decode("utf-8", "replace")))
    wheels = [name for name, sha in sums.items() if name.startswith("wheels/") and sha in pinned]
    kept = [name for name in sums if name in KEPT_FILES or name.startswith(KEPT)]
    return [requirements, *kept, *wheels]


def _check_space(layout: Layout, bundle: Bundle, wanted: list[str]) -> None:
    needed = SPARE_BYTES
    for name in wanted:
        needed += bundle.size(name)
        if name.endswith(".whl"):
            needed += int(COMPILED * _unpacked_bytes(bundle, name))
    free = shutil.disk_usage(layout.releases).free
    if free < needed:
        raise KioskError(
            f"{layout.releases}: {needed // 10**6} MB are needed, {free // 10**6} MB are free",
            "kiosk-release prune --keep 2 frees what old releases take",
        )


def _unpacked_bytes(bundle: Bundle, name: str) -> int:
    with bundle.open(name) as file:
        try:
            with zipfile.ZipFile(file) as wheel:
                return sum(each.file_size for each in wheel.infolist())
        except zipfile.BadZipFile as bad:
            raise BadInputError(f"{bundle.path}: {name} is no wheel: {bad}") from bad


def _pip(layout: Layout, python: str) -> Path:
    """The program that fills an environment."""
    command = [python, "-c", "import venv"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except OSError as bad:
        raise KioskError(f"{python}: {bad.strerror}", "apt-get install python3") from bad
    wheels = sorted((layout.root / PIP).glob("pip-*.whl"))
    if done.returncode or not wheels:
        raise KioskError(
            f"{python} cannot make an environment of its own", "apt-get install python3-venv"
        )
    return wheels[-1] / "pip"


def _unpack(bundle: Bundle, sums: Mapping[str, str], wanted: list[str], folder: Path) -> None:
    # Whatever the umask of the shell that we were called from: services read this.
    os.umask(0o022)
    try:
        folder.mkdir()
        for name in wanted:
            place = folder / name
            if name.startswith("wheels/"):
                place = folder / WHEELS / name.removeprefix("wheels/")
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as file:
                for block in bundle.blocks(name, sums[name]):
                    file.write(block)
    except OSError as bad:
        raise KioskError(f"{folder}: {bad.strerror}", "is the disk full, or read-only?") from bad


def _make_venv(folder: Path, role: Role, python: str, pip: Path) -> None:
    """In its last place, because an environment cannot be moved."""
    venv = folder / ".venv"
    _run(folder, "the environment", python, "-m", "venv", "--without-pip", str(venv))
    command = [str(venv / "bin/python"), "-I", str(pip), "--isolated", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--no-index", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--compile"]
    command += ["--find-links", str(folder / WHEELS)]
    _run(folder, "the packages", *command, "-r", str(folder / f"requirements-{role}.txt"))
    shutil.rmtree(folder / WHEELS, ignore_errors=True)


def _run(folder: Path, what: str, *command: str) -> None:
    try:
        # pip unpacks in the temporary folder, which is small memory on some machines.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=PIP_S,
            env=os.environ | {"TMPDIR": str(folder), "PYTHONNOUSERSITE": "1"},
        )
    except subprocess.TimeoutExpired as bad:
        raise KioskError(f"{what} of {folder.name}: not made within {PIP_S:.0f} s") from bad
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        reason = next((line for line in said if line.startswith("ERROR")), said[-1])
        raise KioskError(f"{what} of release {folder.name}: {reason}", "nothing was changed")


def _finish(folder: Path, complete: Complete) -> None:
    # The marker must not reach the disk before what it speaks of.
    os.sync()
    complete.write(folder)
    sync_folder(folder.parent)
