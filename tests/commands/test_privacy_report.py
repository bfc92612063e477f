"""The report: what a lawyer reads is what the device does."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.audience import draw_release
from kiosk.cli import main
from kiosk.clock import SystemClock
from kiosk.config import PrivacySettings
from kiosk.state import Closing, close_hour, open_store, save_hour

BY_PEOPLE = {"age_gender", "creative_age_gender", "impressions_age_gender"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("state: {path: state.db}\n", encoding="utf-8")
    return path


def said(config: Path, *arguments: str) -> str:
    """What the command prints, on one line."""
    done = CliRunner().invoke(main, ["privacy", "report", "--config", str(config), *arguments])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def figures(config: Path, *arguments: str) -> dict:
    done = CliRunner().invoke(
        main, ["privacy", "report", "--json", "--config", str(config), *arguments]
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def publish(config: Path, hour: str, settings: PrivacySettings) -> None:
    """Publish an hour as the director does."""
    store = open_store(config.parent / "state.db", SystemClock())
    save_hour(store, hour, {"ots": 2})
    release = draw_release({"ots": 2}, settings)
    noise = release.noise
    closing = Closing(
        hour=hour,
        noise=noise if noise == "off" else noise.mechanism,
        epsilon=None if noise == "off" else noise.epsilon,
        scales="{}" if noise == "off" else json.dumps(noise.scales),
        tables=release.tables.model_dump_json(),
        at="2026-03-04T13:00:05Z",
    )
    close_hour(store, closing, lambda seq: b"%d" % seq)
    store.close()


def test_the_report_says_what_epsilon_means_and_that_it_is_of_a_pass(config):
    text = said(config)
    assert "epsilon = 1 per pass" in text
    assert "2.72 times (e^1)" in text
    assert "10 % probability" in text
    assert "with 23 % at most and 3.9 % at least" in text
    assert "It is NOT one person" in text
    assert "k passes of one person spend k times epsilon" in text


def test_the_figures_are_those_that_the_payload_carries(config):
    found = figures(config, "--set", "privacy.epsilon=0.5")
    noise = draw_release({}, PrivacySettings(epsilon=0.5)).noise
    assert found["epsilon"] == noise.epsilon == 0.5
    assert {one["name"]: one["scale"] for one in found["tables"]} == noise.scales
    assert sum(one["epsilon"] for one in found["tables"]) == pytest.approx(0.5)
    assert found["odds_factor"] == pytest.approx(math.exp(0.5))


def test_errors_grow_with_the_square_root_of_the_hours_and_of_the_cells(config):
    found = figures(config)
    visits = next(one for one in found["tables"] if one["name"] == "visits")
    assert visits["sd_hour"] == pytest.approx(math.sqrt(2) * visits["scale"], rel=0.01)
    for one in (*found["tables"], *found["sums"]):
        assert one["sd_day"] == pytest.approx(math.sqrt(24) * one["sd_hour"])
        assert one["sd_week"] == pytest.approx(math.sqrt(168) * one["sd_hour"])
    sums = {one["name"]: one for one in found["sums"]}
    assert sums["watchers"]["sd_hour"] == visits["sd_hour"]
    assert sums["ots"]["sd_hour"] == pytest.approx(math.sqrt(2) * visits["sd_hour"])
    cells = next(one for one in found["tables"] if one["name"] == "age_gender")
    assert sums["age_gender"]["sd_hour"] == pytest.approx(math.sqrt(27) * cells["sd_hour"])


def test_without_noise_the_report_says_that_there_is_no_guarantee(config):
    off = ("--set", "privacy.noise=off")
    text = said(config, *off)
    assert "There is NO guarantee" in text
    assert "likelier" not in text
    found = figures(config, *off)
    assert (found["guarantee"], found["epsilon"], found["odds_factor"]) == (False, None, None)
    assert found["noise"] == "off"
    assert {one["epsilon"] for one in found["tables"]} == {None}
    assert found["sums"] == []


@pytest.mark.parametrize(
    ("policy", "estimates", "hidden"),
    [
        ("full", ["age", "gender", "mood"], set()),
        ("eu", ["age", "gender"], {"mood", "creative_mood"}),
        ("count-only", [], {"mood", "creative_mood", *BY_PEOPLE}),
    ],
)
def test_a_policy_is_told_with_what_it_estimates_and_leaves_out(config, policy, estimates, hidden):
    chosen = ("--set", f"privacy.policy={policy}")
    found = figures(config, *chosen)
    assert found["policy"]["name"] == policy
    assert found["policy"]["estimates"] == estimates
    assert {one["name"] for one in found["tables"] if not one["published"]} == hidden
    text = said(config, *chosen)
    assert f"Policy {policy}" in text
    assert ("Not published: " in text) == bool(hidden)


def test_an_estimate_that_is_switched_off_is_not_claimed(config):
    found = figures(config, "--set", "vision.attributes.estimate=[age]")
    assert found["policy"]["estimates"] == ["age"]


def test_clamps_are_told_in_words_and_figures(config):
    changed = ("--set", "privacy.dwell_clamp_s=45", "--set", "privacy.impressions_clamp=3")
    assert "at most 45 seconds in view" in said(config, *changed)
    found = figures(config, *changed)
    assert found["clamps"]["dwell_clamp_s"] == 45
    sensitivities = {one["name"]: one["sensitivity"] for one in found["tables"]}
    assert sensitivities["creative_dwell"] == 45
    assert sensitivities["impressions"] == sensitivities["impressions_age_gender"] == 3


def test_a_device_that_never_published_says_so_and_makes_no_state_file(config):
    assert "Nothing was published yet." in said(config)
    ledger = figures(config)["ledger"]
    assert ledger == {
        "releases": 0, "first": None, "last": None, "epsilon_per_release": [], "rows": [],
    }  # fmt: skip
    assert not (config.parent / "state.db").exists()


def test_every_release_stands_in_the_ledger_with_what_it_spent(config):
    publish(config, "2026-03-04T11:00:00Z", PrivacySettings(noise="off"))
    publish(config, "2026-03-04T12:00:00Z", PrivacySettings(epsilon=0.5))
    publish(config, "2026-03-04T13:00:00Z", PrivacySettings(epsilon=0.5))
    ledger = figures(config)["ledger"]
    assert ledger["releases"] == 3
    assert [row["hour"] for row in ledger["rows"]][-1] == "2026-03-04T13:00:00Z"
    assert [row["epsilon"] for row in ledger["rows"]] == [None, 0.5, 0.5]
    assert ledger["epsilon_per_release"] == [
        {"noise": "off", "epsilon": None, "releases": 1},
        {"noise": "discrete-laplace", "epsilon": 0.5, "releases": 2},
    ]
    text = said(config)
    assert "1 of them WITHOUT noise: of those there is no guarantee" in text
    assert "2 of them with discrete-laplace, epsilon 0.5" in text
    assert "2026-03-04T12:00:00Z 2 discrete-laplace 0.5 2026-03-04T13:00:05Z" in text


def test_what_is_outside_the_guarantee_is_said(config):
    text = said(config)
    for part in ("Proof of play", "notice_s", "Status and health", "kiosk stats", "state.db"):
        assert part in text.partition("Outside the guarantee")[2]


def test_a_share_that_cannot_be_drawn_is_a_sentence(config):
    done = CliRunner().invoke(
        main,
        ["privacy", "report", "--config", str(config), "--set", "privacy.epsilon=1.0e-320"],
    )
    assert done.exit_code == 1
    assert "too small for any noise" in done.output
