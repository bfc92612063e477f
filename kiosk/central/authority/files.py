"""Files that must be whole or not there, and secrets that nobody else may read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.errors import StateError

SECRET = 0o600
PUBLIC = 0o644


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder, unless it is there.

    Raises:
        StateError: it cannot be made.
    """
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as bad:
        raise _unusable(folder, bad) from bad


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Put a file in its place at once, whole, over a power cut too.

    Raises:
        StateError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        # Never readable by others, not for an instant.
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(number, "wb") as file:
            os.fchmod(number, mode)
            file.write(content)
            file.flush()
            os.fsync(number)
        part.replace(path)
        _settle(path.parent)
    except OSError as bad:
        raise _unusable(path, bad) from bad


def read_file(path: Path) -> bytes:
    """What a file holds.

    Raises:
        StateError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as bad:
        raise _unusable(path, bad) from bad


def names_in(folder: Path, beginning: str, end: str) -> list[Path]:
    """The files of a folder whose names begin and end like that; none that are hidden.

    Raises:
        StateError: the folder cannot be looked into, which is not the same as an empty one.
    """
    try:
        found = list(folder.iterdir())
    except OSError as bad:
        raise _unusable(folder, bad) from bad
    # What another program is still writing has a hidden name.
    names = [path for path in found if not path.name.startswith(".")]
    return [path for path in names if path.name.startswith(beginning) and path.name.endswith(end)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that other processes wait for; it ends with the block, or with the process.

    Raises:
        StateError: the lock's file cannot be written.
    """
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SECRET)
    except OSError as bad:
        raise _unusable(path, bad) from bad
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _settle(folder: Path) -> None:
    # A name is not safe before its folder is.
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _unusable(path: Path, bad: OSError) -> StateError:
    return StateError(
        f"{path}: cannot be used: {bad.strerror or bad}",
        hint="check central.folder in the configuration, and that this user may write there",
    )
