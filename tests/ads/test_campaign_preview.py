"""`kiosk campaign preview`: the week as it was sold, as text and as a picture."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from kiosk.ads import load_campaign, picture_of_week, plan_week, text_of_week
from kiosk.ads.preview.picture import ALARM, FREE, INK, PALETTE, PAPER, QUIET
from kiosk.cli import main

DEMO = Path(__file__).parents[2] / "kiosk/demo/campaign/campaign.yaml"
STOCKHOLM = ZoneInfo("Europe/Stockholm")

WEEK = """\
version: 1
name: nordlys
contracts:
  - {id: bean, advertiser: bean-co, goal: {share_of_voice: 0.6}, priority: 1,
     flight: {from: 2026-11-01, to: 2026-11-25}, dayparts: [{from: "06:00", to: "10:00"}]}
  - {id: shoe, advertiser: stride, goal: {plays_per_hour: 360},
     dayparts: [{from: "08:30", to: "20:00"}]}
  - {id: loan, advertiser: bank, goal: {impressions: 20000},
     flight: {from: 2026-11-01, to: 2026-12-31}}
  - {id: bar, advertiser: "night-cap", goal: {share_of_voice: 0.5}, exclusive: screen,
     dayparts: [{days: [fri], from: "22:00", to: "02:00"}]}
  - {id: later, advertiser: other, flight: {from: 2027-01-01}}
creatives:
  - {id: house, kind: image, file: tea.svg, duration_s: 5}
  - {id: b, kind: image, file: tea.svg, duration_s: 5, contract: bean}
  - {id: s, kind: image, file: tea.svg, duration_s: 5, contract: shoe}
  - {id: l, kind: image, file: tea.svg, duration_s: 5, contract: loan}
  - {id: n, kind: image, file: tea.svg, duration_s: 5, contract: bar}
  - {id: o, kind: image, file: tea.svg, duration_s: 5, contract: later}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "tea.svg").write_text("<svg/>")
    (tmp_path / "c.yaml").write_text(WEEK)
    return tmp_path / "c.yaml"


@pytest.fixture
def week(file):
    return plan_week(load_campaign(file), date(2026, 11, 26), STOCKHOLM)


def test_each_hour_says_who_is_live_what_each_can_expect_and_what_is_free(week):
    monday = week.hours[0]
    assert week.days[0] == date(2026, 11, 23)
    assert monday[5].expected == {"loan": 0.0}
    assert (monday[5].free, monday[5].booked) == (1.0, 0.0)
    assert monday[7].expected == pytest.approx({"bean": 0.6, "loan": 0.0})
    assert monday[7].free == pytest.approx(0.4)
    assert monday[19].expected == pytest.approx({"shoe": 0.5, "loan": 0.0})
    assert not monday[7].overbooked


def test_an_overbooked_hour_is_marked_and_the_higher_priority_has_what_it_was_sold(week):
    nine, eight = week.hours[0][9], week.hours[0][8]
    assert nine.overbooked
    assert nine.booked == pytest.approx(1.1)
    assert nine.expected == pytest.approx({"bean": 0.6, "shoe": 0.4, "loan": 0.0})
    assert nine.free == pytest.approx(0.0)
    assert eight.overbooked, "half of it is"
    assert eight.expected["shoe"] == pytest.approx(0.2)
    assert not week.hours[3][9].overbooked, "the flight ended on Wednesday"


def test_contracts_of_one_priority_are_cut_alike(file):
    file.write_text(WEEK.replace(", priority: 1", ""))
    week = plan_week(load_campaign(file), date(2026, 11, 26), STOCKHOLM)
    nine = week.hours[0][9].expected
    assert (nine["bean"], nine["shoe"]) == pytest.approx((0.6 / 1.1, 0.5 / 1.1))


def test_an_exclusive_contract_shuts_the_others_out_also_after_midnight(week):
    assert week.hours[4][23].shut_out == {"loan"}
    assert week.hours[5][1].expected == pytest.approx({"loan": 0.0, "bar": 0.5})
    assert week.hours[5][1].free == pytest.approx(0.5)
    assert "bar" not in week.hours[5][2].expected


def test_plays_of_the_week_follow_from_what_can_be_expected(week):
    plays = {one.contract.id: one.plays for one in week.sold}
    assert plays["bean"] == pytest.approx(3 * 4 * 0.6 * 720)
    assert plays["loan"] is None
    assert [one.letter for one in week.sold] == ["A", "B", "C", "D"]
    assert week.absent == ("later",)


def test_plays_over_a_flight_whose_beginning_nobody_knows_are_not_guessed(file):
    flight = "flight: {from: 2026-11-01, to: 2026-11-25}"
    file.write_text(WEEK.replace("{share_of_voice: 0.6}", "{plays: 900}").replace(
        flight, "flight: {to: 2026-11-25}"
    ))  # fmt: skip
    week = plan_week(load_campaign(file), date(2026, 11, 23), STOCKHOLM)
    assert week.sold[0].plays is None
    assert "900 plays over the flight, to 25 Nov 2026" in text_of_week(week, 200)


@pytest.mark.parametrize("week", ["9999-W52", "0001-W01", "1999-W52", "2026-W54", "2026-48"])
def test_a_week_that_no_campaign_can_have_is_one_sentence(file, week):
    done = CliRunner().invoke(main, ["campaign", "preview", str(file), "--week", week])
    assert done.exit_code == 2
    assert f"--week {week}: there is no such week" in done.output


@pytest.mark.parametrize(
    ("goal", "share"),
    [
        ("{plays_per_day: 1440}", 0.5),
        ("{plays: 36000}", 0.5),
        ("{plays_per_hour: 720}", 1.0),
    ],
)
def test_plays_a_day_and_over_a_flight_are_spread_over_the_live_hours(file, goal, share):
    file.write_text(WEEK.replace("{share_of_voice: 0.6}", goal))
    week = plan_week(load_campaign(file), date(2026, 11, 23), STOCKHOLM)
    assert week.hours[0][7].expected["bean"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("day", "zone", "lengths"),
    [
        (date(2026, 3, 29), "Europe/Stockholm", {2: 0}),
        (date(2026, 10, 25), "Europe/Stockholm", {2: 7200}),
        (date(2026, 3, 8), "America/New_York", {2: 0}),
        (date(2026, 11, 1), "America/New_York", {1: 7200}),
        (date(2026, 10, 4), "Australia/Lord_Howe", {2: 1800}),
        (date(2026, 11, 24), "Europe/Stockholm", {}),
    ],
)
def test_the_hour_by_which_the_clock_is_changed_is_left_out_or_twice_as_long(
    file, day, zone, lengths
):
    week = plan_week(load_campaign(file), day, ZoneInfo(zone))
    hours = week.hours[week.days.index(day)]
    assert {at: hour.length_s for at, hour in enumerate(hours) if hour.length_s != 3600} == lengths
    text = text_of_week(week, 120)
    assert ("none: the clock leaves this hour out" in text) is (0 in lengths.values())
    assert ("the clock shows this hour twice" in text) is (7200 in lengths.values())


def test_the_text_is_a_table_when_there_is_room(week):
    lines = text_of_week(week, 120).splitlines()
    assert lines[0] == "nordlys, week 48 of 2026: 23 Nov to 29 Nov 2026, Europe/Stockholm"
    assert re.split(r"\s{2,}", lines[2]) == [
        "hours", "Mon 23 to Wed 25", "Thu 26", "Fri 27", "Sat 28", "Sun 29",
    ]  # fmt: skip
    row = next(line for line in lines if line.startswith("09-10"))
    assert re.split(r"\s{2,}", row)[1:3] == ["A60 B40 C !110", "B50 C +50"]
    assert any(line.startswith("A  bean: bean-co, 60 % of the time, about 5,184") for line in lines)
    assert "not live in this week: later" in lines


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100, 200])
def test_no_line_of_the_text_is_wider_than_the_terminal(week, width):
    lines = text_of_week(week, width).splitlines()
    assert max(len(line) for line in lines) <= width
    assert any("!110" in line for line in lines)


def contrast(one: str, other: str) -> float:
    """Of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_everything_that_is_written_in_the_picture_can_be_read():
    pairs = [(PAPER, colour) for colour in (*PALETTE, ALARM, INK, QUIET)]
    pairs += [(FREE, colour) for colour in (INK, QUIET)]
    assert min(contrast(*pair) for pair in pairs) >= 4.5


def test_the_picture_stands_alone_and_shows_what_the_table_says(week):
    text = picture_of_week(week)
    root = ElementTree.fromstring(text)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "nordlys, week 48 of 2026: 23 Nov to 29 Nov 2026" in words
    assert "110 %" in words
    assert "60 %" in words
    assert any("bean (bean-co): 60 % of the time" in (word or "") for word in words)
    assert "Not live in this week: later" in words
    assert not re.search(r"href|url\(|<script|<image|@import", text)
    assert {"#ffffff"} >= set(re.findall(r'<rect x="0.0" y="0.0"[^>]*fill="([^"]+)"', text))


def test_nothing_of_the_picture_lies_outside_of_it(week):
    root = ElementTree.fromstring(picture_of_week(week))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        left, top = float(box.get("x", 0)), float(box.get("y", 0))
        assert 0 <= left <= left + float(box.get("width", 0)) <= width
        assert 0 <= top <= top + float(box.get("height", 0)) <= height
    for word in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(word.get("x", 0)) < width
        assert 0 < float(word.get("y", 0)) < height


def test_a_week_in_which_nothing_is_sold_is_all_house_content(file):
    text = "version: 1\nname: a\ncreatives: [{id: h, kind: image, file: tea.svg, duration_s: 5}]\n"
    file.write_text(text)
    week = plan_week(load_campaign(file), date(2026, 11, 26), STOCKHOLM)
    assert "00-24  +100" in text_of_week(week, 80)
    assert "Nothing is sold in this week" in picture_of_week(week)


def test_the_command_shows_a_week_and_writes_its_picture(file, tmp_path):
    arguments = ["campaign", "preview", str(file), "--week", "2026-W48"]
    arguments += ["--timezone", "Europe/Stockholm", "--picture", str(tmp_path / "week.svg")]
    result = CliRunner().invoke(main, arguments, env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert "week 48 of 2026" in result.stdout
    assert (tmp_path / "week.svg").read_text().startswith("<svg ")


def test_the_demos_campaign_can_be_previewed_for_this_week():
    result = CliRunner().invoke(main, ["campaign", "preview", str(DEMO)])
    assert result.exit_code == 0
    assert "lava-lamps" in result.stdout


@pytest.mark.parametrize("week", ["2026-W54", "2026-48", "2026-W00", "W48", "next", "0000-W01"])
def test_a_week_that_there_is_none_of_is_refused(file, week):
    result = CliRunner().invoke(main, ["campaign", "preview", str(file), "--week", week])
    assert result.exit_code == 2
    assert "there is no such week" in result.stderr


def test_a_picture_that_cannot_be_written_is_told(file):
    arguments = ["campaign", "preview", str(file), "--picture", "/nowhere/week.svg"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "/nowhere/week.svg: cannot be written" in result.stderr
