"""A Debian root that is booted in a container: what stands between it and this machine.

It sees one tree of control groups (version 2) and nothing of nspawn's own filters, without which
systemd silently leaves out what it enforces by programs (BPF).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.containers.root import run

INIT = """#!/bin/sh
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec /lib/systemd/systemd
"""


class Machine:
    """The running machine; commands run in all of its namespaces, as root.

    Attributes:
        root: its root folder, seen from outside.
    """

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        self._leader = leader

    @property
    def leader(self) -> int:
        """Its init, seen from outside; 0 while it is off."""
        return self._leader

    def run(self, *command: str, check: bool = True, input_: str | None = None) -> str:
        """Run a command to its end, and return what it said."""
        enter = ["nsenter", "--target", str(self.leader), "--all", "--"]
        return run(*enter, *command, check=check, input_=input_)

    def sh(self, script: str, *, check: bool = True) -> str:
        """Run lines of shell, each of which has to succeed."""
        return self.run("sh", "-e", "-c", script, check=check)

    def python(self, script: str, *arguments: str) -> str:
        """Run a script with the product's own interpreter and packages."""
        return self.run("/opt/kiosk/current/.venv/bin/python", "-", *arguments, input_=script)

    def show(self, unit: str, key: str) -> str:
        """What systemd holds of a unit."""
        return self.run("systemctl", "show", "--value", "--property", key, unit).strip()

    def main_pid(self, service: str) -> int:
        """The process of a service."""
        return int(self.show(f"{service}.service", "MainPID"))

    def journal(self, unit: str) -> str:
        """What a unit has said."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, check=False)


@contextmanager
def overlay(lower: Path, folder: Path) -> Iterator[Path]:
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for each in (upper, work, root):
        each.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "overlay", "-o", options, str(root))
    try:
        yield root
    finally:
        run("umount", str(root))


@contextmanager
def control_groups() -> Iterator[list[Path]]:
    """Groups of our own in every tree that systemd names, so that two machines do not meet."""
    groups = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
            groups.append(Path(left.split()[4]) / f"kiosk-test-{os.getpid()}")
    try:
        for group in groups:
            group.mkdir()
        yield groups
    finally:
        for group in groups:
            remove_group(group)


def remove_group(group: Path) -> None:
    deepest_first = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
    for each in [*deepest_first, group]:
        for _ in range(50):
            with suppress(FileNotFoundError):
                try:
                    each.rmdir()
                except OSError:
                    # A process that was ended is still leaving.
                    time.sleep(0.1)
                    continue
            break


def power_off(nspawn: subprocess.Popen[bytes]) -> None:
    leader = child(nspawn.pid)
    if leader:
        # The signal by which an init is told to power off; needs no shell inside.
        os.kill(leader, signal.SIGRTMIN + 4)
    try:
        nspawn.wait(30)
    except subprocess.TimeoutExpired:
        if leader := child(nspawn.pid):
            os.kill(leader, signal.SIGKILL)
        nspawn.kill()
        nspawn.wait()


def child(pid: int) -> int:
    with suppress(FileNotFoundError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else 0
    return 0


def is_up(leader: int) -> bool:
    if not leader:
        return False
    enter = ["nsenter", "--target", str(leader), "--all", "--"]
    said = run(*enter, "systemctl", "is-system-running", check=False)
    return said.strip() in ("running", "degraded")
