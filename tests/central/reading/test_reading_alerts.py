from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.central.reading import StateRow, alerts_of
from kiosk.config import AlertSettings

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
WELL = StateRow(
    state="online",
    since=NOW - timedelta(days=3),
    seen=NOW - timedelta(seconds=20),
    last_hour=NOW.replace(hour=11, minute=0),
    drift_s=0.2,
    health_at=NOW - timedelta(seconds=20),
    clock="set",
    vision="live",
    peak_fps=25,
    screens=1,
    uptime_s=80_000,
    temperature_c=50,
    disk_free_mb=8000,
    waiting=0,
    unacknowledged=2,
    config_version=3,
    campaign_version=9,
)
LONG = timedelta(hours=5)


def kinds(**changes) -> list[str]:
    return [one.kind for one in alerts_of(replace(WELL, **changes), AlertSettings(), NOW)]


def test_a_device_that_does_its_work_raises_nothing() -> None:
    assert kinds() == []


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("silent", {"seen": NOW - timedelta(seconds=301)}),
        ("silent", {"state": "offline", "since": NOW - timedelta(minutes=6)}),
        ("no_camera", {"vision": "absent"}),
        ("no_camera", {"vision": "stale"}),
        ("black_input", {"dark": True}),
        ("low_fps", {"peak_fps": 0}),
        ("no_screen", {"screens": 0}),
        ("time_drift", {"drift_s": 31.0}),
        ("time_drift", {"drift_s": -4000.0}),
        ("time_drift", {"clock": "unset"}),
        ("disk", {"disk_free_mb": 499}),
        ("hot", {"temperature_c": 85}),
        ("outbox", {"unacknowledged": 101}),
        ("late_hour", {"last_hour": NOW - LONG}),
        ("refused_document", {"refused": (("campaign", 10, "tea.svg: not found"),)}),
    ],
)
def test_each_trouble_is_told_with_what_to_do(kind: str, changes: dict) -> None:
    (alert,) = alerts_of(replace(WELL, **changes), AlertSettings(), NOW)
    assert alert.kind == kind
    assert alert.sentence.endswith(".")
    assert ": " in alert.sentence


def test_of_a_silent_device_nothing_else_is_said() -> None:
    assert kinds(seen=NOW - LONG, vision="absent", temperature_c=99) == ["silent"]


def test_a_connection_that_is_away_for_a_moment_is_nobodys_business() -> None:
    assert kinds(state="offline", since=NOW - timedelta(seconds=30)) == []


def test_who_rests_needs_no_camera_and_sends_no_hours() -> None:
    assert kinds(resting=True, vision="absent", last_hour=NOW - LONG) == []


def test_a_device_that_has_just_started_is_given_time() -> None:
    assert kinds(uptime_s=10, vision="absent", screens=0, peak_fps=0) == []


def test_what_stops_its_work_comes_before_what_soon_may() -> None:
    assert kinds(temperature_c=99, vision="absent") == ["no_camera", "hot"]


def test_a_device_that_has_said_nothing_of_itself_raises_nothing() -> None:
    row = StateRow(state="online", since=NOW, seen=NOW)
    assert alerts_of(row, AlertSettings(), NOW) == ()
