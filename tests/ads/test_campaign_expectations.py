"""`kiosk campaign check`: what can be played and will not come out as it was sold."""

from __future__ import annotations

from datetime import date

import pytest

from kiosk.ads import load_campaign
from tests.ads.written import campaign, folder, run, told

__all__ = ["folder"]


def test_flights_that_are_over_are_told(folder):
    path = campaign(
        folder,
        ["id: a, flight: {to: 2026-11-22}", "id: b, flight: {to: 2026-11-23}"],
        ["id: c, flight: {to: 2025-12-31}"],
    )
    assert told(path) == [
        "warning 5 contracts[0].flight: is over since 2026-11-22; remove it",
        "warning 11 creatives[3].flight: is over since 2025-12-31; remove it",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "goal: {plays_per_hour: 9}, frequency: {max_per_hour: 8}",
            "frequency.max_per_hour: 8 plays an hour are the most, and the goal of 'a' wants 9",
        ),
        (
            "goal: {share_of_voice: 0.2}, frequency: {max_per_hour: 8}",
            "frequency.max_per_hour: 8 plays an hour are the most, and the goal of 'a' wants 72",
        ),
        (
            "goal: {plays_per_hour: 40}, frequency: {min_gap_s: 120}",
            "frequency.min_gap_s: a gap of 120 s leaves 30 plays an hour, and the goal of 'a'",
        ),
        (
            'goal: {plays_per_day: 41}, frequency: {max_per_hour: 10}, dayparts: [{from: "20:00"}]',
            "frequency.max_per_hour: 10 plays an hour are the most, and the goal of 'a' wants 10",
        ),
        (
            "goal: {plays: 241}, frequency: {max_per_hour: 10},"
            " flight: {from: 2026-12-01, to: 2026-12-01}",
            "frequency.max_per_hour: 10 plays an hour are the most, and the goal of 'a' wants 10",
        ),
        (
            "goal: {plays_per_hour: 361}",
            "goal: 360 plays fill an hour, and the goal of 'a' wants 361 an hour; lower",
        ),
    ],
)
def test_a_goal_that_its_own_contract_leaves_no_room_for_is_told(folder, line, said):
    path = campaign(folder, [f"id: a, {line}"])
    assert said in told(path)[0]
    load_campaign(path)


@pytest.mark.parametrize(
    "line",
    [
        "goal: {plays_per_hour: 8}, frequency: {max_per_hour: 8}",
        "goal: {plays_per_hour: 30}, frequency: {min_gap_s: 120}",
        'goal: {plays_per_day: 40}, frequency: {max_per_hour: 10}, dayparts: [{from: "20:00"}]',
        "goal: {share_of_voice: 1}",
        "goal: {plays_per_hour: 360}",
    ],
)
def test_a_goal_that_just_fits_is_let_through(folder, line):
    assert told(campaign(folder, [f"id: a, {line}"])) == []


def test_a_goal_that_is_above_a_cap_never_reads_as_the_cap(folder):
    line = "goal: {plays_per_day: 241}, frequency: {max_per_hour: 10}"
    assert "wants 10.04 an hour" in told(campaign(folder, [f"id: a, {line}"]))[0]


@pytest.mark.parametrize(("minutes", "warned"), [("08:14", True), ("08:15", False)])
def test_an_hourly_goal_that_is_rounded_away_is_told(folder, minutes, warned):
    times = f'dayparts: [{{from: "08:00", to: "{minutes}"}}]'
    found = told(campaign(folder, [f"id: a, goal: {{plays_per_hour: 2}}, {times}"]))
    assert bool(found) is warned
    assert (
        not warned
        or "contracts[0].goal: 2 an hour is less than half a play in the 14" in (found[0])
    )


@pytest.mark.parametrize(
    ("days", "end", "goal", "warned"),
    [
        ("[fri]", "02:00", "plays_per_day: 60", True),
        ("[fri, sat]", "02:00", "plays_per_day: 60", True),
        ("[fri]", "24:00", "plays_per_day: 60", False),
        ("[mon, tue, wed, thu, fri, sat, sun]", "02:00", "plays_per_day: 60", False),
        ("[fri]", "02:00", "plays_per_hour: 6", False),
    ],
)
def test_a_night_that_is_two_days_is_told(folder, days, end, goal, warned):
    times = f'dayparts: [{{days: {days}, from: "22:00", to: "{end}"}}]'
    found = told(campaign(folder, [f"id: a, goal: {{{goal}}}, {times}"]))
    assert [line.split(": ")[1].startswith("a day ends at") for line in found] == [True] * warned


def test_caps_of_the_creatives_together_count_as_well(folder):
    creatives = [f"id: {name}, contract: a, frequency: {{max_per_hour: 3}}" for name in "xy"]
    path = campaign(folder, ["id: a, goal: {plays_per_hour: 7}"], creatives, delivered=False)
    assert "the caps of its creatives leave 6 plays an hour" in told(path)[0]


def test_hours_that_are_sold_more_than_once_are_told_once_with_who_falls_short(folder):
    path = campaign(
        folder,
        [
            "id: a, goal: {share_of_voice: 0.6}, priority: 5",
            'id: b, goal: {plays_per_hour: 180}, dayparts: [{from: "06:00", to: "10:00"}]',
        ],
    )
    assert told(path) == [
        "warning 6 contracts[1].goal: 110 % of the time on screen is sold on 2026-11-23 from 06:00"
        " to 10:00 (a 60 %, b 50 %); the higher priority goes first, the rest falls short"
    ]


def test_hours_that_will_be_sold_twice_next_year_are_found_and_those_that_were_are_not(folder):
    spring = "goal: {share_of_voice: 0.6}, flight: {from: 2027-03-01, to: 2027-03-31}"
    path = campaign(folder, [f"id: a, {spring}", f"id: b, {spring}"])
    assert "120 % of the time on screen is sold on 2027-03-01 from 00:00" in told(path)[0]
    over = [line for line in told(path, date(2027, 4, 1)) if "sold" in line]
    assert over == []


def test_just_all_of_the_time_is_not_sold_twice(folder):
    path = campaign(folder, [f"id: {name}, goal: {{share_of_voice: 0.1}}" for name in "abcdefghij"])
    assert told(path) == []


def test_what_an_exclusive_contract_shuts_out_is_told(folder):
    path = campaign(
        folder,
        [
            'id: a, exclusive: screen, dayparts: [{days: [sat], from: "20:00", to: "22:00"}]',
            "id: b, goal: {plays_per_hour: 6}",
        ],
    )
    assert told(path) == [
        "warning 6 contracts[1]: 'b' does not play while 'a' is exclusive,"
        " such as on 2026-11-28 from 20:00 to 22:00"
    ]


def test_a_promise_that_depends_on_who_comes_is_told(folder):
    creatives = ["id: x, contract: a, targeting: {gender: [male]}"]
    path = campaign(folder, ["id: a, goal: {plays_per_hour: 6}"], creatives, delivered=False)
    assert (
        "warning 5 contracts[0].goal: each of its creatives plays before some viewers"
        in (told(path)[0])
    )


def test_a_goal_over_a_flight_without_an_end_is_told(folder):
    path = campaign(folder, ["id: a, goal: {impressions: 900}, flight: {from: 2026-11-01}"])
    assert (
        "warning 5 contracts[0].goal: without the last day of a flight it has no pace"
        in (told(path)[0])
    )


EYES = "targeting: {looking: 1}"
DEVICE = """
device: {timezone: Europe/Stockholm}
vision: {off_hours: [{begin: "20:00", end: "08:00"}]}
audience: {staff_hours: [{begin: "08:00", end: "09:00"}]}
"""


@pytest.mark.parametrize(
    ("times", "goal", "targeting", "said"),
    [
        ('from: "21:00", to: "06:00"', "share_of_voice: 0.1", "", None),
        ('from: "21:00", to: "06:00"', "share_of_voice: 0.1", EYES, "never plays"),
        ('from: "21:00", to: "08:01"', "share_of_voice: 0.1", EYES, None),
        ('from: "21:00", to: "09:00"', "impressions: 9", "", "nothing of it is ever delivered"),
        ('from: "21:00", to: "09:01"', "impressions: 9", "", None),
        ('from: "08:00", to: "09:00"', "share_of_voice: 0.1", "all_ages: false", None),
    ],
)
def test_what_waits_for_viewers_while_a_screen_looks_at_nobody_is_told(
    folder, times, goal, targeting, said
):
    (folder / "config.yaml").write_text(DEVICE)
    line = f"id: a, goal: {{{goal}}}, flight: {{from: 2026-11-02, to: 2099-11-08}}"
    path = campaign(
        folder,
        [f"{line}, dayparts: [{{{times}}}]"],
        [f"id: x, contract: a, {targeting}".rstrip(", ")],
        delivered=False,
    )
    told_of = run(str(path), "--config", str(folder / "config.yaml")).stderr
    assert told_of.count("on this screen") == (said is not None)
    assert said is None or f"{said} on this screen: " in told_of
    assert "on this screen" not in run(str(path)).stderr


def test_alcohol_that_claims_to_be_for_all_ages_is_told_and_not_believed(folder):
    path = campaign(folder, [], ["id: a, category: alcohol, all_ages: true"])
    assert told(path) == [
        "warning 7 creatives[1].all_ages: alcohol is never for all ages; taken as false"
    ]
    assert "never before minors" in run(str(path)).stdout


def test_a_day_part_that_nothing_uses_is_told(folder):
    path = campaign(folder, dayparts='lunch: [{from: "11:00", to: "14:00"}]')
    assert told(path) == ["warning 3 dayparts.lunch: nothing uses this day-part"]


# The command.
