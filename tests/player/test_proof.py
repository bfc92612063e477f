"""Proof of play as a device exports it itself: `kiosk plays export`."""

from __future__ import annotations

import csv
import io
import json
import math
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from click.testing import CliRunner

from kiosk.cli import main
from kiosk.clock import SystemClock
from kiosk.config import DeviceSettings
from kiosk.player import exported_plays
from kiosk.proof import COLUMNS, ProofRow, csv_text
from kiosk.state import open_store
from kiosk.wire import Plays
from tests.openrtb import check_openrtb
from tests.played import HOUR, NOON, Shop, Showing


@pytest.fixture
def shop(tmp_path):
    """Names and time zone of its configuration; plays and hours come by the tests."""
    device = "{tenant: demo, site: berlin, name: kiosk-1, timezone: Europe/Berlin}"
    text = f"device: {device}\nstate: {{path: state.db}}\n"
    (tmp_path / "config.yaml").write_text(text)
    return Shop(tmp_path / "state.db")


def run(shop: Shop, *arguments: str):
    config = str(shop.path.with_name("config.yaml"))
    return CliRunner().invoke(main, ["plays", "export", "--config", config, *arguments])


def table(shop: Shop, *arguments: str) -> dict[str, dict[str, str]]:
    found = run(shop, *arguments)
    assert found.exit_code == 0, found.output
    return {row["play_id"]: row for row in csv.DictReader(io.StringIO(found.stdout, newline=""))}


def test_every_play_that_is_over_is_a_row_of_what_was_proved(shop):
    shop.show(
        Showing("a", NOON, contract="tea-2026"),
        Showing("b", NOON + timedelta(seconds=9), presented=False, completed=False),
        Showing("still on", NOON + timedelta(seconds=18), ended=False),
    )
    found = table(shop)
    assert list(found) == ["a", "b"]
    assert found["a"] == {
        "tenant": "demo", "site": "berlin", "device": "kiosk-1",
        "play_id": "a", "creative": "tea", "campaign": "spring", "contract": "tea-2026",
        "start": "2026-11-18T12:00:00Z", "start_local": "2026-11-18T13:00:00+01:00",
        "duration_s": "8.25", "completed": "true", "presented": "true",
        "multiplier": "", "multiplier_sd": "", "hour_published": "false",
    }  # fmt: skip
    assert (found["b"]["contract"], found["b"]["completed"], found["b"]["presented"]) == (
        *("", "false", "false"),
    )


def test_the_multiplier_is_that_of_the_hour_as_it_was_published(shop):
    shop.show(Showing("a", NOON + timedelta(minutes=59, seconds=59)), Showing("b", NOON + HOUR))
    shop.publish(NOON, plays=40, impressions=100, scale=4.0)
    found = table(shop)
    a = math.exp(-1 / 4.0)
    assert float(found["a"]["multiplier"]) == 2.5
    assert float(found["a"]["multiplier_sd"]) == round(math.sqrt(2 * a) / (1 - a) / 40, 4)
    assert found["a"]["hour_published"] == "true"
    assert (found["b"]["multiplier"], found["b"]["hour_published"]) == ("", "false")


@pytest.mark.parametrize(
    ("plays", "impressions", "told"),
    [
        pytest.param(40, -12, "0.0", id="noise below zero"),
        pytest.param(0, 12, "", id="no play of which a multiplier could be told"),
        pytest.param(40, None, "", id="impressions are not published"),
    ],
)
def test_an_hour_that_says_nothing_of_its_impressions_makes_none_up(shop, plays, impressions, told):
    shop.show(Showing("a", NOON))
    shop.publish(NOON, plays, impressions, scale=4.0)
    row = table(shop)["a"]
    assert (row["multiplier"], row["hour_published"]) == (told, "true")
    assert (row["multiplier_sd"] == "") == (told == "")


def test_a_play_that_no_screen_presented_has_no_audience(shop):
    shop.show(Showing("seen", NOON), Showing("unseen", NOON, presented=False))
    shop.publish(NOON, plays=1, impressions=3)
    found = table(shop)
    assert (found["seen"]["multiplier"], found["unseen"]["multiplier"]) == ("3.0", "")
    assert found["unseen"]["hour_published"] == "true"


def test_an_hour_whose_counts_are_not_kept_any_more_is_still_known_as_published(shop):
    shop.show(Showing("a", NOON))
    shop.publish(NOON, plays=1, impressions=3)
    with closing(sqlite3.connect(shop.path)) as db:
        db.execute("UPDATE published_hours SET tables = NULL")
        db.commit()
    row = table(shop)["a"]
    assert (row["multiplier"], row["hour_published"]) == ("", "true")


def test_days_are_the_shops_and_both_are_in_the_export(shop):
    # At two in the night of the 29th the clocks of Berlin go forward: the day has 23 hours.
    midnight = NOON.replace(month=3, day=28, hour=23)
    for number in range(-1, 25):
        shop.show(Showing(f"h{number}", midnight + number * HOUR))
    found = table(shop, "--from", "2026-03-29", "--to", "2026-03-29")
    assert list(found) == [f"h{number}" for number in range(23)]
    assert found["h0"]["start_local"] == "2026-03-29T00:00:00+01:00"
    assert found["h22"]["start_local"] == "2026-03-29T23:00:00+02:00"


def test_times_leave_out_their_end_so_that_exports_side_by_side_hold_each_play_once(shop):
    for number in range(6):
        shop.show(Showing(f"p{number}", NOON + timedelta(seconds=number)))
    cut = "2026-11-18T13:00:03+01:00"
    before, after = table(shop, "--to", cut), table(shop, "--from", cut)
    assert [*before, *after] == [f"p{number}" for number in range(6)]
    assert list(after) == ["p3", "p4", "p5"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "soon"), "--from soon: neither a day nor a time with its zone"),
        (("--to", "2026-11-18T12:00:00"), "neither a day nor a time with its zone"),
        (("--to", "9999-12-31"), "outside of the calendar"),
        (("--from", "2026-11-18", "--to", "2026-11-17"), "it does not lie after"),
    ],
)
def test_a_time_that_means_nothing_is_told_in_one_sentence(shop, arguments, sentence):
    shop.show(Showing("a", NOON))
    found = run(shop, *arguments)
    assert found.exit_code == 2
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr


def test_a_device_without_a_state_file_says_so(shop):
    found = run(shop)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "there is no state file" in found.stderr


def test_plays_come_some_at_a_time_and_each_once(shop):
    shop.show(*(Showing(f"p{number}", NOON) for number in range(5)))
    shop.publish(NOON, plays=5, impressions=5)
    batches = list(exported_plays(shop.path, DeviceSettings(), "", "9", at_once=2))
    assert [[row.play_id for row in batch] for batch in batches] == [
        ["p0", "p1"], ["p2", "p3"], ["p4"],
    ]  # fmt: skip
    assert {row.multiplier for batch in batches for row in batch} == {1.0}


def test_it_is_read_beside_a_running_director_and_changes_nothing(shop):
    shop.show(Showing("a", NOON))
    with closing(open_store(shop.path, SystemClock())) as store, store.transaction() as db:
        db.execute("UPDATE plays SET campaign = 'other'")
        before = sorted(shop.path.parent.iterdir())
        assert table(shop)["a"]["campaign"] == "spring"
        assert sorted(shop.path.parent.iterdir()) == before


def test_a_file_is_there_as_a_whole_and_the_same_as_on_the_terminal(shop, tmp_path):
    shop.show(Showing("a", NOON, creative="tea-für-zwei"))
    out = tmp_path / "week.csv"
    assert run(shop, "--out", str(out)).exit_code == 0
    assert out.read_bytes() == run(shop).stdout_bytes
    assert out.read_bytes().startswith(b"tenant,")
    assert b"tea-f\xc3\xbcr-zwei" in out.read_bytes()
    nowhere = run(shop, "--out", str(tmp_path / "none" / "week.csv"))
    assert nowhere.exit_code == 1
    assert "cannot be written" in nowhere.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if "week" in path.name) == ["week.csv"]


def test_the_json_is_in_the_words_of_openrtb(shop):
    shop.show(
        Showing("a", NOON, contract="tea-2026"),
        Showing("b", NOON, presented=False),
        Showing("c", NOON + HOUR),
    )
    shop.publish(NOON, plays=2, impressions=3, scale=4.0)
    told = json.loads(run(shop, "--format", "openrtb").stdout)
    check_openrtb(told)
    first, second, third = told["plays"]
    [impression] = first["request"]["imp"]
    [bid] = first["response"]["seatbid"][0]["bid"]
    assert first["request"]["dooh"]["id"] == "demo/berlin/kiosk-1"
    assert impression["dt"] == NOON.timestamp() * 1000
    assert impression["qty"]["multiplier"] == 1.5
    assert (bid["crid"], bid["cid"], bid["dealid"]) == ("tea", "spring", "tea-2026")
    # Nothing known is nothing said: by the standard, what is not there is unknown.
    assert all("qty" not in play["request"]["imp"][0] for play in (second, third))
    assert "pmp" not in second["request"]["imp"][0]


def test_no_play_is_a_table_and_a_document_without_plays(shop):
    shop.show(Showing("still on", NOON, ended=False))
    assert run(shop).stdout_bytes == ",".join(COLUMNS).encode() + b"\r\n"
    told = json.loads(run(shop, "--format", "openrtb").stdout)
    check_openrtb(told)
    assert told["plays"] == []


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\nx"])
def test_a_spreadsheet_takes_no_name_for_a_formula(name):
    row = ProofRow(
        *("demo", "berlin", "kiosk-1", name, name, name, name, NOON, NOON),
        *(8.0, True, True, 0.5, 0.1, True),
    )
    text = "".join(csv_text([[row]]))
    [told] = csv.DictReader(io.StringIO(text, newline=""))
    assert [told[one] for one in ("play_id", "creative", "campaign", "contract")] == [
        "'" + name
    ] * 4
    assert told["start_local"] == "2026-11-18T12:00:00Z"


def test_a_batch_holds_no_two_days_however_long_the_device_was_off(shop):
    month = timedelta(days=30)
    shop.show(Showing("before", NOON - month), Showing("after", NOON), Showing("then", NOON))
    sent = [Plays.model_validate_json(payload) for _, payload in shop.send()]
    assert [[play.play_id for play in batch.plays] for batch in sent] == [
        ["before"], ["after", "then"],
    ]  # fmt: skip


def test_what_is_sent_names_the_contract_and_never_why_it_was_chosen(shop):
    shop.show(Showing("a", NOON, contract="tea-2026"), Showing("b", NOON))
    [(leaf, payload)] = shop.send()
    assert leaf == "up/plays"
    sent = Plays.model_validate_json(payload)
    assert [play.contract for play in sent.plays] == ["tea-2026", None]
    assert b"rotation" not in payload
    assert json.loads(payload)["schema"] == 2
