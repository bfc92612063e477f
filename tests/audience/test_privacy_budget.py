"""The budget: what a pass spends, what it may change, and how wrong a published count is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.audience import EndedPass, count_pass, draw_release, plan_budget, standard_deviation
from kiosk.config import AudienceSettings, PrivacySettings
from kiosk.errors import KioskError

AUDIENCE = AudienceSettings()

passes = st.builds(
    EndedPass,
    dwell_s=st.floats(0, 5000),
    attention_s=st.floats(0, 5000),
    age_band=st.sampled_from((*terms.AGE_BANDS, terms.UNKNOWN)),
    gender=st.sampled_from((*terms.GENDERS, terms.UNKNOWN)),
    mood=st.sampled_from((*terms.MOODS, terms.UNKNOWN)),
    group_size=st.sampled_from(terms.GROUP_SIZES),
    impressions=st.integers(0, 5000),
    creative=st.sampled_from(("tea", "coffee", None)),
)
BY_PEOPLE = {"age_gender", "creative_age_gender", "impressions_age_gender"}
policies = st.sampled_from(("full", "eu", "count-only"))
clamps = st.fixed_dictionaries(
    {
        "dwell_clamp_s": st.integers(1, 300),
        "attention_clamp_s": st.integers(1, 300),
        "impressions_clamp": st.integers(1, 50),
    }
)
weights = st.just(0.0) | st.floats(1e-3, 1e3)
shares = st.fixed_dictionaries(
    {
        name: weights if name != "visits" else st.floats(1e-3, 1e3)
        for name in plan_budget(PrivacySettings())
    }
)


def settings_of(**changes) -> PrivacySettings:
    return PrivacySettings.model_validate(changes)


def hour_of(ended: list[EndedPass], privacy: PrivacySettings) -> dict[str, int]:
    """An hour's counts; both creatives stand in it, as the director sees to."""
    hour = {"plays": 3, "creative/tea/plays": 2, "creative/coffee/plays": 1}
    for one in ended:
        for cell, count in count_pass(one, AUDIENCE, privacy).items():
            hour[cell] = hour.get(cell, 0) + count
    return hour


def vectors(counts: dict[str, int], privacy: PrivacySettings) -> dict[str, list[int]]:
    """What is published of an hour but for the noise, by table, creatives side by side."""
    exact = draw_release(counts, privacy.model_copy(update={"noise": "off"})).tables.model_dump()
    found: dict[str, list[int]] = {}

    def add(prefix, block):
        # The published pair follows from the partition, and the partition from the pair.
        partition = [block["ots"] - block["watchers"], block["watchers"]]
        found.setdefault(f"{prefix}visits", []).extend(partition)
        for key, table in block.items():
            if key not in {"plays", "ots", "watchers", "creatives"} and table is not None:
                found.setdefault(prefix + key.removesuffix("_s"), []).extend(flat(table))

    add("", exact)
    for block in exact["creatives"].values():
        add("creative_", block)
    return found


def flat(table):
    return [table] if isinstance(table, int) else [n for part in table.values() for n in flat(part)]


@given(st.lists(passes, max_size=4), passes, policies, clamps)
def test_one_pass_changes_no_table_by_more_than_its_sensitivity(others, one, policy, limits):
    privacy = settings_of(policy=policy, **limits)
    without = vectors(hour_of(others, privacy), privacy)
    with_it = vectors(hour_of([*others, one], privacy), privacy)
    budgets = {name: one for name, one in plan_budget(privacy).items() if one.published}
    assert set(with_it) == set(without) == set(budgets)
    for name, budget in budgets.items():
        changed = sum(abs(a - b) for a, b in zip(with_it[name], without[name], strict=True))
        assert changed <= budget.sensitivity, name


@pytest.mark.parametrize("watched_s", [0.0, 3000.0])
def test_a_pass_that_is_all_it_can_be_reaches_every_sensitivity(watched_s):
    privacy = settings_of(dwell_clamp_s=40, attention_clamp_s=30, impressions_clamp=5)
    one = EndedPass(3000, watched_s, "25-34", "female", "happy", "2", 99, "tea")
    without = vectors(hour_of([], privacy), privacy)
    with_it = vectors(hour_of([one], privacy), privacy)
    for name, budget in plan_budget(privacy).items():
        changed = sum(abs(a - b) for a, b in zip(with_it[name], without[name], strict=True))
        expected = 0 if not watched_s and name.endswith("attention") else budget.sensitivity
        assert changed == expected, name


@given(shares, policies, st.floats(0.01, 10), st.sampled_from((None, False)))
def test_the_published_tables_spend_all_of_epsilon_and_no_more(given_shares, policy, epsilon, mood):
    privacy = settings_of(shares=given_shares, policy=policy, epsilon=epsilon, mood_table=mood)
    budgets = plan_budget(privacy).values()
    assert math.fsum(one.epsilon for one in budgets) == pytest.approx(epsilon, rel=1e-12)
    # What is drawn spends sensitivity / scale, whatever the plan says.
    spent = math.fsum(one.sensitivity / one.scale for one in budgets if one.published)
    assert epsilon * (1 - 1e-6) < spent <= epsilon
    for one in budgets:
        assert one.published == (one.epsilon > 0) == (one.scale > 0)


def test_shares_are_proportions_of_what_is_published():
    some = dict.fromkeys(plan_budget(PrivacySettings()), 0) | {"visits": 30, "group_size": 10}
    budgets = plan_budget(settings_of(shares=some, epsilon=2))
    assert budgets["visits"].epsilon == pytest.approx(1.5)
    assert budgets["group_size"].epsilon == pytest.approx(0.5)
    assert budgets["group_size"].scale == pytest.approx(2)
    assert not budgets["mood"].published


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({"policy": "full"}, set()),
        ({"policy": "full", "mood_table": False}, {"mood", "creative_mood"}),
        ({"policy": "eu"}, {"mood", "creative_mood"}),
        (
            {"policy": "count-only"},
            {"mood", "creative_mood", *BY_PEOPLE},
        ),
        ({"shares": {"dwell": 0}}, {"dwell"}),
        (
            {"shares": {"creative_visits": 0}},
            {name for name in plan_budget(PrivacySettings()) if name.startswith("creative_")},
        ),
    ],
    ids=["full", "full without moods", "eu", "count-only", "a share of 0", "no creatives"],
)
def test_a_policy_and_a_share_of_0_leave_tables_out(changes, hidden):
    budgets = plan_budget(settings_of(**changes))
    assert {name for name, one in budgets.items() if not one.published} == hidden


def test_a_share_that_no_noise_is_large_enough_for_is_refused_with_its_name():
    tiny = settings_of(epsilon=1e-300, shares={"mood": 1e-20})
    with pytest.raises(KioskError, match="mood") as caught:
        plan_budget(tiny)
    assert "privacy.shares.mood" in (caught.value.hint or "")


@pytest.mark.parametrize("scale", [0.02, 0.3, 1.0, 4.0, 50.0])
def test_the_stated_error_is_that_of_the_distribution(scale):
    a = math.exp(-1 / scale)
    terms_of_it = ((1 - a) / (1 + a) * a**k * k**2 for k in range(1, 4000))
    assert standard_deviation(scale) == pytest.approx(math.sqrt(2 * math.fsum(terms_of_it)))


def test_the_stated_error_of_a_huge_scale_is_that_of_the_continuous_distribution():
    assert standard_deviation(1e200) == pytest.approx(math.sqrt(2) * 1e200)
    assert standard_deviation(1e-6) == 0
