"""The hardware watchdog: a machine that hangs for good starts again by itself, and plays."""

from __future__ import annotations

import time

import pytest

from tests.machine.cut_ledger import what_was_said
from tests.machine.emulated import BOOT_S, Emulated
from tests.machine.shop_machine import set_up, settings, switch_to_stand_ins
from tests.proofs import Claim

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

IDENTITY = "i6300ESB timer"
PATIENCE_S = 20
"""Of the watchdog; the shortest that an emulated machine among other work does not stumble over."""

RULE = f"""SUBSYSTEM=="watchdog", ATTR{{identity}}=="{IDENTITY}", SYMLINK+="watchdog-hardware"
"""
MANAGER = f"""[Manager]
RuntimeWatchdogSec={PATIENCE_S}
WatchdogDevice=/dev/watchdog-hardware
"""
HANGS = {
    "a kernel that panicked and stands still": "sleep 1; echo c >/proc/sysrq-trigger",
    "realtime tasks that take every processor": """
        sysctl -q kernel.sched_rt_runtime_us=-1 || echo -1 >/proc/sys/kernel/sched_rt_runtime_us
        exec chrt -f 99 sh -c 'sleep 1
            for task in 1 2 3 4; do (while :; do :; done) & done; wait'
    """,
    "a service manager that crashed": "sleep 1; kill -SEGV 1",
}


def test_the_hardware_watchdog_resets_a_hung_machine(machine: Emulated, claim: Claim) -> None:
    """A hung machine is reset by its hardware watchdog, and plays again."""
    machine.switch_on()
    machine.wait_until_up()
    # Nobody listens there: what is played needs no head office.
    set_up(machine, settings(9), ("kiosk-director", "kiosk-uplink"))
    machine.write("/etc/udev/rules.d/60-watchdog.rules", RULE)
    machine.write("/etc/systemd/system.conf.d/watchdog.conf", MANAGER)
    # It is there first, and takes the name that a machine with one watchdog uses.
    machine.write("/etc/modules-load.d/softdog.conf", "softdog\n")
    switch_to_stand_ins(machine)
    machine.sh("sync; systemctl reboot --force &")
    for what in [None, *HANGS]:
        if what is not None:
            took_s = _hang(machine, HANGS[what])
            claim.figure(f"{what}: reset after {took_s:.0f} s")
            assert took_s < 3 * PATIENCE_S
        _wait_until_it_plays(machine)
        _check_armed(machine)
    claim.figure(f"RuntimeWatchdogSec={PATIENCE_S} s")


def _hang(machine: Emulated, script: str) -> float:
    """Hang it; returns seconds until the emulator told that its watchdog had fired."""
    machine.agent.ask("guest-exec", path="/bin/sh", arg=["-c", script])
    begun_s = time.monotonic()
    fired = machine.emulator.wait_for_event("WATCHDOG", 10 * PATIENCE_S)
    assert fired["data"] == {"action": "reset"}
    took_s = time.monotonic() - begun_s
    machine.emulator.wait_for_event("RESET", 30)
    return took_s


def _wait_until_it_plays(machine: Emulated) -> None:
    """Wait for plays of another boot than all before."""
    before = what_was_said(machine.said)

    def plays() -> bool:
        now = what_was_said(machine.said)
        return any(len(said.presented) > 1 for name, said in now.items() if name not in before)

    machine.patiently(plays, "plays after the reset", 2 * BOOT_S)
    machine.wait_until_up()


def _check_armed(machine: Emulated) -> None:
    """The one that the machine carries is driven, and the other is left alone."""
    told = machine.sh("cd /sys/class/watchdog; grep . */identity */state */timeout")
    found: dict[str, dict[str, str]] = {}
    for line in told.splitlines():
        path, _, value = line.partition(":")
        name, _, key = path.partition("/")
        found.setdefault(name, {})[key] = value
    hardware = [one for one in found.values() if one["identity"] == IDENTITY]
    others = [one for one in found.values() if one["identity"] != IDENTITY]
    assert [(one["state"], one["timeout"]) for one in hardware] == [("active", str(PATIENCE_S))]
    assert [one["state"] for one in others] == ["inactive"]
