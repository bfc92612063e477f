"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kiosk.central.web.pages import words


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("year", [1, 9999])
def test_a_lost_clock_s_first_and_last_day_can_be_shown_anywhere(year, zone):
    month, day, hour = (1, 1, 0) if year == 1 else (12, 31, 23)
    moment = datetime(year, month, day, hour, tzinfo=UTC)
    place = ZoneInfo(zone)
    for shown in (words.clock(moment, place), words.stamp(moment, place)):
        assert shown
    assert f"{year}" in words.full_stamp(moment, place)
