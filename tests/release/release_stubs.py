"""Small but real bundles: a wheel that pip installs, a list that openssl signs, one tar file."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).parents[2]

PROGRAM = """
import json, os, socket, sys, time
from pathlib import Path

BEHAVIOUR = "{behaviour}"
VERSION = "{version}"
CHECKS = ("director", "vision", "screen", "plays", "broker", "outbox", "clock", "disk")


def main():
    root = Path(sys.argv[0]).absolute().parents[5]
    if sys.argv[1] == "status":
        place = root / "run/stub-status" / VERSION
        worse = place.read_text().split() if place.exists() else []
        checks = [
            dict(name=name, state="fail" if name in worse else "ok", message="so it is", hint="")
            for name in CHECKS
        ]
        print(json.dumps(dict(ok=not worse, version=VERSION, checks=checks)))
        raise SystemExit(1 if worse else 0)
    if BEHAVIOUR == "exits":
        raise SystemExit(1)
    if BEHAVIOUR != "hangs" and "NOTIFY_SOCKET" in os.environ:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.connect(os.environ["NOTIFY_SOCKET"])
            link.send(b"READY=1")
    time.sleep(10**6)
"""

TARGET = """[Unit]
Description=Stub
Wants=kiosk-director.service kiosk-uplink.service

[Install]
WantedBy=multi-user.target
"""
SERVICE = """[Unit]
PartOf=kiosk.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=/opt/kiosk/current/.venv/bin/kiosk {name}
User={user}
Restart=always
RestartSec=100ms
TimeoutStartSec=60
"""

TMPFILES = """d /var/lib/kiosk 2770 kiosk-director kiosk-uplink -
d /run/kiosk 2750 kiosk-director kiosk-uplink -
"""

Change = Callable[[Path], None]


def no_change(_tree: Path) -> None:
    """Leave a bundle as it is."""


def make_key(folder: Path, name: str = "release") -> Path:
    """A signing key, and the public one beside it."""
    key = folder / f"{name}.key"
    _openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    _openssl("pkey", "-in", str(key), "-pubout", "-out", str(key.with_suffix(".pub")))
    return key


@dataclass(frozen=True)
class Stub:
    """What a bundle is to be; by default, one that fits this machine and works."""

    version: str
    behaviour: str = "well"
    manifest: dict[str, object] = field(default_factory=dict)
    services: tuple[str, ...] = ("director", "uplink")
    before_sums: Change = no_change
    after_sums: Change = no_change


def make_bundle(folder: Path, key: Path, stub: Stub) -> Path:
    """Build a bundle as `make bundle` does, in small."""
    name = f"kiosk-{stub.version}-{platform.machine()}"
    tree = folder / name
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    manifest = {
        "format": 1,
        "version": stub.version,
        "arch": platform.machine(),
        "python": "3.11",
        "debian": "12",
        "created": "2026-01-01T00:00:00Z",
        "models": [],
        "parts": ["device", "central"],
    }
    _write(tree / "manifest.json", json.dumps(manifest | stub.manifest))
    _write(tree / "sbom.cdx.json", "{}")
    _write(tree / "models_ir/card.yaml", "name: stub\n")
    wheel = make_wheel(tree / "wheels", stub)
    pin = f"kiosk=={stub.version} --hash=sha256:{_sha256(wheel)}\n"
    _write(tree / "requirements-device.txt", pin)
    _write(tree / "requirements-central.txt", pin)
    # Of another role: pinned nowhere, and therefore never unpacked.
    _write(tree / "wheels/other-1.0-py3-none-any.whl", "not needed here")
    _write(tree / "lib/systemd/system/kiosk.target", TARGET)
    for each in stub.services:
        user = f"kiosk-{each}"
        unit = SERVICE.format(name=each, user=user)
        _write(tree / f"lib/systemd/system/{user}.service", unit)
    accounts = "".join(f'u kiosk-{each} - "Stub"\n' for each in stub.services)
    _write(tree / "lib/sysusers.d/kiosk.conf", accounts)
    _write(tree / "lib/tmpfiles.d/kiosk.conf", TMPFILES)
    _write(tree / "lib/udev/rules.d/70-kiosk.rules", f"# {stub.version}\n")
    stub.before_sums(tree)
    sign(tree, key)
    stub.after_sums(tree)
    path = folder / f"{name}.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(tree, name)
    shutil.rmtree(tree)
    return path


def sign(tree: Path, key: Path) -> None:
    """List every file, and sign the list."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(tree)}\n" for path in files]
    _write(tree / "SHA256SUMS", "".join(lines))
    sums, signature = str(tree / "SHA256SUMS"), str(tree / "SHA256SUMS.sig")
    _openssl("pkeyutl", "-sign", "-inkey", str(key), "-rawin", "-in", sums, "-out", signature)


def make_wheel(folder: Path, stub: Stub) -> Path:
    """A wheel whose `kiosk` command behaves as the stub says."""
    info = f"kiosk-{stub.version}.dist-info"
    program = PROGRAM.replace("{behaviour}", stub.behaviour).replace("{version}", stub.version)
    files = {
        "kiosk_stub.py": program,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: kiosk\nVersion: {stub.version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nkiosk = kiosk_stub:main\n",
    }
    record = [f"{name},sha256={_urlsafe(text)},{len(text)}" for name, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True)
    path = folder / f"kiosk-{stub.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def make_zipapp(path: Path) -> Path:
    """Pack the release manager as a bundle carries it."""
    subprocess.run([str(REPO / "deploy/release/zipapp.sh"), str(path)], check=True)
    return path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _urlsafe(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
