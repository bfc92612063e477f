"""Simulated weeks: the same from the same seed, true to contracts, and learning pays."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from planning_shops import BUSY, HOURLY, MONDAY, SETTINGS, VOICE, creative, small, viewer

from kiosk.ads import Context, Contract, Plays, Times
from kiosk.audience import Audience
from kiosk.cli import main
from kiosk.planning import Job, World, as_text, play, simulate
from kiosk.planning.policies import Best
from kiosk.terms import ADULT_BANDS, GENDERS

pytest.importorskip("vowpalwabbit")

CAMPAIGN = small(VOICE, HOURLY)


@pytest.fixture(scope="module")
def report():
    return simulate(CAMPAIGN, SETTINGS, MONDAY, 2, 1, workers=2, shop=BUSY)


def test_the_same_seed_gives_the_same_week_in_any_process(report):
    again = play(Job("learner", CAMPAIGN, SETTINGS, MONDAY, 2, 1, 1, BUSY))
    assert again == report.learner
    other = play(Job("learner", CAMPAIGN, SETTINGS, MONDAY, 2, 1, 2, BUSY))
    assert other != report.learner


def test_learning_earns_more_than_rotation_and_less_than_knowing(report):
    assert report.against("rotation") > 0.05
    assert 0.8 < report.share_of_best() < 1
    assert report.attention("rules") < report.attention("best")


def test_what_was_chosen_for_somebody_is_a_part_of_all_attention(report):
    for run in report.runs.values():
        assert all(0.3 < day.chosen_s / day.expected_s < 1 for day in run.days)
    assert report.as_dict()["share_of_best_chosen"] == pytest.approx(
        report.share_of_best(chosen=True), abs=1e-4
    )


def test_contracts_get_what_was_sold(report):
    assert report.delivery_error < 0.02
    assert {one.contract for one in report.learner.contracts} == {"voice", "hourly"}
    voice = next(one for one in report.learner.contracts if one.contract == "voice")
    assert voice.due == pytest.approx(0.2 * 2 * 3600, rel=0.01)
    assert voice.got == 9 * voice.plays


def test_the_json_has_the_keys_that_others_read(report):
    told = report.as_dict()
    assert {
        "delivery_error", "pacing_error", "attention_vs_rotation", "attention_vs_rules",
        "share_of_best", "ope",
    } <= set(told)  # fmt: skip
    assert set(told["ope"]) == {"ips", "snips", "dr"}
    assert all(set(one) == {"value", "low", "high", "truth"} for one in told["ope"].values())


def test_the_text_names_every_contract_and_policy(report):
    text = as_text(report)
    for word in ("voice", "hourly", "rotation", "best fixed policy", "snips", "worst day"):
        assert word in text


def test_a_contract_that_cannot_be_delivered_is_told_with_how_much_is_missing():
    greedy = Contract("greedy", "C", "travel", Plays(600, "hour"))
    played = play(Job("rules", small(greedy), SETTINGS, MONDAY, 1, 1, 1, BUSY))
    assert played.contracts[0].error == pytest.approx(400 / 600 - 1, abs=0.02)


def test_a_flight_is_due_by_the_share_of_it_that_is_simulated():
    flight = Times(MONDAY, MONDAY.replace(day=8))
    half = Contract("half", "D", "travel", Plays(400, "flight"), flight)
    played = play(Job("rules", small(half), SETTINGS, MONDAY, 2, 1, 1, BUSY))
    assert played.contracts[0].due == pytest.approx(200)


def test_the_best_policy_takes_no_account_of_age_and_gender_for_jobs():
    for category, told in (("jobs", 1), ("store", 2)):
        ours = tuple(creative(f"x-{number}", category=category) for number in range(6))
        best = Best(World(ours, 1, 1, BUSY))
        picked = set()
        for band in ADULT_BANDS:
            for gender in GENDERS:
                audience = Audience("live", 0.1, (viewer(band, gender),))
                best.look(audience, 12 * 3600)
                context = Context.of(audience, datetime(2026, 1, 5, 12, tzinfo=UTC))
                picked.add(best.probabilities(context, ours))
        assert min(len(picked), 2) == told


@pytest.mark.parametrize("name", ["linucb", "thompson"])
def test_a_baseline_learns_in_the_same_shop(name):
    pytest.importorskip("mabwiser")
    ours, theirs = (
        play(Job(policy, CAMPAIGN, SETTINGS, MONDAY, 2, 1, 1, BUSY))
        for policy in ("rotation", name)
    )
    assert theirs.days[-1].expected_s > ours.days[-1].expected_s


def test_a_campaign_that_is_not_there_is_one_sentence():
    told = CliRunner().invoke(main, ["campaign", "simulate", "nowhere.yaml"])
    assert told.exit_code == 2
    assert "nowhere.yaml" in told.output
    assert "Traceback" not in told.output
