"""Brings what the peers are made of, into the user's cache; quick and silent the second time."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kiosk-peers"
LEAST_NODE = 18


class PeerError(Exception):
    """A peer cannot be measured; the message is a sentence for whoever runs this."""


def node() -> str:
    """The Node.js on the path."""
    found = shutil.which("node")
    version = _output([found, "--version"]).lstrip("v") if found else "0"
    if found is None or int(version.partition(".")[0]) < LEAST_NODE or shutil.which("npm") is None:
        raise PeerError(
            f"node {LEAST_NODE} or newer, with npm, is needed for the peer `human`:"
            " install Debian's packages nodejs and npm"
        )
    return found


def human_packages() -> Path:
    """Folder of the Node peer's packages, installed when they are not those of the lock."""
    folder = CACHE / "human"

    def install() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, folder / name)
        # Nothing in the lock needs to run anything at its installation.
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], folder)

    _once(folder, HERE / "package-lock.json", "npm packages of the peer `human`", install)
    return folder


def plain_python() -> str:
    """The interpreter that has what the plain recipe needs."""
    folder = CACHE / "plain"
    python = folder / "bin" / "python"

    def install() -> None:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], HERE)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        lock = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", "requirements.txt"]
        _run([*pip, *lock], HERE)

    what = "Python packages of the plain recipe (2 GB; takes minutes)"
    _once(folder, HERE / "requirements.txt", what, install)
    return str(python)


def _once(folder: Path, lock: Path, what: str, install: Callable[[], None]) -> None:
    """Install unless the stamp says that exactly this was installed."""
    stamp = folder / "stamp"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"installing {what}", file=sys.stderr)
    install()
    stamp.write_text(wanted)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(
            f"{' '.join(command[:4])} ... failed:\n{(done.stderr or done.stdout)[-2000:]}"
        )


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
