"""`kiosk campaign check`: what contradicts itself, and how the command tells it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from kiosk.ads import load_campaign
from kiosk.errors import CampaignError
from tests.ads.written import CONTENT, campaign, folder, run, told

__all__ = ["folder"]


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
