"""What is wrong with a device, from how it said it does; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kiosk.config import AlertSettings

Severity = Literal["bad", "warn"]

HOUR = timedelta(hours=1)
STARTING_S = 300
"""So long after its start a device may be without a camera, a screen or a rate."""


@dataclass(frozen=True)
class Alert:
    """Something about a device that wants a hand.

    Attributes:
        kind: a stable name.
        severity: bad: it does not do its work; warn: it soon may not.
        sentence: what, and what to do.
        since: from when on, as far as it is known.
    """

    kind: str
    severity: Severity
    sentence: str
    since: datetime | None = None


@dataclass(frozen=True)
class StateRow:
    """A device as it last said it does; None: it has not said.

    Attributes:
        state: online or offline, as the broker says.
        since: from when on it is in that state.
        seen: when anything came last.
        last_hour: start of its newest hour.
        drift_s: how far its clock is ahead of ours.
        health_at: when it said what follows, by its own clock.
        clock: whether a time service has set its clock: set or unset.
        vision: live, stale or absent.
        dark: the camera gives nothing but black pictures.
        peak_fps: most frames a second since its start, by fives.
        resting: nobody is to be counted now.
        screens: pages that are connected.
        uptime_s: since its start.
        temperature_c: of its hottest part.
        disk_free_mb: on the disk of its state file.
        waiting: messages that the broker does not have yet.
        unacknowledged: messages that head office has not committed.
        config_version: of the configuration at work; 0: the device's own.
        campaign_version: of the campaign at work; 0: the device's own.
        campaign: its name.
        refused: a version of a document that it does not use, by kind, with the reason.
    """

    state: str | None
    since: datetime | None
    seen: datetime
    last_hour: datetime | None = None
    drift_s: float | None = None
    health_at: datetime | None = None
    clock: str | None = None
    vision: str | None = None
    dark: bool = False
    peak_fps: int | None = None
    resting: bool = False
    screens: int | None = None
    uptime_s: int | None = None
    temperature_c: int | None = None
    disk_free_mb: int | None = None
    waiting: int | None = None
    unacknowledged: int | None = None
    config_version: int | None = None
    campaign_version: int | None = None
    campaign: str = ""
    refused: tuple[tuple[str, int, str], ...] = ()


def alerts_of(row: StateRow, settings: AlertSettings, now: datetime) -> tuple[Alert, ...]:
    """What is wrong with a device, worst first.

    Of a device that is silent nothing else is said: what it said before may no longer be so.
    """
    silent = _silent(row, settings, now)
    if silent is not None:
        return (silent,)
    found = [*_seeing(row, settings), *_machine(row, settings), *_sending(row, settings, now)]
    return tuple(sorted(found, key=lambda alert: alert.severity))


def is_silent(row: StateRow, settings: AlertSettings, now: datetime) -> bool:
    """Whether nothing is heard of a device."""
    return row.state == "offline" or (now - row.seen).total_seconds() > settings.silent_s


def _silent(row: StateRow, settings: AlertSettings, now: datetime) -> Alert | None:
    if not is_silent(row, settings, now):
        return None
    since = row.since if row.state == "offline" and row.since else row.seen
    # The broker tells of a lost connection at once; a short one is nobody's business.
    if (now - min(since, now)).total_seconds() <= settings.silent_s:
        return None
    return Alert(
        "silent", "bad", "Nothing is heard of it: check its power and the shop's network.", since
    )


def _seeing(row: StateRow, settings: AlertSettings) -> Iterator[Alert]:
    if row.uptime_s is None or row.uptime_s < STARTING_S:
        return
    if row.screens == 0:
        yield Alert(
            "no_screen", "bad", "No screen shows its page: check the display and the browser."
        )
    if row.resting:
        return
    if row.vision in ("absent", "stale"):
        yield Alert(
            "no_camera", "bad", "No pictures come from its camera: check the cable and the power."
        )
    elif row.dark:
        yield Alert(
            "black_input", "bad", "Its camera gives black pictures: take off a cap, or turn it on."
        )
    elif row.peak_fps is not None and row.peak_fps < settings.low_fps:
        yield Alert(
            "low_fps",
            "warn",
            f"It has seen {row.peak_fps} frames a second at most: check the camera's mode, and"
            " whether the machine is too hot or too busy.",
        )


def _machine(row: StateRow, settings: AlertSettings) -> Iterator[Alert]:
    if row.clock == "unset":
        yield Alert(
            "time_drift",
            "bad",
            "Its clock was never set, so its hours wait: check its time service.",
        )
    elif row.drift_s is not None and abs(row.drift_s) > settings.drift_s:
        way = "ahead of" if row.drift_s > 0 else "behind"
        yield Alert(
            "time_drift",
            "warn",
            f"Its clock is {_seconds(abs(row.drift_s))} {way} ours: check its time service.",
        )
    if row.disk_free_mb is not None and row.disk_free_mb < settings.disk_free_mb:
        yield Alert(
            "disk", "warn", f"Its disk has {row.disk_free_mb} MB left: make room, or change it."
        )
    if row.temperature_c is not None and row.temperature_c >= settings.temperature_c:
        yield Alert(
            "hot", "warn", f"It is {row.temperature_c} °C hot: give it air, and clean its fan."
        )


def _sending(row: StateRow, settings: AlertSettings, now: datetime) -> Iterator[Alert]:
    if row.unacknowledged is not None and row.unacknowledged > settings.outbox_waiting:
        yield Alert(
            "outbox",
            "warn",
            f"{row.unacknowledged:,} messages wait on it: its line is slow, or ingest is behind.",
        )
    late = row.last_hour is not None and not row.resting
    if late and row.last_hour is not None and row.clock != "unset":
        ended = row.last_hour + HOUR
        if (now - ended).total_seconds() > settings.hour_late_s:
            yield Alert(
                "late_hour",
                "warn",
                "Its hours do not come: look at its director's log for noise_failed.",
                ended,
            )
    for kind, version, reason in row.refused:
        why = reason.rstrip(".") or "no reason was given"
        yield Alert(
            "refused_document",
            "warn",
            f"It does not use version {version} of its {kind}: {why}. Publish one that is right.",
        )


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
