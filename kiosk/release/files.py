"""Changes on disk that a power cut at any instant leaves either undone or done."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kiosk.errors import KioskError


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Put a text file in place, complete and on the disk, or leave the old one."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def remove_whole(path: Path) -> None:
    """Take a file away, if it is there, and have that on the disk."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def point(link: Path, target: str) -> None:
    """Have a symbolic link lead to ``target``: there is no instant without one."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> dict[str, Any] | None:
    """A file of ours, or None where there is none.

    Raises:
        KioskError: it cannot be read, or is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as bad:
        raise KioskError(f"{path}: cannot be read: {bad}", "restore it, or remove it") from bad
    if not isinstance(value, dict):
        raise KioskError(f"{path}: not a JSON object", "restore it, or remove it")
    return value


def as_json(value: Any) -> str:
    """JSON for people and programs."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


@contextmanager
def alone(folder: Path, wait: bool = False) -> Iterator[None]:
    """Only one process at a time changes what is in ``folder``.

    Raises:
        KioskError: another one is at it, and we are not to wait.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as bad:
        raise KioskError(f"{folder}: {bad.strerror}", "is kiosk installed here?") from bad
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError as bad:
        raise KioskError(
            "another kiosk-release is at work here", "try again when it has ended"
        ) from bad
    finally:
        os.close(handle)
