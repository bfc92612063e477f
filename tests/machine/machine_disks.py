"""Disks of an emulated machine: made once, kept outside the repository, never written again.

A machine writes into an overlay of its own (qcow2), so that what one test does no other sees.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.containers.root import run
from tests.machine.machine_root import (
    inputs_of_debian,
    inputs_of_packages,
    inputs_of_product,
    make_debian,
    make_packages,
    make_product,
)

CACHE = Path(os.environ.get("KIOSK_MACHINE_CACHE", "/var/tmp/kiosk-machine"))
"""Remove it to have the disks made anew (a few minutes, about 2 GB)."""

WORK = CACHE / "work"
"""What running machines write; on the same disk, so that files can be held by another name."""

ROOM_FOR_WRITES_MB = 400
STATE_MB = 64


@dataclass(frozen=True)
class Disks:
    """What a machine boots from.

    Attributes:
        kernel, initrd: handed to the emulator, so that no boot loader is needed.
        root: Debian, raw ext4.
        product: what lies in /opt/kiosk, raw ext4.
    """

    kernel: Path
    initrd: Path
    root: Path
    product: Path

    def held_in(self, folder: Path) -> Disks:
        """The same under names of one's own: they stay when newer ones replace them here."""
        names = {name: folder / f"{name}.held" for name in vars(self)}
        for name, path in names.items():
            os.link(getattr(self, name), path)
        return Disks(**names)


def disks() -> Disks:
    """The disks of the product as it is now; made if they are not there."""
    debian = _once(f"debian-{inputs_of_debian()}", _debian)
    product = _once(f"product-{inputs_of_product()}", _product)
    return Disks(
        debian / "vmlinuz", debian / "initrd", debian / "root.img", product / "product.img"
    )


def overlay(base: Path, path: Path) -> Path:
    """A disk that shows ``base`` and keeps what is written to itself."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(base), str(path))
    return path


def state_disk(path: Path) -> Path:
    """An empty disk for the state, plain, so that it can be read after a cut."""
    with path.open("wb") as image:
        image.truncate(STATE_MB * 2**20)
    run("mkfs.ext4", "-q", "-L", "kiosk-state", str(path))
    return path


def read_back(state: Path, folder: Path) -> Path:
    """Files of a state disk as the next boot would find them; the disk itself stays as it is.

    Its journal is replayed in a copy, as mounting it would do.
    """
    folder.mkdir()
    copy = folder / "copy.img"
    run("cp", "--sparse=always", str(state), str(copy))
    # Says 1 when there was something to repair, which is what it is asked to do.
    run("e2fsck", "-fy", str(copy), check=False)
    files = folder / "files"
    files.mkdir()
    run("debugfs", "-R", f"rdump / {files}", str(copy))
    copy.unlink()
    return files


def _once(name: str, make: Callable[[Path], None]) -> Path:
    done = CACHE / name
    if not done.is_dir():
        WORK.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            partial = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=CACHE))
            stack.callback(shutil.rmtree, partial, ignore_errors=True)
            partial.chmod(0o755)
            make(partial)
            _forget_older(name)
            partial.rename(done)
    return done


def _forget_older(name: str) -> None:
    """One of a kind is enough; another that is in use just now is made again."""
    kind = name.rpartition("-")[0]
    for old in CACHE.glob(f"{kind}-????????????"):
        shutil.rmtree(old, ignore_errors=True)


def _debian(folder: Path) -> None:
    tree = folder / "root"
    make_debian(tree, folder)
    _image(tree, folder / "root.img", ROOM_FOR_WRITES_MB)


def _product(folder: Path) -> None:
    packages = _once(f"packages-{inputs_of_packages()}", make_packages)
    tree = folder / "tree"
    make_product(tree, packages)
    _image(tree, folder / "product.img", 16)


def _image(tree: Path, image: Path, room_mb: int) -> None:
    used_mb = int(run("du", "-sm", "--apparent-size", str(tree)).split()[0])
    with image.open("wb") as raw:
        raw.truncate((used_mb * 115 // 100 + room_mb) * 2**20)
    run("mkfs.ext4", "-q", "-d", str(tree), str(image))
    shutil.rmtree(tree)
