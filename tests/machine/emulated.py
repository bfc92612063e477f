"""A whole machine: emulated processor, Debian's kernel, systemd, and the product.

Nothing of it is faster than an eighth of the real thing, so patience is generous here and nowhere
a figure of the product.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from tests.machine.machine_disks import WORK, Disks, overlay, state_disk
from tests.machine.machine_lines import Agent, Line, SilentError

BOOT_S = 600.0
"""Patience with a boot; about twenty seconds of it are used when nobody else is at work here."""

COMMAND_S = 120.0
PROCESSORS, MEMORY_MB = 2, 1280
HOST = "10.0.2.2"
"""This machine, as the emulated one sees it."""

KERNEL_WORDS = (
    "console=ttyS0 loglevel=4 mitigations=off nokaslr systemd.show_status=no"
    f" systemd.default_timeout_start_sec={BOOT_S:.0f}"
)


class Emulated:
    """A machine that can be switched on, cut off and spoken with.

    Attributes:
        folder: everything that it writes.
        said: what programs within say to the outside, a line at a time, up to the very cut.
        console: what its kernel says.
        emulator: the line to the emulator, while it runs.
    """

    def __init__(self, disks: Disks, folder: Path) -> None:
        self.folder = folder
        self.said = folder / "said.jsonl"
        self.console = folder / "console.log"
        self.state = state_disk(folder / "state.img")
        self._disks = disks.held_in(folder)
        self._root = overlay(self._disks.root, folder / "root.qcow2")
        self._child: subprocess.Popen[bytes] | None = None
        self._agent: Agent | None = None
        self._emulator: Line | None = None
        self.on_s = 0.0

    def switch_on(self, at: datetime | None = None) -> None:
        """Begin to boot.

        Args:
            at: what its clock shows then; by default the time.
        """
        assert self._child is None
        for name in ("agent", "emulator"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("ab") as log:
            self._child = subprocess.Popen(self._command(at), stdout=log, stderr=log)
        self.on_s = time.monotonic()
        self.patiently((self.folder / "emulator").exists, "the emulator's start", 30)
        self._emulator = Line(self.folder / "emulator")
        self._emulator.greet()
        self._agent = Agent(self.folder / "agent")

    def wait_until_up(self, deadline_s: float = BOOT_S) -> float:
        """Wait for the agent within; returns seconds since the machine was switched on."""
        try:
            self.agent.meet(deadline_s)
        except SilentError as bad:
            bad.add_note(self.console.read_text(errors="replace")[-4000:])
            raise
        return time.monotonic() - self.on_s

    def cut(self) -> None:
        """Take the power away: whatever the kernel had not given to a disk is gone."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
        for line in (self._agent, self._emulator):
            if line is not None:
                line.close()
        self._agent = self._emulator = None

    @property
    def agent(self) -> Agent:
        assert self._agent is not None, "the machine is off"
        return self._agent

    @property
    def emulator(self) -> Line:
        assert self._emulator is not None, "the machine is off"
        return self._emulator

    def run(
        self,
        *command: str,
        check: bool = True,
        input_: str | None = None,
        deadline_s: float = COMMAND_S,
    ) -> str:
        """Run a command within, as root, to its end; returns what it said."""
        code, output, errors = self.agent.run(
            "/usr/bin/env", *command, input_=input_, deadline_s=deadline_s
        )
        assert not check or code == 0, f"{command}: {code}: {output[-2000:]}{errors[-2000:]}"
        return output

    def sh(self, script: str, deadline_s: float = COMMAND_S) -> str:
        """Run lines of shell, each of which has to succeed."""
        return self.run("sh", "-ec", script, deadline_s=deadline_s)

    def write(self, path: str, text: str) -> None:
        """Write a file within."""
        self.run("sh", "-ec", 'mkdir -p "${0%/*}"; cat >"$0"', path, input_=text)

    def configure(self, settings: dict[str, Any]) -> None:
        """The product's configuration."""
        self.write("/etc/kiosk/config.yaml", yaml.safe_dump(settings))

    def show(self, unit: str, key: str) -> str:
        """What systemd holds of a unit."""
        return self.run("systemctl", "show", "--value", "--property", key, unit).strip()

    def journal(self, unit: str) -> str:
        """What a unit has said in this boot."""
        return self.run("journalctl", "--no-pager", "-b", "-o", "cat", "-u", unit)

    def wait_for_word(self, unit: str, text: str, deadline_s: float, times: int = 1) -> str:
        """Wait until a unit has said something so many times; returns all that it said."""
        heard = ""

        def is_said() -> bool:
            nonlocal heard
            heard = self.journal(unit)
            return heard.count(text) >= times

        try:
            self.patiently(is_said, f"{unit} says {text}", deadline_s, every_s=1)
        except AssertionError as bad:
            bad.add_note(heard[-3000:])
            raise
        return heard

    def boot(self) -> str:
        """Name of this boot."""
        return self.run("cat", "/proc/sys/kernel/random/boot_id").strip()

    @staticmethod
    def patiently(
        holds: Callable[[], object], what: str, deadline_s: float, every_s: float = 0.1
    ) -> None:
        """Look again and again until something is so."""
        until = time.monotonic() + deadline_s
        while not holds():
            assert time.monotonic() < until, f"not within {deadline_s:g} s: {what}"
            time.sleep(every_s)

    def _command(self, at: datetime | None) -> list[str]:
        moment = f"{at:%Y-%m-%dT%H:%M:%S}" if at is not None else "utc"
        # It goes with the tests, whatever ends them.
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "qemu-system-x86_64",
            "-accel",
            "tcg,thread=multi,tb-size=512",
            "-cpu",
            "max",
        ]
        command += ["-M", "q35", "-m", str(MEMORY_MB), "-smp", str(PROCESSORS), "-nodefaults"]
        command += ["-display", "none", "-rtc", f"base={moment}"]
        command += ["-kernel", str(self._disks.kernel), "-initrd", str(self._disks.initrd)]
        command += ["-append", KERNEL_WORDS]
        command += ["-device", "i6300esb", "-action", "watchdog=reset"]
        for path, options in [
            (self._root, "format=qcow2"),
            (self._disks.product, "format=raw,readonly=on"),
            (self.state, "format=raw"),
        ]:
            command += ["-drive", f"file={path},if=virtio,{options},cache=writethrough"]
        command += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-device", "virtio-rng-pci", "-device", "virtio-serial"]
        command += ["-chardev", f"socket,id=agent,path={self.folder}/agent,server=on,wait=off"]
        command += ["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
        command += ["-chardev", f"file,id=said,path={self.said},append=on"]
        command += ["-device", "virtserialport,chardev=said,name=kiosk.said"]
        command += ["-chardev", f"file,id=console,path={self.console},append=on"]
        command += ["-serial", "chardev:console"]
        return [*command, "-qmp", f"unix:{self.folder}/emulator,server=on,wait=off"]


@contextmanager
def emulated(disks: Disks) -> Iterator[Emulated]:
    """A machine of its own that is off; nothing of it is left behind."""
    with ExitStack() as stack:
        WORK.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=WORK))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        one = Emulated(disks, folder)
        stack.callback(one.cut)
        yield one
