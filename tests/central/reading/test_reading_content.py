from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.central.reading import (
    EVERYWHERE,
    find_scope,
    read_content,
    read_deliveries,
    read_fleet,
    read_office,
    read_overview,
    read_sites,
)
from kiosk.central.store import Alert, Entry, note_worker, raise_alerts, work_off, write
from tests.central.reading.archive import FIRST, FLEET, HOUR, HOURS, PERIOD, ZONE, Archive, fill

CREATIVE = FLEET.creatives[0].name
END = FIRST + HOURS * HOUR


def plays_of(archive: Archive, name: str, since: datetime = FIRST) -> int:
    return sum(one.tables.creatives[name].plays for _, at, one in archive.hours if at >= since)


def test_a_creative_has_what_all_devices_sent_of_it(archive: Archive) -> None:
    with archive.connect() as connection:
        told = read_content(connection, EVERYWHERE, PERIOD)
    sent = [one.tables.creatives for _, _, one in archive.hours]
    assert {one.name for one in told.creatives} == {one.name for one in FLEET.creatives}
    for one in told.creatives:
        assert one.plays == sum(tables[one.name].plays for tables in sent)
        assert one.ots.value == sum(tables[one.name].ots for tables in sent)
    assert [one.plays for one in told.creatives] == sorted(
        (one.plays for one in told.creatives), reverse=True
    )


def test_the_sites_of_a_creative_add_up_to_all(archive: Archive) -> None:
    with archive.connect() as connection:
        everywhere = read_content(connection, EVERYWHERE, PERIOD)
        parts = []
        for device in (0, 1):
            branch = FLEET.branch(device)
            scope = find_scope(connection, branch.tenant, branch.site)
            assert scope is not None
            parts.append({one.id: one for one in read_content(connection, scope, PERIOD).creatives})
    for one in everywhere.creatives:
        assert one.watchers.value == sum(part[one.id].watchers.value for part in parts)
        assert one.watchers.sd**2 == pytest.approx(sum(p[one.id].watchers.sd ** 2 for p in parts))


def test_the_control_is_all_the_others_unless_one_is_named(archive: Archive) -> None:
    with archive.connect() as connection:
        told = read_content(connection, EVERYWHERE, PERIOD)
        first, second = told.creatives[:2]
        against = read_content(connection, EVERYWHERE, PERIOD, control=second.id)
    others = [one for one in told.creatives if one.id != first.id]
    rate = sum(one.watchers.value for one in others) / sum(one.ots.value for one in others)
    assert first.uplift.control is not None
    assert first.uplift.control.value == pytest.approx(rate)

    named = {one.id: one for one in against.creatives}
    assert second.watch_rate is not None
    assert named[first.id].uplift.control is not None
    assert named[first.id].uplift.control.value == pytest.approx(second.watch_rate.value)
    assert named[second.id].uplift.change is None


@pytest.fixture
def own(tmp_path):
    """A database of its own, to write contracts into."""
    filled = fill(str(tmp_path / "central.db"))
    yield filled
    filled.engine.dispose()


def test_contracts_are_judged_by_their_whole_days(own: Archive) -> None:
    now = datetime(2026, 10, 26, 12, tzinfo=UTC)
    before = plays_of(own, CREATIVE) - plays_of(own, CREATIVE, FIRST + 49 * HOUR)
    whole = before * 5  # two whole days of ten are over
    cases = {
        "on track": ("2026-10-24", "2026-11-02", whole),
        "behind": ("2026-10-24", "2026-11-02", whole * 2),
        "delivered": ("2026-10-24", "2026-11-03", 10),
        "short": ("2026-10-20", "2026-10-25", whole * 50),
        "to come": ("2026-10-27", "2026-10-30", 100),
        "just begun": ("2026-10-26", "2026-10-30", 10**9),
    }
    for begin, end, plays in cases.values():
        own.book(CREATIVE, begin, end, plays)
    own.book(CREATIVE, "2025-01-01", "2025-01-02", 5)  # so long ago that nobody asks any more
    with own.connect() as connection:
        told = read_deliveries(connection, now, ZONE)
    found = {(one.first.isoformat(), one.booked): one for one in told}
    assert len(told) == len(cases)
    for verdict, (begin, _, plays) in cases.items():
        assert found[begin, plays].verdict == verdict
    track = found["2026-10-24", whole]
    assert track.delivered == plays_of(own, CREATIVE)
    assert track.expected == whole
    assert track.due == round(whole / 5)


def test_today_is_held_against_the_same_hours_a_week_earlier(own: Archive) -> None:
    saturday = FIRST + 7 * 24 * HOUR + HOUR  # the clocks have gone back since
    some = 14
    now = saturday + (some + 1) * HOUR + timedelta(minutes=4)
    sent = [
        (device, FLEET.hours(device, saturday + number * HOUR, HOURS + 1 + number))
        for number in range(some)
        for device in range(3)
    ]
    # Of the hour that has just ended only one device of three has sent.
    late = (0, FLEET.hours(0, saturday + some * HOUR, HOURS + 1 + some))
    with own.engine.begin() as connection:
        entries = [Entry(FLEET.branch(one), hour, hour.encode()) for one, hour in (*sent, late)]
        write(connection, entries, now)
    work_off(own.engine, ZONE.key)
    with own.connect() as connection:
        told = read_overview(connection, now, ZONE)

    assert told.latest is not None
    assert told.latest.at == saturday + (some - 1) * HOUR
    assert len(told.today) == some
    assert told.ots.figure.value == sum(hour.tables.ots for _, hour in sent)
    then = [hour for _, at, hour in own.hours if at < FIRST + some * HOUR]
    plays, before = (
        sum(one.tables.plays for one in some) for some in ([hour for _, hour in sent], then)
    )
    assert told.plays == plays
    assert told.plays_change == pytest.approx(plays / before - 1)


def test_every_site_stands_in_the_list_with_its_day(archive: Archive) -> None:
    with archive.connect() as connection:
        told = read_sites(connection, END - HOUR, ZONE)
        empty = read_sites(connection, END + 90 * 24 * HOUR, ZONE)
    assert [one.place.devices for one in told] == [
        sum(FLEET.branch(device).site == one.place.site for device in range(3)) for one in told
    ]
    assert sum(one.ots.value for one in told if one.ots) == sum(
        one.tables.ots for _, at, one in archive.hours if at >= FIRST + 49 * HOUR
    )
    assert [one.ots for one in empty] == [None, None]


def test_devices_that_have_said_nothing_but_hours_are_in_the_list(archive: Archive) -> None:
    with archive.connect() as connection:
        fleet = read_fleet(connection, archive.settings.alerts, END + HOUR)
    assert len(fleet) == 3
    assert {one.row.last_hour for one in fleet} == {FIRST + (HOURS - 1) * HOUR}
    assert all(one.row.vision is None for one in fleet)


def test_head_office_tells_of_its_own_troubles(own: Archive) -> None:
    now = END + HOUR
    with own.engine.begin() as connection:
        raise_alerts(connection, [Alert(None, "central_database_failed", "Make room.")], now)
        raise_alerts(connection, [Alert(1, "device_cloned", "Look at it.")], now)
    note_worker(own.engine, "busy", "commits", now - timedelta(seconds=20))
    note_worker(own.engine, "lost", "commits", now - timedelta(minutes=10))
    note_worker(own.engine, "retired", "commits", now - timedelta(days=30))
    with own.connect() as connection:
        told = read_office(connection, now)
        fleet = read_fleet(connection, own.settings.alerts, now)
    assert [one.kind for one in told] == ["central_database_failed", "worker_silent"]
    assert "lost" in told[1].sentence
    assert [one.alerts[0].kind for one in fleet if one.alerts and one.id == 1] == ["device_cloned"]
