"""Weekly hours: midnight, the two nights on which clocks are changed, and what is no hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.config import WindowSettings, is_within, load_settings
from kiosk.errors import ConfigError

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def window(begin: str, end: str, *days: str) -> WindowSettings:
    return WindowSettings(begin=begin, end=end, **({"days": list(days)} if days else {}))


def at(text: str) -> datetime:
    """A moment by the clock on a wall in Berlin; 2026-11-16 is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-11-16 21:59:59", False),
        ("2026-11-16 22:00:00", True),
        ("2026-11-17 00:00:00", True),
        ("2026-11-17 05:59:59", True),
        ("2026-11-17 06:00:00", False),
        ("2026-11-17 22:30:00", False),
    ],
)
def test_a_window_goes_on_after_midnight_into_the_day_after_the_one_it_begins_on(moment, within):
    assert is_within([window("22:00", "06:00", "mon")], at(moment), "Europe/Berlin") is within


def test_sundays_night_goes_on_into_monday():
    night = [window("22:00", "06:00", "sun")]
    assert is_within(night, at("2026-11-16 03:00"), "Europe/Berlin")
    assert not is_within(night, at("2026-11-17 03:00"), "Europe/Berlin")


def test_a_window_that_ends_at_midnight_has_nothing_of_the_next_day():
    evening = [window("20:00", "24:00", "sat")]
    assert is_within(evening, at("2026-11-21 23:59:59"), "Europe/Berlin")
    assert not is_within(evening, at("2026-11-22 00:00"), "Europe/Berlin")


def test_the_shops_wall_clock_decides_not_utc():
    morning = [window("08:00", "09:00")]
    moment = datetime(2026, 7, 1, 6, 30, tzinfo=UTC)
    assert is_within(morning, moment, "Europe/Berlin")
    assert not is_within(morning, moment, "UTC")
    assert not is_within(morning, moment, "America/New_York")


def minutes_within(windows: list[WindowSettings], day: datetime) -> int:
    """Real minutes of 30 hours from that midnight on."""
    start = day.astimezone(UTC)
    moments = (start + timedelta(minutes=count) for count in range(30 * 60))
    return sum(is_within(windows, moment, "Europe/Berlin") for moment in moments)


@pytest.mark.parametrize(
    ("day", "minutes"),
    [
        pytest.param("2026-03-28 12:00", 7 * 60, id="clocks are put on: an hour less"),
        pytest.param("2026-10-24 12:00", 9 * 60, id="clocks are put back: an hour more"),
        pytest.param("2026-11-21 12:00", 8 * 60, id="an ordinary night"),
    ],
)
def test_a_night_is_as_long_as_the_wall_clock_makes_it(day, minutes):
    assert minutes_within([window("22:00", "06:00", "sat")], at(day)) == minutes


def test_an_hour_that_is_skipped_does_not_come_and_one_that_is_repeated_comes_twice():
    hour = [window("02:00", "03:00", "sun")]
    assert minutes_within(hour, at("2026-03-29 00:00")) == 0
    assert minutes_within(hour, at("2026-10-25 00:00")) == 120


def test_no_window_holds_no_moment_and_all_days_hold_all():
    moment = at("2026-11-18 12:00")
    assert not is_within([], moment, "Europe/Berlin")
    assert is_within([window("00:00", "24:00")], moment, "Europe/Berlin")


@given(
    st.integers(0, 24 * 60 - 1), st.integers(1, 24 * 60), st.sampled_from(WEEKDAYS),
    st.datetimes(timezones=st.just(UTC)),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_a_window_is_what_a_walk_from_its_beginning_says(begin, end, day, moment):
    if begin == end:
        return
    told = window(f"{begin // 60:02d}:{begin % 60:02d}", f"{end // 60:02d}:{end % 60:02d}", day)
    length = end - begin if end > begin else end - begin + 24 * 60
    begins = WEEKDAYS.index(day) * 24 * 60 + begin
    now = moment.weekday() * 24 * 60 + moment.hour * 60 + moment.minute
    walked = (now - begins) % (7 * 24 * 60)
    assert is_within([told], moment, "UTC") is (walked < length)


def fault(folder, line: str, key: str = "vision.off_hours") -> str:
    section, name = key.split(".")
    path = folder / "config.yaml"
    path.write_text(f"{section}:\n  {name}:\n    - {line}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    return str(caught.value).replace(str(path), "config.yaml")


@pytest.mark.parametrize("key", ["vision.off_hours", "audience.staff_hours"])
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            '{begin: 22:00, end: "06:00"}',
            '[0].begin: a time of day in quotes is expected, such as "07:30" (found 1320)',
        ),
        ('{begin: "7:30", end: "09:00"}', "[0].begin: a time of day in quotes"),
        ('{begin: "07:30", end: "25:00"}', "[0].end: a time of day in quotes"),
        ('{begin: "07:30", end: "24:01"}', "[0].end: a time of day in quotes"),
        ('{begin: "07:60", end: "09:00"}', "[0].begin: a time of day in quotes"),
        ('{begin: "07:30"}', "[0].end: this key is required"),
        ('{begin: "07:30", end: "07:30"}', "[0]: begin: is the same as end; for a whole day say"),
        ('{begin: "24:00", end: "06:00"}', "[0]: begin: 24:00 is the end of a day"),
        ('{days: [], begin: "07:30", end: "09:00"}', "[0].days: list should have at least 1 item"),
        ('{days: [monday], begin: "07:30", end: "09:00"}', "[0].days[0]: 'monday' is not one of"),
        ('{day: mon, begin: "07:30", end: "09:00"}', '[0].day: unknown key; did you mean "days"?'),
    ],
)  # fmt: skip
def test_what_is_no_window_is_one_sentence(tmp_path, key, line, sentence):
    said = fault(tmp_path, line, key)
    assert said.startswith(f"config.yaml:3: {key}{sentence}")
    assert "\n" not in said


@pytest.mark.parametrize(
    "line",
    [
        '{begin: "00:00", end: "24:00"}',
        '{begin: "12:00", end: "24:00"}\n    - {begin: "00:00", end: "12:00"}',
        '{begin: "18:00", end: "06:00"}\n    - {begin: "06:00", end: "18:30"}',
    ],
)
def test_hours_that_cover_the_whole_week_are_one_sentence(tmp_path, line):
    assert fault(tmp_path, line) == (
        "config.yaml:2: vision.off_hours: they cover the whole week, so nobody would ever be seen"
    )
    assert fault(tmp_path, line, "audience.staff_hours") == (
        "config.yaml:2: audience.staff_hours:"
        " they cover the whole week, so nobody would ever be counted"
    )


def test_a_week_but_for_a_minute_is_accepted(tmp_path):
    (tmp_path / "config.yaml").write_text(
        'vision:\n  off_hours:\n    - {begin: "00:00", end: "23:59", days: [sun]}\n'
        '    - {begin: "00:00", end: "24:00", days: [mon, tue, wed, thu, fri, sat]}\n'
    )
    off = load_settings(tmp_path / "config.yaml").vision.off_hours
    assert not is_within(off, at("2026-11-22 23:59:30"), "Europe/Berlin")
    assert is_within(off, at("2026-11-22 23:58:59"), "Europe/Berlin")
