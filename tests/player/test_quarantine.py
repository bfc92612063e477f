"""The quarantine: how long what failed is left out, and what makes it forgotten."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.player import media_url
from kiosk.player.quarantine import FIRST_S, MOST_KEPT, MOST_S, Quarantine
from tests.player.stage import Stage, creative


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


@pytest.fixture
def torn(tmp_path) -> Path:
    path = tmp_path / "torn.png"
    path.write_bytes(b"torn")
    return path


REPAIRS = {
    "another file": lambda one: replace(one, path=one.path.with_name("whole.png")),
    "another sum": lambda one: replace(one, sha256="1" * 64),
    "another kind": lambda one: replace(one, kind="html"),
    "the same name, written later": lambda one: replace(one, path=written_later(one.path)),
}


def written_later(path: Path) -> Path:
    (path.parent / "2").mkdir()
    later = path.parent / "2" / path.name
    later.write_bytes(b"whole")
    os.utime(later, ns=(0, path.stat().st_mtime_ns + 1))
    return later


@pytest.mark.parametrize("how", REPAIRS)
def test_a_campaign_that_brings_it_repaired_under_its_id_ends_it_at_once(torn, how):
    broken, other = creative("a", torn), creative("b", torn)
    playing = [broken, other]
    quarantine = Quarantine(media_url, lambda: playing)
    for one in playing:
        quarantine.fail(one, "broken", 0)
    repaired = REPAIRS[how](broken)
    playing[:] = [repaired, other]
    assert [one.creative for one in quarantine.left_out(1)] == ["b"], "the old file lies unchanged"
    assert quarantine.fail(repaired, "broken", 2).failures == 1
    assert [one.creative for one in quarantine.left_out(3)] == ["b", "a"]


def test_a_campaign_with_the_very_same_creative_is_no_new_chance(torn):
    playing = [creative("a", torn)]
    quarantine = Quarantine(media_url, lambda: playing)
    quarantine.fail(playing[0], "broken", 0)
    (torn.parent / "2").mkdir()
    (torn.parent / "2" / torn.name).hardlink_to(torn)
    again = replace(playing[0], path=torn.parent / "2" / torn.name, weight=2, duration_s=9)
    for campaign in ([again], [], [again]):
        playing[:] = campaign
        assert [one.creative for one in quarantine.left_out(1)] == ["a"]
    assert quarantine.fail(again, "broken", 100).failures == 2


def test_what_plays_well_of_the_campaign_before_says_nothing_of_its_successor(torn):
    good = creative("a", torn)
    bad = replace(good, path=torn.with_name("bad.png"))
    quarantine = Quarantine(media_url, lambda: [bad])
    quarantine.fail(bad, "broken", 0)
    quarantine.played_well(good)
    assert [one.creative for one in quarantine.left_out(1)] == ["a"]
    quarantine.played_well(bad)
    assert quarantine.left_out(1) == []


def test_the_schedule_takes_up_what_a_new_campaign_repaired_at_its_next_choice(torn):
    stage = Stage("b")
    stage.creatives.append(creative("a", torn))
    stage.connect()
    stage.fail("a")
    stage.run(0.1)
    campaigns = [torn, torn, torn.with_name("whole.png")]
    left_out = []
    for path in campaigns:
        stage.creatives = [creative("b"), creative("a", path)]
        stage.show()
        stage.run(4.1)
        left_out.append(stage.left_out)
    assert left_out == [{"a": "broken"}, {"a": "broken"}, {}]
    stage.show()
    stage.run(4.1)
    assert {"a", "b"} == {one.choice.creative.id for one in stage.prepared[-2:]}
