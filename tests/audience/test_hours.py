"""Hours: every count leaves once, in its own hour, or in one that says what is not known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.audience import (
    HourBook,
    Release,
    Run,
    Timekeeper,
    clamped_as,
    clamps_of,
    draw_release,
    hours_payload,
    published_as,
)
from kiosk.config import ClockSettings, PrivacySettings
from tests.fakes import NOON, FakeClock

OFF = PrivacySettings(noise="off")
H11, H12, H13, H14 = (f"2026-03-04T{hour}:00:00Z" for hour in (11, 12, 13, 14))
EPOCH_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class Device:
    """A clock, a book, and what was published by slot."""

    def __init__(self, clock=None, saved=None, published=(), earlier=()):
        self.clock = clock or FakeClock()
        self.keeper = Timekeeper(self.clock, ClockSettings(), None)
        self.book = HourBook(self.keeper, self.clock.boot, saved or {}, published, earlier)
        self.sent: dict[str, dict[str, int]] = {}
        self.staff = ()
        self.tick()

    def tick(self):
        now_s = self.clock.monotonic()
        self.keeper.look()
        self.book.open(now_s)
        self.book.place(now_s, lambda moment: moment in self.staff)
        for slot in self.book.over(now_s):
            assert slot not in self.sent, "nothing is published twice"
            self.sent[slot] = self.book.close(slot)

    def see(self, passes):
        self.book.add({"ots": passes}, self.clock.monotonic())

    def live(self, seconds, step_s=30.0):
        """Let time pass, as the machine does: in small steps, with a look at the clock at each."""
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            self.tick()

    def ots(self):
        return {slot: counts.get("ots", 0) for slot, counts in self.sent.items()}

    def open_ots(self):
        return sum(counts.get("ots", 0) for counts in self.book.everything().values())

    def rebooted(self, boot, wall, known=True):
        """The same device after a power cut; everything was checkpointed."""
        before = Run(self.clock.boot, self.clock.seconds, self.keeper.offset_s)
        earlier = [*getattr(self, "earlier", []), before]
        clock = FakeClock(wall, 5.0, boot, known)
        fresh = Device(clock, self.book.everything(), list(self.sent), earlier)
        fresh.earlier, fresh.sent = earlier, {**self.sent, **fresh.sent}
        return fresh


def test_an_hour_is_published_when_the_next_one_begins_with_nobody_too():
    device = Device()
    device.live(3570)
    device.see(3)
    assert device.sent == {}
    device.live(60)
    device.see(1)
    assert device.ots() == {H12: 3}
    device.live(3600)
    assert device.ots() == {H12: 3, H13: 1}
    device.live(3600)
    assert device.ots()[H14] == 0


def test_counts_wait_for_a_clock_that_is_not_set_and_then_stand_in_their_hours():
    device = Device(FakeClock(EPOCH_1970, 20.0, synchronised=False))
    device.live(1800)
    device.see(2)
    device.live(3600)
    device.see(5)
    assert device.sent == {}
    # It is 13:40 now: the two were there at 12:40, the five at 13:40.
    device.clock.wall, device.clock.synchronised = NOON + timedelta(minutes=100), True
    device.live(60)
    assert device.ots() == {H12: 2}
    assert device.book.present(device.clock.monotonic())["ots"] == 5


@pytest.mark.parametrize("days", [-40000, -2, 3, 400])
def test_a_clock_that_steps_by_days_and_back_changes_no_label(days):
    device = Device()
    device.see(1)
    device.live(600)
    device.clock.wall += timedelta(days=days)
    device.live(300)
    device.see(10)
    device.clock.wall -= timedelta(days=days)
    device.live(2700)
    assert device.ots() == {H12: 11}


def test_a_step_that_lasts_is_believed_and_nothing_is_lost():
    device = Device()
    device.see(1)
    device.clock.wall += timedelta(days=2)
    device.live(300)
    device.see(10)
    device.live(7200)
    assert sum(device.ots().values()) + device.open_ots() == 11
    assert device.ots()[H12] == 11
    assert max(device.sent) == "2026-03-06T13:00:00Z"


def test_an_hour_named_by_a_wrong_time_is_published_as_what_is_known_of_it():
    device = Device()
    device.live(3600)
    device.clock.wall += timedelta(days=2)
    device.live(1200)
    device.see(7)
    device.clock.wall -= timedelta(days=2)
    device.live(1200)
    [slot] = [slot for slot, count in device.ots().items() if count == 7]
    hour, between = published_as(slot)
    assert hour is None
    assert between.not_before == NOON + timedelta(hours=1)
    assert NOON + timedelta(minutes=90) < between.not_after < NOON + timedelta(minutes=105)


def test_counts_that_come_after_their_hour_was_published_say_so():
    device = Device(published=[H12])
    device.see(4)
    device.live(3660)
    [(slot, counts)] = [item for item in device.sent.items() if item[0] != H11]
    assert counts["ots"] == 4
    hour, between = published_as(slot)
    assert (hour, between.not_before, between.not_after) == (
        None, NOON, NOON + timedelta(hours=1),
    )  # fmt: skip


def test_a_clock_that_trembles_at_the_hour_neither_reopens_nor_skips_one():
    device = Device(FakeClock(NOON - timedelta(seconds=10)))
    device.live(20, 1)
    device.clock.wall -= timedelta(seconds=15)
    device.see(1)
    device.live(60, 1)
    assert device.ots() == {H11: 0}
    assert device.book.present(device.clock.monotonic())["ots"] == 1


def test_a_run_that_never_knew_the_time_is_placed_by_those_around_it():
    device = Device(FakeClock(NOON + timedelta(minutes=5), 1000.0, "a"))
    device.live(60)
    dark = device.rebooted("b", EPOCH_1970, known=False)
    dark.live(600)
    dark.see(6)
    dark.live(60)
    # The next run begins at 12:40, so the dark one lay within the hour of noon.
    bright = dark.rebooted("c", NOON + timedelta(minutes=40))
    bright.live(3600)
    assert bright.ots()[H12] == 6


def test_a_run_whose_hour_cannot_be_known_is_published_with_its_bounds():
    device = Device(FakeClock(NOON + timedelta(minutes=5), 1000.0, "a"))
    device.live(60)
    dark = device.rebooted("b", EPOCH_1970, known=False)
    for _ in range(3):
        dark.live(600)
        dark.see(2)
    bright = dark.rebooted("c", NOON + timedelta(hours=9))
    [slot] = [slot for slot, count in bright.ots().items() if count == 6]
    hour, between = published_as(slot)
    assert hour is None
    assert between.not_before == NOON + timedelta(minutes=6)
    assert between.not_after == NOON + timedelta(hours=9) - timedelta(seconds=5)


def test_a_run_that_knew_its_time_but_ended_before_it_was_used_is_placed_exactly():
    waiting = {"boot/a/1200+60": {"ots": 3}}
    offset_s = NOON.timestamp() - 1000
    device = Device(
        FakeClock(NOON + timedelta(hours=2), 5.0, "b"), waiting, (), [Run("a", 1300.0, offset_s)]
    )
    assert device.ots() == {H12: 3}


def test_counts_go_on_from_the_checkpoint_and_only_changes_are_saved():
    clock = FakeClock()
    keeper = Timekeeper(clock, ClockSettings(), None)
    keeper.look()
    book = HourBook(keeper, clock.boot, {H12: {"ots": 4}}, [H11])
    assert book.unsaved() == {}
    book.add({"ots": 1}, clock.monotonic())
    assert book.unsaved() == {H12: {"ots": 5}}
    assert book.unsaved() == {}
    assert book.present(clock.monotonic()) == {"ots": 5}


def test_every_creative_that_might_be_played_has_its_cell():
    device = Device()
    device.book.open(device.clock.monotonic(), ["tea", "cake"])
    present = device.book.present(device.clock.monotonic())
    release = draw_release(present, OFF)
    assert sorted(release.tables.creatives) == ["cake", "tea"]


def standing(device, *creatives, clamp=10):
    device.book.open(device.clock.since_boot(), creatives, {"clamp/dwell_s": clamp})


def test_what_stands_in_an_hour_says_nothing_of_who_was_there():
    wide, narrow = PrivacySettings(dwell_clamp_s=600), PrivacySettings(dwell_clamp_s=10)
    shapes = set()
    for passes in (0, 1):
        device = Device()
        for settings in (wide, narrow):
            device.book.open(device.clock.since_boot(), ["tea"], clamps_of(settings))
            if passes:
                device.book.add({"ots": 1, "creative/tea/ots": 1}, device.clock.since_boot())
                # The campaign has changed since it was watched: its name is published no more.
                device.book.add({"ots": 1, "creative/gone/ots": 1}, device.clock.since_boot())
        found = device.book.present(device.clock.since_boot())
        wider = clamped_as(found, narrow)
        assert (wider.dwell_clamp_s, wider.attention_clamp_s) == (600, narrow.attention_clamp_s)
        names = sorted(draw_release(found, OFF).tables.creatives)
        shapes.add((tuple(names), wider.dwell_clamp_s))
    assert shapes == {(("tea",), 600)}
    assert clamped_as({}, narrow) == narrow


def test_hours_that_waited_for_the_time_have_what_stands_in_every_hour():
    device = Device(FakeClock(EPOCH_1970, 20.0, synchronised=False))
    standing(device, "tea", "cake", clamp=60)
    device.live(1800)
    device.book.add({"ots": 2, "creative/tea/ots": 2}, device.clock.since_boot())
    device.live(60)
    stretches = device.book.everything()
    assert len(stretches) > 30
    assert sum("creative/cake/plays" in counts for counts in stretches.values()) == 1
    # A director that starts anew in the same run still knows them.
    device = Device(device.clock, stretches)
    device.clock.wall, device.clock.synchronised = NOON + timedelta(minutes=40), True
    device.live(3600)
    hour = device.sent[H12]
    assert hour["creative/tea/ots"] == 2
    assert (hour["creative/cake/plays"], hour["clamp/dwell_s"]) == (0, 60)


def test_a_device_without_time_for_weeks_keeps_a_bounded_number_of_stretches():
    device = Device(FakeClock(EPOCH_1970, 0.0, synchronised=False))
    device.live(90 * 86400, 600)
    assert len(device.book.everything()) < 1500 + 90 * 24
    device.live(40 * 3600, 30)
    assert len(device.book.everything()) < 1500 + 92 * 24


def test_staff_hours_apply_to_counts_that_waited_for_the_time():
    device = Device(FakeClock(EPOCH_1970, 20.0, synchronised=False))
    device.see(3)
    device.book.add({"plays": 2, "creative/tea/plays": 2}, device.clock.since_boot())
    device.live(600)
    device.see(5)

    class Before:
        def __contains__(self, moment):
            return moment < NOON + timedelta(minutes=5)

    device.staff = Before()
    device.clock.wall, device.clock.synchronised = NOON + timedelta(minutes=10), True
    device.live(3600)
    assert (device.sent[H12]["ots"], device.sent[H12]["plays"]) == (5, 2)


def test_a_run_whose_clock_was_wrong_gives_no_bounds_that_cannot_be():
    waiting = {"boot/b/60+60": {"ots": 3}}
    future = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
    runs = [Run("a", 100.0, future), Run("b", 200.0, None)]
    device = Device(FakeClock(NOON, 5.0, "c"), waiting, (), runs)
    [slot] = [slot for slot, count in device.ots().items() if count == 3]
    _, between = published_as(slot)
    assert between.not_before is None
    assert between.not_after == NOON - timedelta(seconds=5)


def test_without_trust_in_a_time_service_the_clock_is_believed_as_it_stands_but_not_in_1970():
    clock = FakeClock(EPOCH_1970, synchronised=False)
    keeper = Timekeeper(clock, ClockSettings(trust="always"), None)
    keeper.look()
    assert keeper.utc(clock.monotonic()) is None
    clock.set_wall(NOON)
    keeper.look()
    assert keeper.utc(clock.monotonic()) == NOON


def test_what_the_clock_does_is_told_once(caplog):
    device = Device(FakeClock(EPOCH_1970, 20.0, synchronised=False))
    device.live(600)
    assert caplog.text.count("event=clock_unknown") == 1
    device.clock.wall, device.clock.synchronised = NOON, True
    device.live(60)
    device.clock.wall += timedelta(days=1)
    device.live(300)
    assert caplog.text.count("event=clock_stepped") == 1


def test_leap_seconds_and_summer_time_change_nothing():
    # The night in which clocks go forward in Europe, and a second that is counted twice.
    device = Device(FakeClock(datetime(2026, 3, 29, 0, 0, tzinfo=UTC)))
    for _ in range(4):
        device.see(1)
        device.live(3600)
        device.clock.wall -= timedelta(seconds=1)
        device.live(30, 1)
    assert list(device.ots().values()) == [1, 1, 1, 1]
    assert list(device.sent) == [f"2026-03-29T0{hour}:00:00Z" for hour in range(4)]


moves = st.lists(
    st.tuples(
        st.integers(0, 2 * 3600),
        st.sampled_from([0, 0, 0, -3600, 86400, -86400, 365 * 86400, -365 * 86400, -1, 1]),
        st.integers(0, 3),
        st.sampled_from(["", "", "", "restart", "reboot", "dark reboot"]),
        st.booleans(),
    ),
    max_size=30,
)


@given(moves)
def test_whatever_the_clock_does_every_count_is_published_once_or_still_open(steps):
    device, total, boots = Device(), 0, 0
    for seconds, step_s, passes, event, known in steps:
        device.clock.advance(seconds)
        wall = device.clock.wall + timedelta(seconds=step_s)
        device.clock.wall = max(EPOCH_1970 + timedelta(days=1), wall)
        device.clock.synchronised = known
        device.tick()
        device.see(passes)
        total += passes
        if event == "restart":
            earlier, sent = getattr(device, "earlier", []), device.sent
            device = Device(device.clock, device.book.everything(), list(sent), earlier)
            device.earlier, device.sent = earlier, {**sent, **device.sent}
        elif event:
            boots += 1
            known_after = event == "reboot"
            device = device.rebooted(f"b{boots}", device.clock.wall, known_after)
        assert sum(device.ots().values()) + device.open_ots() == total
        assert not set(device.book.everything()) & set(device.sent)


def test_the_payload_of_an_hour_says_what_was_done_to_it():
    release = draw_release({"ots": 2, "mood/happy": 2, "passes": 9}, OFF)
    assert release == Release(release.tables, "off", release.clamps)
    data = json.loads(
        hours_payload(release, NOON, None, policy="full", notice_s=60, epoch="0123abcd", seq=7)
    )
    assert (data["seq"], data["hour"], data["noise"]) == (7, H12, "off")
    assert (data["policy"], data["notice_s"], data["between"]) == ("full", 60, None)
    assert data["tables"]["ots"] == 2
    assert "passes" not in json.dumps(data)


def test_a_marker_or_the_kernel_says_that_the_clock_was_set(tmp_path):
    from kiosk.clock import SystemClock

    marker = tmp_path / "synchronized"
    marker.touch()
    assert SystemClock().is_set(marker)
    assert SystemClock().boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
