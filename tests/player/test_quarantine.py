"""The quarantine: how long what failed is left out, and what makes it forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.ads import Creative, Targeting
from kiosk.player.quarantine import FIRST_S, MOST_KEPT, MOST_S, Quarantine


def creative(name: str) -> Creative:
    return Creative(name, "image", Path(f"{name}.svg"), 5, "general", 1, True, Targeting())


def test_it_doubles_with_each_failure_up_to_an_hour():
    quarantine = Quarantine()
    now_s, waits = 0.0, []
    for _ in range(9):
        one = quarantine.fail(creative("a"), "broken", now_s)
        waits.append((one.until_s - now_s) / 60)
        assert quarantine.left_out(one.until_s - 0.1) == [one]
        assert quarantine.left_out(one.until_s) == []
        now_s = one.until_s
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_thousands_of_failures_are_counted_without_overflow():
    quarantine = Quarantine()
    for _ in range(3000):
        one = quarantine.fail(creative("a"), "broken", 0)
    assert (one.failures, one.until_s) == (3000, MOST_S)


def test_a_creative_whose_medium_was_replaced_may_play_at_once():
    versions = {"a": 1, "b": 1}
    quarantine = Quarantine(lambda one: versions[one.id])
    for name in versions:
        quarantine.fail(creative(name), "broken", 0)
    versions["a"] = 2
    assert [one.creative for one in quarantine.left_out(1)] == ["b"]
    assert quarantine.fail(creative("a"), "broken", 2).failures == 1


@pytest.mark.parametrize(
    ("later_s", "failures"), [(FIRST_S + MOST_S, 2), (FIRST_S + MOST_S + 1, 1)]
)
def test_what_did_not_fail_for_an_hour_begins_anew(later_s, failures):
    quarantine = Quarantine()
    quarantine.fail(creative("a"), "broken", 0)
    assert quarantine.left_out(later_s) == []
    assert quarantine.fail(creative("a"), "broken", later_s).failures == failures


def test_it_remembers_no_more_than_so_many():
    quarantine = Quarantine()
    for number in range(MOST_KEPT + 5):
        quarantine.fail(creative(f"c{number}"), "broken", 0)
    kept = [one.creative for one in quarantine.left_out(1)]
    assert len(kept) == MOST_KEPT
    assert kept[-1] == f"c{MOST_KEPT + 4}"
