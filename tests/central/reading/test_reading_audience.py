from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from datetime import timedelta

import pytest

from kiosk.central.reading import (
    EVERYWHERE,
    Period,
    find_scope,
    read_audience,
    read_hours,
    read_week,
)
from kiosk.central.reading.hours import on_all_bands
from tests.central.reading.archive import FIRST, FLEET, HOUR, HOURS, PERIOD, ZONE, Archive


def of_device(connection, device: int):
    branch = FLEET.branch(device)
    scope = find_scope(connection, branch.tenant, branch.site, branch.device)
    assert scope is not None
    return scope


def of_site(connection, device: int):
    branch = FLEET.branch(device)
    scope = find_scope(connection, branch.tenant, branch.site)
    assert scope is not None
    return scope


def numbers(told) -> list[float]:
    """Every number of nested dataclasses, in order; the store rounds variances a little."""
    if is_dataclass(told):
        return [one for field in fields(told) for one in numbers(getattr(told, field.name))]
    if isinstance(told, tuple):
        return [one for part in told for one in numbers(part)]
    return [told] if isinstance(told, int | float) else []


def test_totals_are_the_sums_of_what_devices_sent(archive: Archive) -> None:
    sent = archive.told(range(FLEET.devices))
    with archive.connect() as connection:
        totals = read_audience(connection, EVERYWHERE, PERIOD).totals
    assert totals.device_hours == len(sent) == 3 * HOURS
    assert totals.ots.value == sum(one.tables.ots for one in sent)
    assert totals.watchers.value == sum(one.tables.watchers for one in sent)
    assert totals.attention_s.value == sum(one.tables.attention_s or 0 for one in sent)
    assert totals.plays == sum(one.tables.plays for one in sent)


def test_the_interval_comes_from_the_noise_that_was_drawn(archive: Archive) -> None:
    noise = archive.hours[0][2].noise
    assert noise != "off"
    a = math.exp(-1 / noise.scales["visits"])
    cell = 2 * a / (1 - a) ** 2
    with archive.connect() as connection:
        totals = read_audience(connection, EVERYWHERE, PERIOD).totals
    assert totals.watchers.sd == pytest.approx(math.sqrt(3 * HOURS * cell))
    assert totals.ots.sd == pytest.approx(math.sqrt(3 * HOURS * 2 * cell))


def test_a_site_with_one_device_has_the_figures_of_that_device(archive: Archive) -> None:
    """The sums of the store, and the hours as they came, say the same in every cell."""
    with archive.connect() as connection:
        site = read_audience(connection, of_site(connection, 1), PERIOD)
        device = read_audience(connection, of_device(connection, 1), PERIOD)
    for name in ("totals", "days", "heat", "ages", "moods", "groups"):
        assert numbers(getattr(site, name)) == pytest.approx(numbers(getattr(device, name))), name


def test_the_map_of_the_week_follows_the_clocks_of_the_place(archive: Archive) -> None:
    with archive.connect() as connection:
        heat = read_audience(connection, EVERYWHERE, PERIOD).heat
    by_slot = {(cell.weekday, cell.hour): cell for cell in heat}
    assert len(heat) == 168
    saturday, sunday, monday = 5, 6, 0
    assert by_slot[sunday, 2].hours == 2  # the hour that the end of summer time repeats
    for weekday in (saturday, sunday, monday):
        assert all(by_slot[weekday, hour].hours >= 1 for hour in range(24))
    assert by_slot[2, 12].hours == 0
    assert sum(cell.hours for cell in heat) == HOURS

    noon_of_monday = FIRST + 61 * HOUR  # 48 hours, one more, and twelve
    sent = sum(one.tables.ots for _, at, one in archive.hours if at == noon_of_monday)
    assert by_slot[monday, 12].ots.value == sent


def test_a_day_of_25_hours_has_them_all(archive: Archive) -> None:
    with archive.connect() as connection:
        days = read_audience(connection, EVERYWHERE, PERIOD).days
    assert [day.device_hours for day in days] == [3 * 24, 3 * 25, 3 * 24]


def test_ages_add_up_to_what_was_sent_band_by_band(archive: Archive) -> None:
    with archive.connect() as connection:
        ages = read_audience(connection, EVERYWHERE, PERIOD).ages
    sent = archive.told(range(FLEET.devices))
    for row in ages:
        expected = sum((one.tables.age_gender or {})[row.band]["female"] for one in sent)
        assert row.female.value == expected, row.band


def test_hours_come_in_order_and_end_before_the_end(archive: Archive) -> None:
    with archive.connect() as connection:
        for scope in (EVERYWHERE, of_device(connection, 0)):
            hours = read_hours(connection, scope, FIRST, FIRST + 5 * HOUR)
            assert [hour.at for hour in hours] == [FIRST + number * HOUR for number in range(5)]


def test_days_without_hours_are_empty_and_not_zero(archive: Archive) -> None:
    later = Period(PERIOD.last + timedelta(days=5), PERIOD.last + timedelta(days=6), ZONE)
    with archive.connect() as connection:
        told = read_audience(connection, EVERYWHERE, later)
    assert told.days == ()
    assert told.totals.device_hours == 0
    assert all(cell.hours == 0 for cell in told.heat)


def test_an_unknown_place_is_nowhere(archive: Archive) -> None:
    with archive.connect() as connection:
        branch = FLEET.branch(0)
        assert find_scope(connection, branch.tenant, "'; DROP TABLE hours; --") is None
        assert find_scope(connection, branch.tenant, branch.site, "nobody") is None
        assert find_scope(connection, "", "") == EVERYWHERE


def test_a_week_tells_what_each_device_has_sent(archive: Archive) -> None:
    with archive.connect() as connection:
        told = read_week(connection, of_site(connection, 0), PERIOD)
    assert [one.hours for one in told.devices] == [HOURS, HOURS]
    plays = sum(one.tables.plays for one in archive.told([0, 2]))
    assert sum(one.plays for one in told.devices) == plays == told.audience.totals.plays
    assert told.devices[0].last == FIRST + (HOURS - 1) * HOUR


@pytest.mark.parametrize(
    ("bands", "rows"),
    [
        ("0-12,13-17,18-24,25-34,35-44,45-54,55-64,65+,unknown", list(range(9))),
        ("0-17,18-34,35-54,55+,unknown", [0, 2, 4, 6, 8]),
        ("0-30,31+,unknown", [0, 3, 8]),
    ],
)
def test_joined_bands_stand_with_the_first_of_them(bands: str, rows: list[int]) -> None:
    count = len(bands.split(","))
    spread = on_all_bands(list(range(1, 3 * count + 1)), bands)
    assert len(spread) == 27
    assert [spread[3 * row : 3 * row + 3] for row in rows] == [
        [3 * number + 1, 3 * number + 2, 3 * number + 3] for number in range(count)
    ]
    assert sum(spread) == sum(range(1, 3 * count + 1))
