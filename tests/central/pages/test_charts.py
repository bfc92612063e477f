"""What charts are drawn from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.central.reading import HeatCell, Share
from kiosk.central.reading.figures import exact
from kiosk.central.web.pages import charts


def heat_of(*values: float) -> list[HeatCell]:
    none = exact(0)
    return [HeatCell(0, hour, 1, exact(value), none, none) for hour, value in enumerate(values)]


@pytest.mark.parametrize("value", [0, 1, 4])
def test_a_count_too_small_to_be_told_cannot_be_read_off_a_chart(value):
    none, some = (charts.shares([Share("1", exact(one))], 5)[0] for one in (0, value))
    assert some == none
    assert charts.heat(heat_of(value), "ots", 5) == charts.heat(heat_of(0), "ots", 5)
    assert charts.heat_levels(heat_of(value, 2), "ots", 5) == [0, 0]


def test_other_counts_are_drawn_as_they_are():
    row = charts.shares([Share("1", replace(exact(7), sd=1.0, low=5, high=9))], 5)[0]
    assert (row["value"], row["low"], row["high"]) == (7, 5, 9)
    assert charts.heat_levels(heat_of(5, 10), "ots", 5) == [5, 9]
