"""The choice: what is drawn, by which chance, and what is told of it."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.ads import GroupSize, Plays, Rotation, decide
from kiosk.audience import Audience
from tests.ads.making import FREE, PLAIN, Screen, campaign, contract, creative, live
from tests.fakes import viewer

ROTATION = creative("rotation")
FEMALE = creative("female", gender=("female",))
HAPPY_FEMALE = creative("happy-female", gender=("female",), mood=("positive",))
PAIR = creative("pair", group=GroupSize(min=2, max=2))
WINE = creative("wine", all_ages=False)
CAMPAIGN = campaign((ROTATION, FEMALE, HAPPY_FEMALE, PAIR, WINE))

woman, man = viewer("w"), viewer("m", gender="male", mood="neutral")
sad_woman = viewer("s", mood="sad")
child = viewer("c", age_band="0-12", minor_possible=True)


class Liking(Rotation):
    """A ranker that puts nearly everything on one creative."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def probabilities(self, context, candidates):
        del context
        shares = [0.9 if one.id == self.name else 0.1 for one in candidates]
        return tuple(share / sum(shares) for share in shares)

    def scores(self, context, candidates):
        del context
        return tuple(1.0 if one.id == self.name else 0.25 for one in candidates)


def choose(running, audience, *, settings=PLAIN, shop=None, ranker=None, broken=None, seed=3):
    shop = shop or Screen(running)
    rng = random.Random(seed)
    return decide(
        running, audience, shop.moment, shop.ledger, ranker or Rotation(), rng.random, settings,
        broken or {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("audience", "chosen", "reason"),
    [
        (live(woman), "happy-female", "targeted: gender=female mood=positive"),
        (live(sad_woman), "female", "targeted: gender=female"),
        (live(man, man), "pair", "targeted: group=2-2"),
        (live(woman, man), "happy-female", "targeted: gender=female mood=positive"),
        (live(woman, child), "rotation", "rotation: minor possible"),
        (live(child), "rotation", "rotation: minor possible"),
        (live(woman, minor_possible=True), "rotation", "rotation: minor possible"),
        (live(minor_possible=True), "rotation", "rotation: minor possible"),
        (Audience("stale", 5.0), "rotation", "rotation: vision stale"),
        (Audience("absent", float("inf")), "rotation", "rotation: vision absent"),
        (Audience("stale", 5.0, (woman,)), "rotation", "rotation: vision stale"),
    ],
)  # fmt: skip
def test_without_a_learner_the_most_specific_that_fits_plays(audience, chosen, reason):
    found = choose(CAMPAIGN, audience)
    assert found is not None
    assert (found.creative.id, found.reason, found.campaign) == (chosen, reason, "spring")
    assert found.explanation.endswith(".")


@pytest.mark.parametrize("mine", [{"category": "jobs"}, {"category": "credit"}])
def test_without_a_learner_what_is_for_somebody_never_crowds_the_restricted_out(mine):
    job = creative("job", weight=2.0, **mine)
    running = campaign((ROTATION, job, FEMALE, creative("male", gender=("male",))))
    always = PLAIN.model_copy(update={"control_share": 1.0})
    for settings in (PLAIN, always):
        told = [
            {row.creative: row for row in choose(running, live(one), settings=settings).considered}
            for one in (woman, man)
        ]
        assert [round(one["job"].probability, 9) for one in told] == [0.5, 0.5]
        assert [one["rotation"].rule for one in told] == ["specific", "specific"]
        assert [one["female"].rule for one in told] == [None, "targeting"]


@pytest.mark.parametrize(
    ("audience", "reason"),
    [(live(man), "rotation: no match"), (live(), "rotation: nobody in view")],
)
def test_whom_nothing_fits_is_shown_what_is_for_everybody(audience, reason):
    found = choose(CAMPAIGN, audience)
    assert found is not None
    assert found.creative.id in {"rotation", "wine"}
    assert found.reason == reason


def test_what_fits_does_not_play_twice_in_a_row_when_there_is_another():
    running, played = campaign((ROTATION, FEMALE)), []
    shop = Screen(running)
    for turn in range(6):
        found = choose(running, live(woman), shop=shop, seed=turn)
        shop.play(found.creative)
        played.append(found.reason)
    assert played == ["targeted: gender=female", "rotation: variety"] * 3


def test_the_only_creative_plays_again_and_again():
    running = campaign((ROTATION,))
    shop = Screen(running)
    for _ in range(3):
        shop.play(choose(running, live(), shop=shop).creative)


def test_weights_are_shares_of_many_plays():
    weights = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0}
    running = campaign([creative(name, weight=weight) for name, weight in weights.items()])
    counts = Counter(choose(running, live(), seed=turn).creative.id for turn in range(3000))
    assert counts == pytest.approx({name: 200 * w for name, w in weights.items()}, rel=0.15)


def test_when_everything_that_may_play_is_broken_there_is_no_choice():
    assert choose(CAMPAIGN, live(child), broken={"rotation": "it failed"}) is None


def test_the_learner_s_probabilities_are_drawn_by_and_written_down():
    running = campaign((ROTATION, FEMALE, creative("other")))
    found = [
        choose(running, live(woman), settings=FREE, ranker=Liking("female"), seed=turn)
        for turn in range(400)
    ]
    drawn = Counter(one.creative.id for one in found)
    assert drawn["female"] / 400 == pytest.approx(0.9 / 1.1, abs=0.05)
    for one in found:
        assert one.propensity == pytest.approx((0.9 if one.creative is FEMALE else 0.1) / 1.1)
        assert one.candidates[one.chosen] is one.creative
        assert one.context.size == 1
    assert {one.reason for one in found} == {"targeted: gender=female", "rotation: drawn"}


def test_a_control_is_drawn_whoever_is_there_and_the_whole_procedure_s_chance_is_kept():
    running = campaign((ROTATION, FEMALE, creative("other", weight=3.0)))
    half = FREE.model_copy(update={"control_share": 0.4})
    found = [
        choose(running, live(woman), settings=half, ranker=Liking("female"), seed=turn)
        for turn in range(1500)
    ]
    controls = [one for one in found if one.control]
    assert len(controls) / 1500 == pytest.approx(0.4, abs=0.04)
    assert not any(one.creative.targeted for one in controls)
    weights = Counter(one.creative.id for one in controls)
    assert weights["other"] / len(controls) == pytest.approx(0.75, abs=0.05)
    assert {one.reason for one in controls} == {"rotation: control"}
    chance = {"rotation": 0.4 * 0.25 + 0.6 * 0.1 / 1.1, "female": 0.6 * 0.9 / 1.1}
    for name, p in chance.items():
        assert {round(one.propensity, 9) for one in found if one.creative.id == name} == {
            round(p, 9)
        }
        drawn = sum(one.creative.id == name for one in found) / 1500
        assert drawn == pytest.approx(p, abs=0.04)


def test_where_everything_is_targeted_there_is_no_control():
    running = campaign((FEMALE, HAPPY_FEMALE))
    always = FREE.model_copy(update={"control_share": 1.0})
    assert not choose(running, live(woman), settings=always).control


def test_a_contract_that_is_behind_comes_before_the_most_specific_and_before_every_control():
    sold = contract("beer", Plays(60, "hour"))
    running = campaign((ROTATION, HAPPY_FEMALE, creative("by-beer", "beer")), sold)
    always = FREE.model_copy(update={"control_share": 1.0})
    for settings in (PLAIN, FREE, always):
        found = choose(running, live(woman), settings=settings, shop=late(running))
        assert found is not None
        assert (found.creative.id, found.reason) == ("by-beer", "contract: beer")
        assert "Contract beer was 30.0 plays behind." in found.explanation


def late(running):
    shop = Screen(running)
    shop.wait(1800)
    return shop


def test_a_contract_that_is_behind_but_fits_nobody_holds_nothing_up():
    sold = contract("beer", Plays(60, "hour"))
    running = campaign((ROTATION, creative("by-beer", "beer", gender=("female",))), sold)
    found = choose(running, live(man), shop=late(running))
    assert (found.creative.id, found.reason) == ("rotation", "rotation: no match")


def test_what_fits_but_is_not_due_is_told_so():
    running = campaign(
        (ROTATION, creative("by-beer", "beer", gender=("female",))),
        contract("beer", Plays(60, "hour")),
    )
    shop = Screen(running)
    shop.play_id("by-beer")
    shop.play_id("rotation")
    found = choose(running, live(woman), shop=shop)
    assert (found.creative.id, found.reason) == ("rotation", "rotation: not due")


def test_a_decision_tells_of_every_creative_and_of_nobody_in_view():
    sold = contract("beer", Plays(60, "hour"))
    running = campaign(
        (ROTATION, FEMALE, creative("by-beer", "beer"), creative("kids", gender=("male",))), sold
    )
    shop = Screen(running)
    shop.play_id("by-beer")
    found = choose(
        running, live(woman, sad_woman), settings=FREE, shop=shop, ranker=Liking("female")
    )
    kept = json.loads(found.record())
    assert kept["out"] == {"pace": ["by-beer"], "targeting": ["kids"]}
    assert [row["id"] for row in kept["in"]] == ["female", "rotation"]
    assert kept["in"][0] == {"id": "female", "score": 1.0, "p": 0.9}
    assert kept["more"] == 0
    assert found.explanation.startswith("Of 4 creatives 2 were out (1 pace, 1 targeting).")
    for told in (found.explanation, found.record()):
        assert "25-34" not in told
        assert "happy" not in told
        assert " 2 " not in told.replace("creatives 2 were", "")


@given(st.integers(1, 2000), st.integers(400, 20_000))
def test_what_is_kept_of_a_decision_is_bounded_and_counts_what_it_leaves_out(count, most):
    listed = [creative(f"creative-with-a-name-{n}") for n in range(60)]
    running = campaign([*listed, *(creative(f"f{n}", gender=("male",)) for n in range(count % 90))])
    found = choose(running, live(woman), settings=FREE)
    text = found.record(most)
    assert len(text) <= most
    kept = json.loads(text)
    told = len(kept["in"]) + sum(len(names) for names in kept["out"].values())
    assert told + kept["more"] == len(running.creatives)


def test_two_hundred_creatives_are_kept_whole_and_a_paragraph_stays_one():
    listed = [creative(f"some-advert-of-somebody-{n:03}", gender=("male",)) for n in range(200)]
    found = choose(campaign([ROTATION, *listed]), live(woman), settings=FREE)
    assert json.loads(found.record())["more"] == 0
    assert len(found.explanation) <= 300
