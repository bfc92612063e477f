"""The release: which tables leave the device, and that nothing tidies them up."""

from __future__ import annotations

import json
import statistics
import threading

import pytest

from kiosk.audience import draw_release, hours_payload, plan_budget, tables_of
from kiosk.config import PrivacySettings
from kiosk.wire import Hours
from tests.fakes import NOON

NOISY = 1e-10
"""An epsilon at which no draw is 0, and no two sums are alike, but by a rare chance."""

HOUR = {
    "plays": 40,
    "passes": 9,
    "ots": 7,
    "watchers": 4,
    "dwell_s": 120,
    "attention_s": 60,
    "age_gender/25-34/female": 4,
    "age_gender/unknown/unknown": 3,
    "mood/happy": 7,
    "group_size/1": 5,
    "group_size/2": 2,
    "impressions": 13,
    "impressions_age_gender/25-34/female": 11,
    "impressions_age_gender/unknown/unknown": 2,
    "creative/tea/plays": 30,
    "creative/tea/ots": 7,
    "creative/tea/watchers": 4,
    "creative/tea/dwell_s": 120,
    "creative/tea/attention_s": 60,
    "creative/tea/age_gender/25-34/female": 4,
    "creative/tea/age_gender/unknown/unknown": 3,
    "creative/tea/mood/happy": 7,
    "creative/tea/group_size/1": 7,
    "creative/rain/plays": 0,
}


def settings_of(**changes) -> PrivacySettings:
    return PrivacySettings.model_validate(changes)


def published(settings: PrivacySettings, counts=HOUR) -> dict:
    """An hour as head office reads it."""
    release = draw_release(counts, settings)
    payload = hours_payload(
        release, NOON, None, policy=settings.policy, notice_s=3600, epoch="0123abcd", seq=1
    )
    Hours.model_validate_json(payload)
    return json.loads(payload)


def flat(table) -> list[int]:
    return [table] if isinstance(table, int) else [n for part in table.values() for n in flat(part)]


def test_without_noise_the_counts_pass_as_they_are_and_the_payload_says_so():
    said = published(settings_of(noise="off"))
    assert said["noise"] == "off"
    assert said["tables"] == json.loads(tables_of(HOUR).model_dump_json())


def test_with_noise_the_payload_names_epsilon_and_the_scale_of_every_published_table():
    settings = settings_of(epsilon=0.8)
    said = published(settings)["noise"]
    assert said["mechanism"] == "discrete-laplace"
    assert said["unit"] == "pass"
    assert said["epsilon"] == 0.8
    budgets = plan_budget(settings)
    assert said["scales"] == {name: one.scale for name, one in budgets.items()}
    spent = sum(budgets[name].sensitivity / scale for name, scale in said["scales"].items())
    assert 0.8 * (1 - 1e-6) < spent <= 0.8


def test_noise_moves_every_count_but_never_the_number_of_plays():
    exact, noised = tables_of(HOUR).model_dump(), published(settings_of(epsilon=NOISY))["tables"]
    assert noised["plays"] == 40
    assert noised["creatives"]["tea"]["plays"] == 30
    for key in ("ots", "watchers", "dwell_s", "attention_s"):
        assert noised[key] != exact[key]
        assert noised["creatives"]["tea"][key] != exact["creatives"]["tea"][key]


def test_every_cell_of_every_creative_gets_noise_zeros_too():
    empty = {"creative/tea/plays": 0, "creative/rain/plays": 0}
    tables = published(settings_of(epsilon=NOISY), empty)["tables"]
    blocks = [tables, tables["creatives"]["tea"], tables["creatives"]["rain"]]
    for block in blocks:
        for key in ("age_gender", "mood", "group_size", "dwell_s", "attention_s"):
            assert 0 not in flat(block[key])
    assert len(flat(tables["age_gender"])) == len(flat(tables["impressions_age_gender"])) == 27


def test_counts_below_zero_are_published_as_they_were_drawn():
    counts = flat(published(settings_of(epsilon=0.1), {})["tables"]["age_gender"])
    assert min(counts) < 0 < max(counts)


def test_tables_are_not_made_to_agree_with_each_other():
    tables = published(settings_of(epsilon=NOISY))["tables"]
    sums = {key: sum(flat(tables[key])) for key in ("age_gender", "mood", "group_size")}
    assert len({tables["ots"], *sums.values()}) == 4
    assert sum(one["ots"] for one in tables["creatives"].values()) != tables["ots"]


def test_ots_is_the_sum_of_both_noised_cells_and_so_noisier_than_watchers():
    settings = settings_of(epsilon=0.02, shares=only("visits", "creative_visits"))
    counts = {f"creative/c{number}/plays": 0 for number in range(2000)}
    creatives = draw_release(counts, settings).tables.creatives.values()
    watchers = statistics.pvariance([one.watchers for one in creatives])
    assert 1.5 < statistics.pvariance([one.ots for one in creatives]) / watchers < 2.7
    assert any(one.ots < one.watchers for one in creatives)


def test_noise_is_added_to_what_was_counted():
    tables = draw_release(HOUR, settings_of(epsilon=10, shares=only("visits"))).tables
    # At this scale, 0.1, a draw beyond 3 is rarer than one in ten million million.
    assert abs(tables.ots - 7) <= 6
    assert abs(tables.watchers - 4) <= 3


def only(*names: str) -> dict[str, float]:
    return dict.fromkeys(plan_budget(PrivacySettings()), 0.0) | dict.fromkeys(names, 1.0)


@pytest.mark.parametrize("noise", ["off", "discrete-laplace"])
def test_policy_full_publishes_every_table(noise):
    tables = published(settings_of(noise=noise))["tables"]
    for block in (tables, *tables["creatives"].values()):
        assert None not in block.values()


@pytest.mark.parametrize("noise", ["off", "discrete-laplace"])
@pytest.mark.parametrize("changes", [{"policy": "eu"}, {"mood_table": False}], ids=str)
def test_moods_that_are_not_published_are_null_everywhere(noise, changes):
    said = published(settings_of(noise=noise, **changes))
    tables = said["tables"]
    for block in (tables, *tables["creatives"].values()):
        assert {key for key, value in block.items() if value is None} == {"mood"}
    if noise != "off":
        assert {"mood", "creative_mood"}.isdisjoint(said["noise"]["scales"])


@pytest.mark.parametrize("noise", ["off", "discrete-laplace"])
def test_policy_count_only_publishes_no_cell_that_names_an_age_a_gender_or_a_mood(noise):
    said = published(settings_of(noise=noise, policy="count-only"))
    tables = said["tables"]
    hidden = {"age_gender", "mood"}
    for block in tables["creatives"].values():
        assert {key for key, value in block.items() if value is None} == hidden
    hidden.add("impressions_age_gender")
    assert {key for key, value in tables.items() if value is None} == hidden
    assert tables["impressions"] is not None


def test_a_table_with_a_share_of_0_is_null_and_names_no_scale():
    said = published(settings_of(shares={"dwell": 0, "creative_group_size": 0}))
    assert said["tables"]["dwell_s"] is None
    assert said["tables"]["creatives"]["tea"]["dwell_s"] is not None
    assert said["tables"]["creatives"]["tea"]["group_size"] is None
    assert said["tables"]["group_size"] is not None
    assert {"dwell", "creative_group_size"}.isdisjoint(said["noise"]["scales"])


@pytest.mark.parametrize("noise", ["off", "discrete-laplace"])
def test_without_a_share_for_their_visits_no_creative_is_published(noise):
    said = published(settings_of(noise=noise, shares={"creative_visits": 0}))
    assert said["tables"]["creatives"] == {}


def test_counts_at_the_edge_of_64_bits_are_published_at_the_edge():
    largest = 2**63 - 1
    huge = {"ots": largest, "watchers": -largest, "dwell_s": largest, "attention_s": -largest}
    tables = published(settings_of(epsilon=1e-12), huge)["tables"]
    assert all(-largest <= tables[key] <= largest for key in huge)
    assert tables["dwell_s"] > largest // 2
    assert tables["attention_s"] < -largest // 2


def test_noise_beyond_64_bits_is_published_at_the_edge():
    cells = flat(published(settings_of(epsilon=1e-200))["tables"]["age_gender"])
    assert set(cells) <= {2**63 - 1, -(2**63 - 1)}


def test_a_release_can_be_drawn_in_a_thread():
    found = []
    drawing = threading.Thread(target=lambda: found.append(draw_release(HOUR, PrivacySettings())))
    drawing.start()
    drawing.join(30)
    assert [release.tables.plays for release in found] == [40]
