"""What the product promises of a simulated week, over several shops."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from planning_shops import BUSY, HOURLY, MONDAY, SETTINGS, VOICE, small

from kiosk.cli import main
from kiosk.planning import Job, estimate, logged_of, play, simulate, standard_campaign

pytest.importorskip("vowpalwabbit")

SEEDS = range(1, 6)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_week_delivers_its_contracts_and_earns_nine_tenths_of_the_best():
    campaign = standard_campaign(MONDAY, MONDAY + timedelta(days=6))
    for seed in SEEDS:
        found = simulate(campaign, SETTINGS, MONDAY, 7, seed)
        assert found.delivery_error <= 0.02
        assert found.share_of_best() >= 0.9
        assert found.worst_day("rotation") >= -0.02
        assert found.against("rules") > 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_intervals_cover_the_simulated_truth_as_often_as_they_say():
    covered = dict.fromkeys(("ips", "snips", "dr"), 0)
    for seed in range(60):
        played = play(Job("learner", small(VOICE, HOURLY), SETTINGS, MONDAY, 2, seed, seed, BUSY))
        logged = logged_of(played.log, "by-weight")
        truth = sum(played.log.truth["by-weight"]) / len(logged.reward)
        for name in covered:
            one = estimate(name, logged, seed)
            covered[name] += one.low <= truth <= one.high
    # 95 % of 60 is 57; fewer than 52 has a chance of one in a hundred and fifty.
    assert min(covered.values()) >= 52


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_command_prints_one_json_object():
    told = CliRunner().invoke(main, ["campaign", "simulate", "--seed", "3", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.output.strip().splitlines()[-1])["days"] == 7
