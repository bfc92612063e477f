"""Trouble with a database."""

from __future__ import annotations

import logging
import sqlite3
from datetime import UTC, datetime

from kiosk.errors import StateError
from kiosk.uplink import Guard


class HandClock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return datetime.now(UTC)


def test_an_outage_is_told_once_and_tried_again_after_its_wait(caplog):
    caplog.set_level(logging.INFO)
    clock = HandClock()
    guard = Guard("state_write_failed", clock, retry_s=5)
    tries = []

    def full():
        tries.append(clock.now)
        raise StateError("state.db: not written: disk is full")

    for second in range(12):
        clock.now = second
        assert guard.attempt(full) is None
    assert tries == [0, 5, 10]
    clock.now = 20
    assert guard.attempt(lambda: "done") == "done"
    events = [line for line in caplog.messages if "event=" in line]
    assert [line.split()[0] for line in events] == [
        "event=state_write_failed",
        "event=state_write_failed_over:",
    ]


def test_a_damaged_file_is_trouble_of_the_same_kind():
    def damaged():
        raise sqlite3.DatabaseError("database disk image is malformed")

    assert Guard("state_read_failed", HandClock()).attempt(damaged) is None
