"""The choice: who may be shown what, and that there is always something to show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.ads import Campaign, Creative, GroupSize, History, Targeting, choose
from kiosk.audience import Audience
from tests.fakes import viewer


def creative(name: str, *, weight=1.0, all_ages=True, **targeting) -> Creative:
    return Creative(
        name, "image", Path("x.svg"), 5.0, "general", weight, all_ages, Targeting(**targeting)
    )


def live(*viewers) -> Audience:
    return Audience("live", 0.1, viewers)


ROTATION = creative("rotation")
FEMALE = creative("female", gender=("female",))
HAPPY_FEMALE = creative("happy-female", gender=("female",), mood=("positive",))
PAIR = creative("pair", group=GroupSize(min=2, max=2))
WINE = creative("wine", all_ages=False)
CAMPAIGN = Campaign("spring", (ROTATION, FEMALE, HAPPY_FEMALE, PAIR, WINE))

woman, man = viewer("w"), viewer("m", gender="male", mood="neutral")
sad_woman = viewer("s", mood="sad")
child = viewer("c", age_band="0-12", minor_possible=True)
stranger = viewer("u", gender="unknown", mood="unknown", age_band="unknown")


@pytest.mark.parametrize(
    ("audience", "chosen", "reason"),
    [
        (live(woman), "happy-female", "targeted: gender=female mood=positive"),
        (live(sad_woman), "female", "targeted: gender=female"),
        (live(man), "rotation", "rotation: no match"),
        (live(stranger), "rotation", "rotation: no match"),
        (live(), "rotation", "rotation: nobody in view"),
        (live(man, man), "pair", "targeted: group=2-2"),
        (live(man, man, man), "rotation", "rotation: no match"),
        (live(woman, man), "happy-female", "targeted: gender=female mood=positive"),
        (live(woman, man, man), "rotation", "rotation: no match"),
        (live(woman, child), "rotation", "rotation: minor possible"),
        (live(child), "rotation", "rotation: minor possible"),
        (
            Audience("live", 0.1, (woman,), minor_possible=True),
            "rotation",
            "rotation: minor possible",
        ),
        (Audience("live", 0.1, (), minor_possible=True), "rotation", "rotation: minor possible"),
        (Audience("stale", 5.0), "rotation", "rotation: vision stale"),
        (Audience("absent", float("inf")), "rotation", "rotation: vision absent"),
        (Audience("stale", 5.0, (woman,)), "rotation", "rotation: vision stale"),
    ],
)
def test_who_is_there_decides_what_is_played(audience, chosen, reason):
    found = choose(CAMPAIGN, audience, History(), 0.5)
    assert found is not None
    assert (found.creative.id, found.reason, found.campaign) == (chosen, reason, "spring")
    assert found.explanation.endswith(".")


@pytest.mark.parametrize(
    ("share", "fitting", "size", "played"),
    [
        (0.5, 1, 2, True),
        (0.51, 1, 2, False),
        (0.55, 11, 20, True),
        (0.7, 7, 10, True),
        (1.0, 2, 3, False),
        (0.0, 0, 1, False),
        (0.0, 1, 9, True),
    ],
)
def test_a_share_of_the_viewers_has_to_fit_and_never_none(share, fitting, size, played):
    people = [viewer(f"{n}", gender="female" if n < fitting else "male") for n in range(size)]
    found = choose(Campaign("c", (ROTATION, FEMALE)), live(*people), History(), share)
    assert found is not None
    assert (found.creative.id == "female") is played


@pytest.mark.parametrize("state", ["stale", "absent"])
def test_while_nobody_knows_who_is_there_only_what_is_for_all_ages_plays(state):
    wine, bread = WINE, creative("bread")
    history = History(last="bread")
    for _ in range(10):
        found = choose(Campaign("c", (wine, bread)), Audience(state, 9.0), history, 0.5)
        assert found is not None
        assert found.creative.id == "bread"
        history.played(found.creative)


def test_what_fits_does_not_play_twice_in_a_row_when_there_is_another():
    history, played = History(), []
    for _ in range(6):
        found = choose(Campaign("c", (ROTATION, FEMALE)), live(woman), history, 0.5)
        assert found is not None
        history.played(found.creative)
        played.append(found.reason)
    assert played == ["targeted: gender=female", "rotation: variety"] * 3


def test_the_only_creative_plays_again_and_again():
    history = History()
    for _ in range(3):
        found = choose(Campaign("c", (ROTATION,)), live(), history, 0.5)
        assert found is not None
        history.played(found.creative)


def test_weights_are_shares_of_a_thousand_plays():
    weights = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    campaign = Campaign("c", tuple(creative(n, weight=w) for n, w in weights.items()))
    history, counts, before = History(), Counter(), None
    for _ in range(1000):
        found = choose(campaign, live(), history, 0.5)
        assert found is not None
        assert found.creative.id != before
        before = found.creative.id
        history.played(found.creative)
        counts[before] += 1
    assert counts == pytest.approx({"a": 100, "b": 200, "c": 300, "d": 400}, abs=2)


def test_a_creative_of_a_new_campaign_has_nothing_to_catch_up_with():
    history = History()
    for _ in range(500):
        history.played(ROTATION)
    history.begin_anew()
    campaign = Campaign("c", (ROTATION, creative("new"), creative("newer")))
    counts = Counter()
    for _ in range(300):
        found = choose(campaign, live(), history, 0.5)
        assert found is not None
        history.played(found.creative)
        counts[found.creative.id] += 1
    assert counts == pytest.approx({"rotation": 100, "new": 100, "newer": 100}, abs=1)


def test_when_everything_eligible_is_broken_there_is_no_choice():
    assert choose(CAMPAIGN, live(child), History(), 0.5, {"rotation"}) is None


words = {
    "age_band": st.sampled_from([*terms.AGE_BANDS, "unknown"]),
    "gender": st.sampled_from([*terms.GENDERS, "unknown"]),
    "mood": st.sampled_from([*terms.MOODS, "unknown"]),
    "minor_possible": st.booleans(),
}
people = st.lists(st.builds(viewer, st.uuids().map(str), **words), max_size=6).map(tuple)
audiences = st.builds(
    Audience,
    st.sampled_from(["live", "stale", "absent"]),
    st.floats(0, 100),
    people,
    st.booleans(),
)
targetings = st.fixed_dictionaries(
    {},
    optional={
        "age": st.lists(st.sampled_from(terms.ADULT_BANDS), min_size=1, unique=True).map(tuple),
        "gender": st.lists(st.sampled_from(terms.GENDERS), min_size=1, unique=True).map(tuple),
        "mood": st.lists(st.sampled_from(terms.MOOD_FAMILIES), min_size=1, unique=True).map(tuple),
        "group": st.builds(GroupSize, min=st.integers(1, 4)),
    },
)
campaigns = st.lists(st.tuples(targetings, st.booleans(), st.floats(0.1, 1000)), max_size=6).map(
    lambda entries: Campaign(
        "c",
        (
            *(
                creative(f"c{n}", weight=weight, all_ages=ages, **wanted)
                for n, (wanted, ages, weight) in enumerate(entries)
            ),
            creative("always"),
        ),
    )
)


@given(campaigns, audiences, st.floats(0, 1), st.sets(st.integers(0, 5)), st.integers(0, 6))
def test_there_is_always_something_and_nobody_who_may_be_a_minor_is_targeted(
    campaign, audience, share, broken, last
):
    history = History(last=f"c{last}")
    found = choose(campaign, audience, history, share, {f"c{n}" for n in broken})
    assert found is not None
    assert found.creative.id not in {f"c{n}" for n in broken}
    if audience.minor_possible or any(one.minor_possible for one in audience.viewers):
        assert not found.creative.targeted
        assert found.creative.all_ages
    if audience.state != "live" or not audience.viewers:
        assert not found.creative.targeted
    assert found.creative.targeted == found.reason.startswith("targeted: ")
    others = [one for one in campaign.creatives if one.id not in {f"c{n}" for n in broken}]
    if found.creative.id == history.last:
        assert not [one for one in others if not one.targeted and one.all_ages]
    if found.creative.targeted:
        wanted = found.creative.targeting
        unknown = [
            one
            for one in audience.viewers
            if (not wanted.gender or one.gender == "unknown")
            and (not wanted.age or one.age_band == "unknown")
            and (not wanted.mood or one.mood == "unknown")
        ]
        if wanted.gender or wanted.age or wanted.mood:
            assert len(unknown) < len(audience.viewers), "unknown fits nothing that is asked for"
