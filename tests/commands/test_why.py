"""`kiosk why`: why something played, read from outside while the director runs or does not."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from click.testing import CliRunner

from kiosk.ads import Plays, Rotation, decide
from kiosk.cli import main
from kiosk.state import PlayBook, PlayStart, open_store
from tests.ads.making import FREE, Screen, campaign, contract, creative, live
from tests.fakes import FakeClock, viewer

CAMPAIGN = campaign(
    (creative("bread"), creative("scarf", gender=("female",)), creative("by-beer", "beer")),
    contract("beer", Plays(4, "hour")),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


def why(path, *given: str):
    return CliRunner().invoke(main, ["why", "--set", f"state.path={path}", *given])


def chosen(play_id: str) -> PlayStart:
    shop = Screen(CAMPAIGN)
    shop.play_id("by-beer")
    found = decide(
        CAMPAIGN, live(viewer("m", gender="male")), shop.moment, shop.ledger, Rotation(),
        random.Random(1).random, FREE, {},
    )  # fmt: skip
    return PlayStart(
        play_id, found.creative.id, found.campaign, found.reason, found.explanation,
        "2026-03-04T11:00:00Z", True, None, found.propensity, found.control, found.record(),
    )  # fmt: skip


def written(path, *plays: PlayStart):
    store = open_store(path, FakeClock())
    for one in plays:
        PlayBook(store).start(one)
    return store


def test_the_last_play_is_told_in_a_paragraph_and_creative_by_creative(path):
    store = written(path, chosen("aaaa000000000001"), chosen("bbbb000000000002"))
    PlayBook(store).end("bbbb000000000002", 9.96, completed=True, attention_s=4.0)
    for _ in ("while the file is open", "after it is closed"):
        done = why(path)
        assert done.exit_code == 0, done.output
        lines = done.output.splitlines()
        assert "bbbb000000000002" in lines[0]
        assert "rotation: no match (p 1.000); for 10.0 s on a screen, faced for 4 s" in lines[1]
        assert "Of 3 creatives 2 were out (1 targeting, 1 pace)." in done.output
        assert any(line.startswith("bread ") and line.endswith("<- this one") for line in lines)
        assert any(line.startswith("scarf ") and "targeting: " in line for line in lines)
        assert any(line.startswith("by-beer ") and "pace: " in line for line in lines)
        store.close()


def test_one_play_is_found_by_the_beginning_of_its_id(path):
    written(path, chosen("aaaa000000000001"), chosen("aabb000000000002")).close()
    told = json.loads(why(path, "aaa", "--json").output)
    assert told["play_id"] == "aaaa000000000001"
    assert told["decision"]["out"] == {"targeting": ["scarf"], "pace": ["by-beer"]}
    assert told["propensity"] == 1.0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("aa", "several plays begin so: aabb000000000002, aaaa000000000001"),
        ("zz", "no play of that"),
    ],
)
def test_a_play_that_is_not_there_or_not_one_is_said_so(path, given, sentence):
    written(path, chosen("aaaa000000000001"), chosen("aabb000000000002")).close()
    done = why(path, given)
    assert done.exit_code == 2
    assert sentence in done.output
    assert "hint" in done.output


def test_before_anything_has_played_it_says_what_to_do(path):
    done = why(path)
    assert done.exit_code == 2
    assert "nothing has played yet" in done.output
    assert not path.exists(), "looking makes no file"


def test_the_list_has_the_newest_first_with_ids(path):
    written(path, *(chosen(f"{n:016x}") for n in range(5))).close()
    lines = why(path, "--list", "3").output.splitlines()
    assert [line.split()[0] for line in lines] == [f"{n:016x}" for n in (4, 3, 2)]
    rows = [json.loads(line) for line in why(path, "--list", "9", "--json").output.splitlines()]
    assert len(rows) == 5


def test_a_play_of_an_older_version_is_told_as_far_as_it_is_known(path):
    plain = replace(chosen("aaaa000000000001"), decision=None, propensity=None)
    written(path, plain).close()
    done = why(path)
    assert done.exit_code == 0
    assert "is not kept of this play" in done.output
    assert "(p " not in done.output


def test_a_score_of_nothing_has_no_sign(path):
    one = chosen("aaaa000000000001")
    record = json.loads(one.decision)
    record["in"][0]["score"] = -0.0
    written(path, replace(one, decision=json.dumps(record))).close()
    assert "-0" not in why(path).output.split("creative  ")[1]


def test_a_file_that_is_no_state_file_is_one_sentence(path):
    path.write_text("nonsense " * 200)
    done = why(path)
    assert done.exit_code == 1
    assert "damaged" in done.output
    assert "Traceback" not in done.output
