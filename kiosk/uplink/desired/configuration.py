"""Configurations: checked by the device's own loader, then laid where every process finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kiosk.clock import iso
from kiosk.config import Settings, config_file, lay_over
from kiosk.errors import ConfigError
from kiosk.uplink.desired.files import write_whole
from kiosk.uplink.desired.restarts import PROCESSES
from kiosk.uplink.desired.standing import Given, Standing
from kiosk.uplink.desired.trust import LaterError, RefusedError

SEEN_BY_VISION = ("vision", "privacy", "log")
"""Sections of those that may be set from afar in which vision has a part; the others leave its
camera running."""


class Configurations:
    """Takes configurations.

    Attributes:
        standing: which one is at work.
    """

    def __init__(self, settings: Settings) -> None:
        """Look at what was installed before."""
        self._settings = settings
        self._file = config_file(settings.desired.folder)
        self._wanted = settings.desired.public_keys
        version, digest = _installed(self._file) if self._wanted else (0, "")
        if settings.taken.reason:
            # It is not at work: the same one once more is looked at anew, and not taken for done.
            digest = ""
        self.standing = Standing("config", version, digest)
        self.standing.version = settings.taken.version
        # Asked to start again, by which they may have read a configuration that this process has
        # not: it is asked last.
        self._asked: frozenset[str] = frozenset()
        if settings.taken.reason:
            self.standing.refuse(settings.taken.refused, settings.taken.reason[:200])

    def take(self, given: Given) -> tuple[str, ...]:
        """Install a configuration.

        Returns:
            The processes that have to start again to follow it.

        Raises:
            RefusedError: it is older than the installed one, or cannot be used.
            LaterError: it cannot be written now.
        """
        if not self.standing.weigh(given):
            return ()
        document = given.document
        if document.media:
            raise RefusedError("a configuration has no media")
        try:
            settings = lay_over(self._settings.taken.own, document.content)
        except ConfigError as bad:
            raise RefusedError(str(bad).splitlines()[0]) from bad
        try:
            write_whole(self._file, _as_installed(given))
        except OSError as bad:
            raise LaterError(f"it cannot be written here: {bad.strerror or bad}") from bad
        following = _that_follow(_sections(self._settings), _sections(settings))
        self._asked |= set(following)
        processes = tuple(name for name in PROCESSES if name in self._asked)
        self.standing.install(given, at_work=not processes)
        return processes


def _that_follow(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    changed = {name for name, section in after.items() if section != before[name]}
    if not changed:
        return ()
    seen = changed & set(SEEN_BY_VISION)
    return ("vision", "director", "uplink") if seen else ("director", "uplink")


def _sections(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json")


def _as_installed(given: Given) -> bytes:
    document = given.document
    return json.dumps(
        {
            "version": document.version,
            "digest": given.digest,
            "issued": iso(document.issued),
            "content": document.content,
        }
    ).encode()


def _installed(path: Path) -> tuple[int, str]:
    try:
        found = json.loads(path.read_bytes())
        return max(0, int(found["version"])), str(found["digest"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        # None yet, or damaged: then the document at the broker is taken once more.
        return 0, ""
