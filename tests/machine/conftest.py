"""Whole emulated machines, and the table of what was proved, which is printed at the end."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.containers.root import release
from tests.machine.emulated import Emulated, emulated
from tests.machine.machine_disks import Disks, disks
from tests.proofs import claim, pytest_runtest_makereport, pytest_terminal_summary

__all__ = ["claim", "machine", "made_disks", "pytest_runtest_makereport", "pytest_terminal_summary"]

TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
    "mosquitto": "mosquitto",
}


@pytest.fixture(scope="session")
def made_disks() -> Disks:
    """The disks of the product as it is now, or a skip that says what is missing."""
    if os.geteuid() != 0:
        pytest.skip("a machine's disks are made from a Debian root, which only root can make")
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; `make setup` installs them")
    if sys.version_info[:2] != (3, 11):
        pytest.skip(f"the packages here are not for the Python of Debian {release()}, 3.11")
    return disks()


@pytest.fixture
def machine(made_disks: Disks) -> Iterator[Emulated]:
    """A machine that is off, with an empty state."""
    with emulated(made_disks) as one:
        yield one
