"""Where a release and what belongs to it lie on a machine."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from kiosk.errors import BadInputError

Role = Literal["device", "central"]
ROLES: tuple[Role, ...] = get_args(Role)

TARGETS: dict[Role, str] = {"device": "kiosk.target", "central": "kiosk-central.target"}
"""What is started, restarted and watched."""

FIRST: dict[Role, str | None] = {"device": "kiosk-director.service", "central": None}
"""Restarted alone and before the others: while it is not up, the screen keeps what it shows."""

CONFIRM_UNIT = "kiosk-confirm.service"
CONFIG = "/etc/kiosk/config.yaml"

LINKS = {
    "usr/local/lib/systemd/system": "/opt/kiosk/current/lib/systemd/system",
    "usr/local/lib/sysusers.d": "/opt/kiosk/current/lib/sysusers.d",
    "usr/local/lib/tmpfiles.d": "/opt/kiosk/current/lib/tmpfiles.d",
}
"""Places where Debian looks, below the root, and what they lead to."""

COMMANDS = {
    "usr/local/bin/kiosk": "/opt/kiosk/current/.venv/bin/kiosk",
    "usr/local/bin/kiosk-release": "/opt/kiosk/bin/kiosk-release",
}
"""The same for whoever types a command; no release depends on them."""

UDEV_RULES = "udev/rules.d/70-kiosk.rules"
"""The same below a release's lib and below /etc; udev does not look in /usr/local."""

VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,63}")


@dataclass(frozen=True)
class Layout:
    """The folders of one machine.

    Attributes:
        root: what stands for ``/``; another folder only in tests and when an image is made.
    """

    root: Path = Path("/")

    @property
    def product(self) -> Path:
        """Everything of the product that no release can break."""
        return self.root / "opt/kiosk"

    @property
    def releases(self) -> Path:
        """One folder per release."""
        return self.product / "releases"

    @property
    def current(self) -> Path:
        """The one link that says which release runs."""
        return self.product / "current"

    @property
    def pending(self) -> Path:
        """There while a switch is not confirmed."""
        return self.product / "pending.json"

    @property
    def history(self) -> Path:
        """What became of each switch."""
        return self.product / "history.json"

    @property
    def key(self) -> Path:
        """The public key that signs bundles."""
        return self.product / "trusted/release.pub"

    @property
    def confirm_unit(self) -> Path:
        """The unit that outlives every release."""
        return self.root / "etc/systemd/system" / CONFIRM_UNIT

    @property
    def udev_rules(self) -> Path:
        """The copy of the running release's rules."""
        return self.root / "etc" / UDEV_RULES

    def release(self, version: str) -> Path:
        """A release's folder.

        Raises:
            BadInputError: that is no version.
        """
        if not VERSION.fullmatch(version) or ".." in version:
            raise BadInputError(f'"{version}" is not a version', "for example 1.4.0")
        return self.releases / version

    def current_version(self) -> str | None:
        """The version that ``current`` leads to, or None while there is none."""
        if not self.current.is_symlink():
            return None
        return self.current.readlink().name

    @property
    def boot_marker(self) -> Path:
        """Names this run of the machine, with which it goes.

        Not the kernel's boot_id: a service in a sandbox in a container reads another one than a
        shell beside it.
        """
        return self.root / "run/kiosk-release.boot"

    def boot(self) -> str:
        """The name of this run of the machine, given when it is first asked for."""
        try:
            with self.boot_marker.open("x", encoding="ascii") as file:
                file.write(str(uuid.uuid4()))
        except FileExistsError:
            pass
        return self.boot_marker.read_text(encoding="ascii")

    def is_booted(self) -> bool:
        """Whether systemd runs here; it does not where an image is being made."""
        return (self.root / "run/systemd/system").is_dir()
