"""What is written down about releases, so that a machine that lost power knows where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kiosk.errors import BadInputError, KioskError
from kiosk.release.files import as_json, read_json, remove_whole, write_whole
from kiosk.release.health import Baseline
from kiosk.release.layout import Layout, Role

KEPT_ENTRIES = 50
"""Of the history: years of updates, and never a full disk."""

COMPLETE = "complete.json"
"""Written last into a release's folder: a folder without it is the rest of a power cut."""


@dataclass(frozen=True)
class Complete:
    """A release that was installed to its end.

    Attributes:
        role: what it was installed as.
        sums_sha256: hash of the bundle's signed list: two bundles may claim one version.
        installed: UTC, RFC 3339.
    """

    version: str
    role: Role
    arch: str
    sums_sha256: str
    installed: str

    def write(self, folder: Path) -> None:
        """Declare the folder complete."""
        write_whole(folder / COMPLETE, as_json(asdict(self)))


@dataclass(frozen=True)
class Pending:
    """A switch that is not confirmed yet.

    Attributes:
        from_: the release before; None at the first install.
        to: the release that has to prove itself.
        began: UTC; names this switch.
        boot: the machine's run in which it began; empty where systemd did not run.
        boots: later runs that found it unconfirmed.
        rollback: why it is being undone; None while it is on trial.
    """

    from_: str | None
    to: str
    role: Role
    began: str
    deadline_s: float
    settle_s: float
    baseline: Baseline
    boot: str
    boots: tuple[str, ...] = ()
    rollback: str | None = None

    def write(self, layout: Layout) -> Pending:
        """Have it on the disk."""
        values = asdict(self)
        values["from"] = values.pop("from_")
        write_whole(layout.pending, as_json(values))
        return self

    def undone(self, reason: str) -> Pending:
        """The same, to be undone; a reason that is there stays."""
        return replace(self, rollback=self.rollback or reason)


@dataclass(frozen=True)
class Entry:
    """What became of one switch.

    Attributes:
        outcome: confirmed, rolled_back, unhealthy (and nothing to go back to) or interrupted.
        previous: the release before.
        reason: one sentence; empty if all went well.
    """

    version: str
    previous: str | None
    outcome: str
    reason: str
    began: str
    ended: str


def now() -> str:
    """UTC, RFC 3339, to the microsecond: it names a switch."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_complete(folder: Path) -> Complete | None:
    """What a release's folder says of itself; None if it is not complete."""
    try:
        values = read_json(folder / COMPLETE)
        return None if values is None else Complete(**values)
    except (KioskError, TypeError):
        return None


def installed(layout: Layout, version: str) -> Complete:
    """A release that can be switched to.

    Raises:
        BadInputError: it is not installed.
    """
    found = read_complete(layout.release(version))
    if found is None:
        raise BadInputError(
            f"release {version} is not installed here", "kiosk-release list shows those that are"
        )
    return found


def all_installed(layout: Layout) -> list[Complete]:
    """Every complete release, the newest install first."""
    if not layout.releases.is_dir():
        return []
    found = [read_complete(folder) for folder in layout.releases.iterdir()]
    return sorted((each for each in found if each), key=lambda each: each.installed, reverse=True)


def read_pending(layout: Layout) -> Pending | None:
    """The unconfirmed switch, if there is one.

    Raises:
        KioskError: the file cannot be used.
    """
    values = read_json(layout.pending)
    if values is None:
        return None
    try:
        values["from_"] = values.pop("from")
        values["boots"] = tuple(values["boots"])
        values["baseline"] = Baseline(**values["baseline"])
        return Pending(**values)
    except (KeyError, TypeError) as bad:
        raise KioskError(
            f"{layout.pending}: cannot be used: {bad}", "restore it, or remove it"
        ) from bad


def read_history(layout: Layout) -> list[Entry]:
    """What became of each switch, the oldest first."""
    values = read_json(layout.history) or {}
    try:
        return [Entry(**each) for each in values.get("entries", [])]
    except TypeError as bad:
        raise KioskError(
            f"{layout.history}: cannot be used: {bad}", "restore it, or remove it"
        ) from bad


def close(layout: Layout, pending: Pending, outcome: str, reason: str = "") -> Entry:
    """Write down what became of a switch; it is pending no more."""
    entry = Entry(pending.to, pending.from_, outcome, reason, pending.began, now())
    # A power cut may have come between the two changes below.
    older = [each for each in read_history(layout) if each.began != pending.began]
    kept = [*older, entry][-KEPT_ENTRIES:]
    write_whole(layout.history, as_json({"entries": [asdict(each) for each in kept]}))
    remove_whole(layout.pending)
    return entry


def last_outcomes(layout: Layout) -> Mapping[str, Entry]:
    """The latest that is known of each version."""
    return {each.version: each for each in read_history(layout)}


def previous_of(layout: Layout, version: str | None) -> str | None:
    """What ran, and ran well, before ``version``; None if nothing that is still here did."""
    outcomes = last_outcomes(layout)
    here = {each.version for each in all_installed(layout)} - {version}

    def is_good(name: str | None) -> bool:
        if name is None or name not in here:
            return False
        return name not in outcomes or outcomes[name].outcome != "rolled_back"

    history = read_history(layout)
    for entry in reversed(history):
        if entry.version == version and entry.outcome == "confirmed" and is_good(entry.previous):
            return entry.previous
    for entry in reversed(history):
        if entry.outcome == "confirmed" and is_good(entry.version):
            return entry.version
    return None


def describe(value: Any) -> dict[str, Any]:
    """A record as JSON takes it."""
    return asdict(value)
