"""Hours: every count leaves in one hour, whatever the clock does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.audience import HourBook, hours_payload
from kiosk.config import PrivacySettings
from tests.fakes import NOON


class Device:
    """A book, and what it has published by label."""

    def __init__(self, saved=None, published=()):
        self.book = HourBook(saved or {}, published)
        self.sent: dict[str, dict[str, int]] = {}

    def at(self, now, passes=0):
        for _ in range(passes):
            self.book.add({"ots": 1}, now)
        self.book.open(now)
        for hour, counts in self.book.over(now).items():
            assert hour not in self.sent, "no hour is published twice"
            self.sent[hour] = counts
            self.book.published(hour)

    def ots(self):
        return {hour: counts.get("ots", 0) for hour, counts in self.sent.items()}


def test_an_hour_is_published_when_the_next_one_begins():
    device = Device()
    device.at(NOON + timedelta(minutes=59, seconds=59), passes=3)
    assert device.sent == {}
    device.at(NOON + timedelta(hours=1), passes=1)
    assert device.ots() == {"2026-03-04T12:00:00Z": 3}


def test_an_hour_with_nobody_is_published_too():
    device = Device()
    for hour in range(3):
        device.at(NOON + timedelta(hours=hour))
    assert device.ots() == {"2026-03-04T12:00:00Z": 0, "2026-03-04T13:00:00Z": 0}


def test_a_clock_set_back_does_not_reopen_a_published_hour():
    device = Device()
    device.at(NOON + timedelta(minutes=30), passes=1)
    device.at(NOON + timedelta(minutes=61))
    device.at(NOON + timedelta(minutes=1), passes=2)
    device.at(NOON + timedelta(minutes=119), passes=4)
    device.at(NOON + timedelta(hours=2))
    assert device.ots() == {"2026-03-04T12:00:00Z": 1, "2026-03-04T13:00:00Z": 6}


def test_a_clock_that_trembles_at_the_hour_does_not_close_the_new_hour_early():
    device = Device()
    device.at(NOON - timedelta(milliseconds=10), passes=1)
    device.book.add({"ots": 1}, NOON)
    device.at(NOON - timedelta(milliseconds=5), passes=1)
    device.at(NOON + timedelta(minutes=1), passes=1)
    device.at(NOON + timedelta(hours=1))
    assert device.ots() == {"2026-03-04T11:00:00Z": 2, "2026-03-04T12:00:00Z": 2}


def test_a_clock_that_was_years_ahead_for_hours_does_not_hold_up_the_hours_of_today():
    device = Device()
    device.at(NOON, passes=1)
    wrong = datetime(2099, 1, 1, 5, tzinfo=UTC)
    for hour in range(3):
        device.at(wrong + timedelta(hours=hour), passes=10)
    for hour in range(1, 4):
        device.at(NOON + timedelta(hours=hour), passes=100)
    found = device.ots()
    assert found["2026-03-04T12:00:00Z"] == 1
    assert found["2026-03-04T13:00:00Z"] == found["2026-03-04T14:00:00Z"] == 100
    assert sum(count for hour, count in found.items() if hour > "2099") == 30


def test_a_clock_that_starts_in_1970_goes_on_where_the_counts_of_before_ended():
    device = Device(published=["2026-03-04T11:00:00Z"])
    device.at(datetime(1970, 1, 1, 0, 5, tzinfo=UTC), passes=2)
    device.at(NOON + timedelta(minutes=5), passes=3)
    device.at(NOON + timedelta(hours=1))
    assert device.ots() == {"2026-03-04T12:00:00Z": 5}


def test_a_fresh_device_whose_clock_starts_in_1970_publishes_what_it_saw():
    device = Device()
    device.at(datetime(1970, 1, 1, 0, 5, tzinfo=UTC), passes=2)
    device.at(NOON, passes=1)
    assert device.ots() == {"1970-01-01T00:00:00Z": 2}


def test_counts_go_on_from_the_checkpoint_and_only_changes_are_saved():
    book = HourBook({"2026-03-04T12:00:00Z": {"ots": 4}}, ["2026-03-04T11:00:00Z"])
    assert book.unsaved() == {}
    book.add({"ots": 1}, NOON)
    assert book.unsaved() == {"2026-03-04T12:00:00Z": {"ots": 5}}
    assert book.unsaved() == {}
    assert book.present(NOON) == {"ots": 5}


moves = st.lists(
    st.tuples(
        st.one_of(
            st.integers(0, 3 * 3600),
            st.sampled_from([-3600, 86400, -86400, 365 * 86400, -365 * 86400, -1, 1]),
        ),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=40,
)


@given(moves)
def test_whatever_the_clock_does_every_count_is_published_once_or_still_open(steps):
    device, now, total = Device(), NOON, 0
    for step_s, passes, restart in steps:
        now = max(datetime(1970, 1, 1, tzinfo=UTC), now + timedelta(seconds=step_s))
        device.at(now, passes)
        total += passes
        if restart:
            sent = device.sent
            device = Device(device.book._hours, list(sent))
            device.sent = sent
    still = sum(counts.get("ots", 0) for counts in device.book._hours.values())
    assert sum(device.ots().values()) + still == total
    assert not set(device.book._hours) & set(device.sent)


def test_the_payload_of_an_hour_is_marked_with_its_noise():
    data = json.loads(
        hours_payload(
            {"ots": 2, "age_gender/65+/male": 2, "mood/sad": 2},
            "2026-03-04T12:00:00Z",
            PrivacySettings(mood_table=False),
            "0123abcd",
            7,
        )
    )
    assert (data["seq"], data["epoch"], data["hour"]) == (7, "0123abcd", "2026-03-04T12:00:00Z")
    assert data["noise"] == "off"
    assert data["tables"]["age_gender"]["65+"]["male"] == 2
    assert data["tables"]["mood"] is None


@pytest.mark.parametrize("passes", [0, 5])
def test_the_passes_that_were_too_short_stay_on_the_device(passes):
    text = hours_payload(
        {"passes": passes}, "2026-03-04T12:00:00Z", PrivacySettings(), "0123abcd", 1
    ).decode()
    assert "passes" not in text
