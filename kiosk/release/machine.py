"""The machine that a release runs on: systemd, and what `kiosk status` says."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from kiosk.errors import KioskError
from kiosk.release.health import Baseline, Seen, Unit
from kiosk.release.layout import CONFIG, CONFIRM_UNIT, FIRST, TARGETS, Layout, Role

log = logging.getLogger(__name__)

COMMAND_S = 90.0
"""More than any start takes that systemd itself does not give up."""

STATUS_S = 20.0
PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,NRestarts,InvocationID,Type,"
    "ConditionResult,ConditionTimestampMonotonic"
)


class Machine:
    """What can be asked of a machine, and done to it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def make_accounts(self, folder: Path) -> None:
        """Make the accounts that a release needs, before it runs.

        Raises:
            KioskError: they cannot be made.
        """
        self._have_made(folder, "sysusers.d", "systemd-sysusers")

    def make_folders(self, folder: Path) -> None:
        """Make the folders that a release needs, before it runs.

        Raises:
            KioskError: they cannot be made.
        """
        self._have_made(folder, "tmpfiles.d", "systemd-tmpfiles", "--create")

    def _have_made(self, folder: Path, kind: str, *command: str) -> None:
        # Where systemd does not run, it does this itself when it first does.
        files = sorted(str(path) for path in (folder / "lib" / kind).glob("*.conf"))
        if files and self.layout.is_booted() and not _succeeds(*command, *files):
            raise KioskError(
                f"{command[0]} cannot make what release {folder.name} needs", "see what it said"
            )

    def reload(self) -> None:
        """Have systemd and udev read the files of the release that is current now."""
        if self.layout.is_booted():
            _succeeds("systemctl", "daemon-reload")
            _succeeds("udevadm", "control", "--reload")

    def start_confirmation(self) -> None:
        """Have the trial run on its own: it must outlive a lost connection."""
        if not _succeeds("systemctl", "restart", "--no-block", CONFIRM_UNIT):
            raise KioskError(
                f"{CONFIRM_UNIT} cannot be started", f"systemctl status {CONFIRM_UNIT}"
            )

    def confirms(self) -> bool:
        """Whether the trial is running."""
        said = _said("systemctl", "show", "--value", "--property", "ActiveState", CONFIRM_UNIT)
        return said.strip() in ("active", "activating", "reloading")

    def enable(self, unit: str) -> None:
        """Have a unit come up with the machine; where systemd does not run, links are made too."""
        root = self.layout.root
        elsewhere = [] if root == Path("/") else [f"--root={root}"]
        _succeeds("systemctl", *elsewhere, "enable", "--quiet", unit)

    def start(self, role: Role) -> None:
        """Start what does not run yet."""
        _succeeds("systemctl", "start", "--no-block", TARGETS[role])

    def retire(self, roles: Iterable[Role]) -> None:
        """Stop everything, now and at the next boot."""
        if self.layout.is_booted():
            units = [CONFIRM_UNIT, *(TARGETS[role] for role in roles)]
            for unit in units:
                _succeeds("systemctl", "disable", "--quiet", "--now", unit, quiet=True)
            # A target's members stop after it; what is removed next must not be in use.
            services = [name for role in roles for name in self.services(role)]
            if services:
                _succeeds("systemctl", "stop", *services, quiet=True)

    def services(self, role: Role) -> list[str]:
        """The services that a role's target starts or takes along."""
        said = _said("systemctl", "show", "--property", "Wants,Requires,ConsistsOf", TARGETS[role])
        names = {name for line in said.splitlines() for name in line.partition("=")[2].split()}
        return sorted(name for name in names if name.endswith(".service"))

    def restart_first(self, role: Role) -> str | None:
        """Restart what is restarted alone, if the role has it and it is there."""
        first = FIRST[role]
        if first is None or first not in self.services(role):
            return None
        _succeeds("systemctl", "restart", "--no-block", first)
        return first

    def restart_others(self, role: Role, before: Iterable[str]) -> None:
        """Restart all else, start what is new, and stop what is no more.

        Args:
            role: what the machine is.
            before: the services that there were before the switch.
        """
        units = {unit.name: unit for unit in self.units([*self.services(role), *before], True)}
        gone = [name for name, unit in units.items() if unit.rests and unit.sub == "gone"]
        stay = [name for name in units if name not in gone and name != FIRST[role]]
        if gone:
            _succeeds("systemctl", "stop", "--no-block", *gone)
        running = [name for name in stay if units[name].active not in ("inactive", "deactivating")]
        if running:
            _succeeds("systemctl", "restart", "--no-block", *running)
        _succeeds("systemctl", "start", "--no-block", TARGETS[role])

    def baseline(self, role: Role) -> Baseline:
        """What is so now, under the release that runs."""
        if not self.layout.is_booted() or self.layout.current_version() is None:
            return Baseline()
        units = self.units(self.services(role))
        checks = {name: state for name, (state, _) in self.status(role).items()}
        return Baseline({unit.name: unit.active for unit in units}, checks)

    def look(self, role: Role, at_s: float, only: str | None = None) -> Seen:
        """One look at everything, or at one unit."""
        if only:
            return Seen(at_s, tuple(self.units([only])), {})
        target = TARGETS[role]
        return Seen(at_s, tuple(self.units([target, *self.services(role)])), self.status(role))

    def units(self, names: Iterable[str], with_gone: bool = False) -> list[Unit]:
        """How units are.

        Args:
            names: of the units.
            with_gone: also those that run although their file is gone, with ``sub`` as "gone".
        """
        wanted = sorted(set(names))
        if not wanted:
            return []
        said = _said("systemctl", "show", "--property", PROPERTIES, *wanted)
        found = []
        for block in said.strip().split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            loaded = values.get("LoadState") == "loaded" or values.get("Id") in TARGETS.values()
            if values and loaded:
                found.append(_unit(values))
            elif with_gone and values.get("ActiveState") not in (None, "inactive"):
                found.append(Unit(values["Id"], values["ActiveState"], sub="gone", rests=True))
        return found

    def status(self, role: Role) -> Mapping[str, tuple[str, str]]:
        """State and message of each check; empty if the release cannot say."""
        command = self.layout.current / ".venv/bin/kiosk"
        if role != "device" or not command.exists():
            return {}
        try:
            done = subprocess.run(
                [str(command), "status", "--json", "--config", CONFIG],
                capture_output=True,
                text=True,
                check=False,
                timeout=STATUS_S,
            )
            checks = json.loads(done.stdout)["checks"]
            return {each["name"]: (each["state"], each.get("message", "")) for each in checks}
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
            return {}

    def wait(self, seconds: float) -> None:
        """Let time pass between two looks."""
        time.sleep(seconds)


def _unit(values: Mapping[str, str]) -> Unit:
    active = values.get("ActiveState", "unknown")
    tested = values.get("ConditionTimestampMonotonic", "0") != "0"
    unmet = tested and values.get("ConditionResult") == "no"
    return Unit(
        name=values.get("Id", "?"),
        active=active,
        sub=values.get("SubState", ""),
        life=values.get("InvocationID", ""),
        restarts=int(values.get("NRestarts") or 0),
        rests=active == "inactive" and (unmet or values.get("Type") == "oneshot"),
    )


def _succeeds(*command: str, quiet: bool = False) -> bool:
    """Run a command to its end; what it has to say goes to standard error, as ours does."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=COMMAND_S
        )
    except (OSError, subprocess.TimeoutExpired) as bad:
        log.info("%s: %s", command[0], bad)
        return False
    if done.returncode and not quiet:
        log.info("%s: %s", " ".join(command), done.stderr.strip())
    return done.returncode == 0


def _said(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=COMMAND_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
