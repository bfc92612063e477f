"""A town of blank boxes, and Ansible that speaks to them without a network.

By hand, as root::

    .venv/bin/python -m tests.appliance.town up office device-1 device-2

boots the boxes and stays until Ctrl-C. It prints the folder of an inventory (`hosts.yml`, with the
connection of each box and nothing else) that goes before an inventory of one's own:

    ansible-playbook -i FOLDER/hosts.yml -i my-inventory/ site.yml

and, for a shell in a box, `nsenter --target PID --all`.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from tests.appliance.boxes import BLANK, Box, Network, box
from tests.containers.root import debian_root

FIRST = 10
"""Boxes are 192.0.2.10 and on: addresses that are reserved for examples."""


class Town:
    """Boxes by name, on one network.

    Attributes:
        folder: of the boxes' disks and the inventory.
        network: theirs.
    """

    def __init__(self, folder: Path, network: Network, boxes: Sequence[Box]) -> None:
        self.folder = folder
        self.network = network
        self._boxes = {one.name: one for one in boxes}

    def __getitem__(self, name: str) -> Box:
        return self._boxes[name]

    @property
    def boxes(self) -> list[Box]:
        """All of them."""
        return list(self._boxes.values())

    def power_on(self, *names: str) -> None:
        """Boot these boxes, or all; the inventory is written anew."""
        known = [(one.name, one.address) for one in self.boxes]
        for name in names or self._boxes:
            self[name].power_on(known)
        self.write_inventory()

    def write_inventory(self) -> Path:
        """Write how Ansible reaches the boxes that are on."""
        path = self.folder / "hosts.yml"
        hosts: Mapping[str, object] = {
            one.name: {
                "ansible_connection": "community.docker.nsenter",
                "ansible_nsenter_pid": one.leader,
                "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_host": one.address,
                # A blank box has no sudo, and root needs none.
                "ansible_become_method": "ansible.builtin.su",
            }
            for one in self.boxes
            if one.leader
        }
        path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        return path


@contextmanager
def town(names: Sequence[str], packages: Sequence[str] = BLANK) -> Iterator[Town]:
    """Boxes that are on; nothing is left of them afterwards."""
    lower = debian_root(packages)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="kiosk-town-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        network = stack.enter_context(Network())
        boxes = [
            stack.enter_context(box(name, f"192.0.2.{FIRST + number}", lower, network, folder))
            for number, name in enumerate(names)
        ]
        made = Town(folder, network, boxes)
        made.power_on()
        yield made


def main() -> None:
    """Boot the boxes that are named, and wait."""
    if len(sys.argv) < 3 or sys.argv[1] != "up":
        sys.exit("python -m tests.appliance.town up NAME...")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with town(sys.argv[2:]) as made:
        print(f"inventory: {made.write_inventory()}", flush=True)
        for one in made.boxes:
            print(f"{one.name}: {one.address}, pid {one.leader}, root {one.root}", flush=True)
        stop.wait()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as bad:
        sys.exit(str(bad))
