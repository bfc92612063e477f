"""Weeks by their names."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest

from kiosk.central.reading import parse_week

ZONE = ZoneInfo("Europe/Berlin")


def test_a_week_begins_on_its_monday():
    period = parse_week("2026-W01", ZONE)
    assert (period.first, period.last) == (date(2025, 12, 29), date(2026, 1, 4))
    assert period.end.astimezone(UTC).date() == date(2026, 1, 4)


@pytest.mark.parametrize(
    "name",
    [
        "0001-W01",
        "9999-W52",
        "2026-W54",
        "2026-W\u0664\u0667",
        "+026-W01",
        "2026-W1",
        "2026-47",
        "",
    ],
)
def test_what_is_no_week_of_our_age_is_none(name):
    assert parse_week(name, ZONE) is None
