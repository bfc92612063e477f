"""A machine in a folder: everything that a release manager touches, and a systemd that notes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SYSTEMCTL = """#!/bin/sh
here=${0%/*}
echo "${0##*/} $*" >> "$here/log"
case "$*" in
show*Wants,*) cat "$here/wants" ;;
show*--value*) echo inactive ;;
show*)
	shift 3
	for name; do cat "$here/$name" 2>/dev/null || cat "$here/kiosk.target"; echo; done ;;
esac
"""
"""Of systemd, in a folder: it notes what it is asked, and says of each unit what a file says."""

USUAL = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "NRestarts": "0",
    "InvocationID": "1",
}

KILLED = 137
KILL = """
import os, runpy, sys
left = int(sys.argv[1])
CHANGES = {"os.rename", "os.remove", "os.symlink", "os.mkdir", "os.rmdir"}


def watch(event, arguments):
    global left
    change = event in CHANGES
    if event == "open" and isinstance(arguments[2], int):
        change = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if change:
        left -= 1
        if left < 0:
            os._exit(137)


sys.argv = sys.argv[2:]
sys.addaudithook(watch)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FULL = """
import errno, os, runpy, sys


def watch(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT:
        if ".json" in os.fsdecode(arguments[0]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0])


sys.argv = sys.argv[1:]
sys.addaudithook(watch)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""No note can be written any more."""


@dataclass(frozen=True)
class Box:
    """A machine's root folder, and the program that is run on it."""

    root: Path
    program: Path

    @classmethod
    def make(cls, folder: Path, program: Path, public_key: Path) -> Box:
        root = folder / "root"
        for name in ("opt/kiosk/trusted", "etc", "run/systemd/system"):
            (root / name).mkdir(parents=True)
        shutil.copy(public_key, root / "opt/kiosk/trusted/release.pub")
        # Debian's own pip: a link, because it is only read.
        (root / "usr/share").mkdir(parents=True)
        (root / "usr/share/python-wheels").symlink_to("/usr/share/python-wheels")
        (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
        bin_ = root / "stub"
        bin_.mkdir()
        for name in ("systemctl", "systemd-sysusers", "systemd-tmpfiles", "udevadm"):
            (bin_ / name).write_text(SYSTEMCTL)
            (bin_ / name).chmod(0o755)
        box = cls(root, program)
        box.units({"kiosk-director.service": {}, "kiosk-uplink.service": {}})
        box.boot("first")
        return box

    def copy(self, folder: Path) -> Box:
        """The same machine in another folder; its environments stay where they were made."""
        shutil.copytree(self.root, folder / "root", symlinks=True)
        return Box(folder / "root", self.program)

    def units(self, units: dict[str, dict[str, str]]) -> None:
        """What systemd says of the services, beside that they are active."""
        folder = self.root / "stub"
        (folder / "wants").write_text(f"Wants={' '.join(units)}\n")
        for name, values in {"kiosk.target": {}, **units}.items():
            lines = [f"{key}={value}\n" for key, value in ({"Id": name} | USUAL | values).items()]
            (folder / name).write_text("".join(lines))

    def worse(self, version: str, *checks: str) -> None:
        """Have checks of `kiosk status` fail under a version."""
        place = self.root / "run/stub-status" / version
        place.parent.mkdir(exist_ok=True)
        place.write_text(" ".join(checks))

    def boot(self, name: str) -> None:
        """Begin another run of the machine."""
        (self.root / "run/kiosk-release.boot").write_text(name)

    def run(
        self, command: str, *arguments: str, kill_at: int | None = None, full: bool = False
    ) -> Done:
        """Run a command on this machine.

        Args:
            kill_at: end it hard before that change of the disk.
            full: the disk is.
        """
        line = ["/usr/bin/python3", "-I", str(self.program)]
        if full:
            line = ["/usr/bin/python3", "-I", "-c", FULL, str(self.program)]
        if kill_at is not None:
            line = ["/usr/bin/python3", "-I", "-c", KILL, str(kill_at), str(self.program)]
        done = subprocess.run(
            [*line, command, "--root", str(self.root), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PATH": f"{self.root}/stub:/usr/bin:/bin"},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def answer(self, command: str, *arguments: str) -> dict[str, Any]:
        """Run a command that has to succeed, and read its JSON."""
        done = self.run(command, "--json", *arguments)
        assert done.code == 0, done.said
        answer: dict[str, Any] = json.loads(done.out)
        return answer

    def current(self) -> str:
        return os.path.basename(os.readlink(self.root / "opt/kiosk/current"))  # noqa: PTH115, PTH119

    def is_on_trial(self) -> bool:
        return (self.root / "opt/kiosk/pending.json").exists()

    def folders(self) -> list[str]:
        releases = self.root / "opt/kiosk/releases"
        return sorted(path.name for path in releases.iterdir()) if releases.exists() else []

    def commands(self) -> list[str]:
        """What was asked of systemd and its tools."""
        return (self.root / "stub/log").read_text().splitlines()


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    said: str
