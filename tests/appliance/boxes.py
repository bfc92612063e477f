"""Blank Debian 12 boxes with a booted systemd, each with an address on one network of their own.

The network ends at its bridge: nothing of the world outside can be reached from a box. Power can be
cut and given again; what a box has written to its disk stays until the town is taken down.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.containers.booting import INIT, Machine, child, is_up, overlay, remove_group
from tests.containers.root import run
from tests.mosquitto import wait_for

BLANK = ("systemd", "systemd-sysv", "dbus", "libpam-systemd", "python3", "iproute2", "udev")
"""What the image of a new machine has; everything else is the playbooks' to install."""

BOOT_S = 60.0


class Network:
    """A bridge in a network namespace that leads nowhere else."""

    def __init__(self) -> None:
        self.name = f"kiosk-town-{os.getpid()}"

    def __enter__(self) -> Network:
        run("ip", "netns", "add", self.name)
        self.sh("ip link set lo up && ip link add name br0 type bridge && ip link set br0 up")
        return self

    def __exit__(self, *_: object) -> None:
        run("ip", "netns", "del", self.name, check=False)

    def sh(self, script: str) -> str:
        """Run lines of shell on the network's own host."""
        return run(*self.enter(), "sh", "-e", "-c", script)

    def enter(self) -> list[str]:
        """What to put before a command that is to run there."""
        return ["nsenter", f"--net=/run/netns/{self.name}", "--"]


class Box(Machine):
    """One machine.

    Attributes:
        name: its host name.
        address: of its one interface.
        root: its root folder, seen from outside.
    """

    def __init__(self, name: str, address: str, root: Path, network: Network) -> None:
        super().__init__(root, 0)
        self.name = name
        self.address = address
        self._network = network
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._groups: list[Path] = []
        self.console = root.parent / "console.log"

    @property
    def leader(self) -> int:
        """Its first process, seen from outside; 0 while the power is off."""
        return child(self._nspawn.pid) if self._nspawn is not None else 0

    def power_on(self, hosts: Sequence[tuple[str, str]]) -> None:
        """Boot it.

        Args:
            hosts: name and address of every box.
        """
        self._make_groups()
        network = [*self._network.enter(), "systemd-nspawn", "--network-bridge=br0"]
        command = [*network, "--quiet", "-D", str(self.root), "-M", self.name, "--register=no"]
        command += ["--keep-unit", "--console=pipe", "--capability=all"]
        command += ["--kill-signal=SIGRTMIN+3", "--resolv-conf=off", "--timezone=off"]
        with self.console.open("ab") as log:
            self._nspawn = subprocess.Popen(
                [*command, "/opt/init.sh"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"SYSTEMD_SECCOMP": "0"},
                preexec_fn=self._join_groups,  # noqa: PLW1509 - before any thread of the child
            )
        try:
            wait_for(lambda: is_up(self.leader), f"{self.name}'s boot", BOOT_S)
        except AssertionError as bad:
            bad.add_note(self.console.read_text(errors="replace")[-4000:])
            raise
        known = "".join(f"{address} {name}\n" for name, address in hosts)
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{known}")
        self.sh(f"""
            ip link set lo up
            ip addr add {self.address}/24 dev host0
            ip link set host0 up
        """)

    def cut_power(self) -> None:
        """End it at once: no process gets to write anything more."""
        if self._nspawn is not None:
            for group in self._groups:
                for pid in _members(group):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            self._nspawn.wait(30)
            self._nspawn = None
        self._drop_groups()

    def power_off(self) -> None:
        """Shut it down in order."""
        if self._nspawn is None:
            return
        leader = self.leader
        if leader:
            # The signal by which an init is told to power off; needs no shell inside.
            os.kill(leader, signal.SIGRTMIN + 4)
        with suppress(subprocess.TimeoutExpired):
            self._nspawn.wait(30)
        self.cut_power()

    def _make_groups(self) -> None:
        """Groups of its own in every tree that systemd names, so that two boxes do not meet."""
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            left, right = line.split(" - ")
            kind, _, options = right.split(" ", 2)
            if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
                group = Path(left.split()[4]) / f"kiosk-{os.getpid()}-{self.name}"
                group.mkdir()
                self._groups.append(group)

    def _join_groups(self) -> None:
        for group in self._groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def _drop_groups(self) -> None:
        for group in self._groups:
            remove_group(group)
        self._groups = []


def _members(group: Path) -> list[int]:
    pids: list[int] = []
    for folder in [group, *(path for path in group.rglob("*") if path.is_dir())]:
        with suppress(OSError):
            pids += [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]
    return pids


@contextmanager
def box(name: str, address: str, lower: Path, network: Network, folder: Path) -> Iterator[Box]:
    """A box that is off; its disk is a copy-on-write layer over ``lower``."""
    own = folder / name
    own.mkdir()
    with ExitStack() as stack:
        root = stack.enter_context(overlay(lower, own))
        init = root / "opt/init.sh"
        init.write_text(INIT)
        init.chmod(0o755)
        (root / "etc/hostname").write_text(f"{name}\n")
        # Made anew at the first boot, or every box would be the same machine to the journal.
        (root / "etc/machine-id").write_text("")
        made = Box(name, address, root, network)
        stack.callback(shutil.rmtree, own / "upper", ignore_errors=True)
        stack.callback(made.power_off)
        yield made
        made.power_off()
        # The layer is written out before it is unmounted.
        time.sleep(0.1)
