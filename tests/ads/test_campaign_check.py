"""`kiosk campaign check`: what contradicts itself, and what will not come out as it was sold."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.ads import examine_campaign, load_campaign
from kiosk.cli import main
from kiosk.errors import CampaignError

TODAY = date(2026, 11, 23)
CONTENT = b"<svg/>"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tea.svg").write_bytes(CONTENT)
    (tmp_path / "torn.png").write_bytes(b"torn")
    return tmp_path


def campaign(folder, contracts=(), creatives=(), dayparts="", delivered=True):
    """A campaign with house content; each contract is one line, and has a creative of 10 s."""
    names = [line.split("id: ")[1].split(",")[0] for line in contracts] if delivered else []
    lines = [
        "version: 1",
        "name: a",
        f"dayparts: {{{dayparts}}}",
        "contracts:" if contracts else "contracts: []",
        *(f"  - {{{line}, advertiser: one}}" for line in contracts),
        "creatives:",
        "  - {id: house, kind: image, file: tea.svg, duration_s: 10}",
        *(
            f"  - {{id: of-{name}, kind: image, file: tea.svg, duration_s: 10, contract: {name}}}"
            for name in names
        ),
        *(f"  - {{kind: image, file: tea.svg, duration_s: 10, {line}}}" for line in creatives),
    ]
    path = folder / "c.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def told(path, today=TODAY, severity=None) -> list[str]:
    return [
        f"{one.severity} {one.line} {one.key}: {one.message}"
        for one in examine_campaign(path, today).remarks
        if severity in (None, one.severity)
    ]


def test_what_is_in_order_has_no_remark(folder):
    path = campaign(
        folder,
        [
            "id: a, goal: {share_of_voice: 0.4}",
            "id: b, goal: {plays: 900}, flight: {from: 2026-11-01, to: 2026-12-31}",
        ],
    )
    assert told(path) == []


def test_the_example_of_the_documentation_is_in_order(folder):
    text = (Path(__file__).parents[2] / "docs/campaigns.md").read_text()
    example = next(part for part in text.split("```yaml\n") if part.startswith("version: 1"))
    for name in ("welcome.svg", "first-bean.webm"):
        (folder / name).write_text("x")
    (folder / "second-bean.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + bytes(3) + b"\rIHDR" + bytes(90)
    )
    path = folder / "c.yaml"
    path.write_text(example.split("```")[0])
    assert [line for line in told(path) if "header" not in line] == []


# Errors: also refused by whoever loads it.


@pytest.mark.parametrize(
    ("own", "of_contract", "key"),
    [
        ("flight: {to: 2026-10-31}", "flight: {from: 2026-11-01}", "flight"),
        ('dayparts: [{from: "10:00", to: "12:00"}]', 'dayparts: [{from: "12:00"}]', "dayparts"),
        ("dayparts: [{days: [sat]}]", "flight: {from: 2026-11-23, to: 2026-11-27}", "dayparts"),
        ("dayparts: [{days: [sat]}]", "dayparts: [{days: [sun]}]", "dayparts"),
    ],
)
def test_a_creative_whose_times_never_meet_its_contracts_is_refused(folder, own, of_contract, key):
    path = campaign(folder, [f"id: a, {of_contract}"], [f"id: never, contract: a, {own}"])
    assert told(path) == [
        f"error 9 creatives[2].{key}: never plays: it has no minute in common with contract 'a'"
    ]
    with pytest.raises(CampaignError, match="never plays"):
        load_campaign(path)


def test_a_creative_that_only_meets_its_contract_after_midnight_does_play(folder):
    night = 'dayparts: [{days: [sat], from: "22:00", to: "02:00"}]'
    path = campaign(folder, ["id: a, dayparts: [{days: [sun]}]"], [f"id: n, contract: a, {night}"])
    assert told(path) == []


def test_a_day_part_that_no_day_of_the_flight_has_is_refused(folder):
    weekend = "flight: {from: 2026-11-23, to: 2026-11-27}, dayparts: [{days: [sat, sun]}]"
    assert (
        "error 5 contracts[0].dayparts: never live: no day of its flight has one of its"
        in (told(campaign(folder, [f"id: a, {weekend}"]))[0])
    )
    assert (
        "error 7 creatives[1].dayparts: never plays: no day of its flight"
        in (told(campaign(folder, [], [f"id: a, {weekend}"]))[0])
    )


def test_two_contracts_that_both_want_the_screen_alone_are_refused_with_when(folder):
    path = campaign(
        folder,
        [
            "id: a, exclusive: screen, flight: {to: 2026-11-30}",
            'id: b, exclusive: screen, dayparts: [{days: [sat], from: "09:00"}]',
            "id: c",
        ],
    )
    assert told(path, severity="error") == [
        "error 6 contracts[1].exclusive: 'b' and 'a' (line 5) both want the screen alone,"
        " such as on 2026-11-28 at 09:00; change the times of one"
    ]


@pytest.mark.parametrize(
    ("one", "other", "refused"),
    [
        ("exclusive: category, category: food", "exclusive: category, category: food", True),
        ("exclusive: category, category: food", "exclusive: category, category: toys", False),
        ("exclusive: category, category: food", "category: food", False),
        ("exclusive: screen", "exclusive: category", False),
        (
            "exclusive: screen, flight: {to: 2026-11-30}",
            "exclusive: screen, flight: {from: 2026-12-01}",
            False,
        ),
        (
            'exclusive: screen, dayparts: [{days: [fri], from: "22:00", to: "02:00"}]',
            "exclusive: screen, dayparts: [{days: [sat]}]",
            True,
        ),
    ],
)
def test_only_claims_to_the_same_at_the_same_time_contradict(folder, one, other, refused):
    path = campaign(folder, [f"id: a, {one}", f"id: b, {other}"])
    assert bool(told(path, severity="error")) is refused


def test_the_name_of_our_own_card_is_ours(folder):
    assert told(campaign(folder, [], ["id: kiosk-welcome"])) == [
        "error 7 creatives[1].id: kiosk-welcome is the card of our own; take another name"
    ]


def test_two_exclusive_contracts_that_always_run_are_told_with_a_weekday(folder):
    path = campaign(folder, ["id: a, exclusive: screen", "id: b, exclusive: screen"])
    assert "such as on Mondays at 00:00" in told(path, severity="error")[0]


def test_a_contract_without_a_creative_is_refused(folder):
    (said,) = told(campaign(folder, ["id: a"], delivered=False))
    assert said == (
        "error 5 contracts[0]: no creative has contract: a; add one, or remove the contract"
    )


def test_only_check_reads_the_media_and_tells_another_content(folder):
    good, bad = hashlib.sha256(CONTENT).hexdigest(), 64 * "0"
    path = campaign(folder, [], [f'id: a, sha256: "{good}"', f'id: b, sha256: "{bad}"'])
    assert told(path) == [
        f"error 8 creatives[2].sha256: tea.svg is another file: its sha256 is {good}"
    ]
    assert len(load_campaign(path).creatives) == 3, "whoever shows it verifies it"


def test_a_very_large_medium_is_never_read_whole(folder):
    film = folder / "film.mp4"
    with film.open("wb") as sparse:
        sparse.truncate(4 * 10**9)
    path = campaign(folder)
    text = path.read_text() + "  - {id: film, kind: video, file: film.mp4, duration_s: 10}\n"
    path.write_text(text)
    assert told(path) == [
        "warning 7 creatives[1].file: film.mp4: has 4.0 GB; it takes hours to reach a shop"
    ]


def test_a_picture_without_a_header_of_one_is_told(folder):
    path = campaign(folder)
    path.write_text(path.read_text().replace("tea.svg", "torn.png"))
    assert told(path) == [
        "warning 6 creatives[0].file: torn.png: its header is none of an image;"
        " it will most likely not be shown"
    ]


# Warnings: it plays, but not as it was sold.


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


def run(*arguments: str):
    return CliRunner().invoke(main, ["campaign", "check", *arguments])


def test_the_command_lists_what_plays_and_succeeds_with_warnings(folder):
    path = campaign(folder, ["id: a, flight: {to: 2020-01-01}"])
    result = run(str(path))
    assert result.exit_code == 0
    assert f"warning: {path}:5: contracts[0].flight: is over since 2020-01-01" in result.stderr
    assert f"{path}: 2 creatives, 1 for everyone, 1 contract, 1 warning" in result.stdout


def test_the_command_fails_with_every_error_on_a_line_of_its_own(folder):
    path = campaign(folder, ["id: a, priority: x", "id: b"], ["id: c, file: gone.svg"])
    path.write_text(
        path.read_text().replace(
            "file: tea.svg, duration_s: 10, id: c, file", "id: c, duration_s: 10, file"
        )
    )
    result = run(str(path))
    assert result.exit_code == 2
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == [
        "contracts[0].priority",
        "creatives[3].file",
    ]
    assert result.stdout == f"{path}: 2 errors, 0 warnings\n"


@pytest.mark.parametrize("text", ["[", "creatives: []", "hello"])
def test_as_json_a_file_that_is_none_is_told_too(folder, text):
    (folder / "c.yaml").write_text(text)
    result = run(str(folder / "c.yaml"), "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)
    assert said["ok"] is False
    assert said["remarks"][0]["severity"] == "error"


def test_as_json_every_remark_has_its_place(folder):
    path = campaign(folder, ["id: a, flight: {to: 2020-01-01}"])
    result = run(str(path), "--json")
    assert json.loads(result.stdout) == {
        "ok": True,
        "file": str(path),
        "name": "a",
        "creatives": 2,
        "contracts": 1,
        "for_everyone": 1,
        "remarks": [
            {
                "severity": "warning",
                "line": 5,
                "key": "contracts[0].flight",
                "message": "is over since 2020-01-01; remove it",
            }
        ],
    }


def test_a_time_zone_that_there_is_none_of_is_refused(folder):
    result = run(str(campaign(folder)), "--timezone", "Europe/Stokholm")
    assert (result.exit_code, "there is no such time zone" in result.stderr) == (2, True)
