"""The disk that keeps what must not be lost: whether it can be written, and how much is free."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from kiosk.machine.finding import Finding, SystemFiles

FAIL_BYTES = 16 * 2**20
"""With less room than this, something is about to fail."""

WARN_BYTES = 200 * 2**20
"""What a month without head office may take."""

READ_ONLY = {"ro", "emergency_ro"}
"""Options of a mount that takes no writes; newer kernels tell of ext4 after an error by the second
one alone, and statvfs(2) then tells nothing."""

IN_MEMORY = ("tmpfs", "ramfs")

LOST = "until then what is counted and played is kept in memory only"


@dataclass(frozen=True)
class Mount:
    """A line of /proc/self/mountinfo."""

    point: str
    kind: str
    source: str
    read_only: bool


def look_at_disk(folder: Path, files: SystemFiles) -> Finding:
    """Whether the file system of a folder takes what is written, and has room.

    Args:
        folder: of the state file; where it is not there yet, the nearest one above counts.
        files: of the kernel.
    """
    folder = folder.absolute()
    there = next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))
    try:
        seen = os.statvfs(there)
        mount = _mount_of(there.resolve(), files)
    except OSError as bad:
        return Finding("disk", "fail", f"{there}: cannot be looked at: {bad.strerror or bad}")
    where = f"{folder} (on {mount.source}, {mount.kind})" if mount else str(folder)
    if seen.f_flag & os.ST_RDONLY or (mount is not None and mount.read_only):
        return Finding(
            "disk",
            "fail",
            f"{where}: its file system is read-only",
            f"the kernel does so when a disk or card fails: see `dmesg`, replace it; {LOST}",
        )
    if seen.f_files and not seen.f_favail:
        return Finding("disk", "fail", f"{where}: it takes no more files", f"delete some; {LOST}")
    room = _room(where, seen.f_bavail * seen.f_frsize)
    if room.state == "ok" and mount is not None and mount.kind in IN_MEMORY:
        hint = "a power cut takes all of it: give it a folder on a disk"
        return Finding("disk", "warn", f"{where}: it is in memory", hint)
    return room


def _room(where: str, free: int) -> Finding:
    told = f"{where}: {free // 2**20} MB are free"
    if free < FAIL_BYTES:
        return Finding("disk", "fail", told, f"make room; {LOST}")
    if free < WARN_BYTES:
        return Finding("disk", "warn", told, "make room before it is full")
    return Finding("disk", "ok", told)


def _mount_of(folder: Path, files: SystemFiles) -> Mount | None:
    """The mount that a folder is on: the longest that leads to it, and of those the last."""
    try:
        lines = (files.proc / "self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = None
    for mount in filter(None, map(_mount, lines.splitlines())):
        on_the_way = folder == Path(mount.point) or Path(mount.point) in folder.parents
        if on_the_way and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def _mount(line: str) -> Mount | None:
    # proc_pid_mountinfo(5): optional fields end with a lone hyphen.
    own, _, more = line.partition(" - ")
    fields, rest = own.split(" "), more.split(" ")
    if len(fields) < 6 or len(rest) < 3:
        return None
    options = {*fields[5].split(","), *rest[2].split(",")}
    return Mount(_plain(fields[4]), rest[0], _plain(rest[1]), bool(options & READ_ONLY))


def _plain(escaped: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), escaped)
