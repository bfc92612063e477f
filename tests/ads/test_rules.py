"""Guardrails: each forbids what it says, is named first in its order, and is never broken."""

from __future__ import annotations

import random
from collections import deque
from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk import terms
from kiosk.ads import (
    RULES,
    Frequency,
    GroupSize,
    Impressions,
    Plays,
    Rotation,
    ShareOfVoice,
    Times,
    Window,
    decide,
)
from kiosk.audience import Audience
from tests.ads.making import FREE, NOON, PLAIN, Screen, campaign, contract, creative, live
from tests.fakes import viewer

ALL_WEEK = frozenset(range(7))
MORNING = Times(windows=(Window(ALL_WEEK, time(8), time(11)),))
OVER = Times(last=date(2026, 3, 3))

woman, man = viewer("w"), viewer("m", gender="male", mood="neutral")
away = viewer("a", looking=False)
child = viewer("c", age_band="0-12", minor_possible=True)
stranger = viewer("u", gender="unknown", mood="unknown", age_band="unknown")
absent, stale = Audience("absent", float("inf")), Audience("stale", 5.0)


def rule_of(one, audience=None, *contracts, played=(), broken=None, share=0.5, screen=None):
    """The rule by which a creative is left out beside house content; ``None``: it may be drawn."""
    others = [creative("house", weight=1e-6), creative("other", weight=1e-6)]
    rivals = [creative(f"by-{k.id}", k.id) for k in contracts if k.id != one.contract]
    running = campaign([one, *others, *rivals], *contracts)
    shop = screen or Screen(running)
    shop.campaign = running
    for name, waits_s in played:
        shop.play_id(name)
        shop.wait(waits_s)
    wanted = FREE.model_copy(update={"match_share": share})
    found = decide(
        running, audience or live(), shop.moment, shop.ledger, Rotation(), random.random, wanted,
        broken or {},
    )  # fmt: skip
    assert found is not None
    [told] = [row for row in found.considered if row.creative == one.id]
    assert told.rule is None or (told.rule in RULES and told.why)
    return told.rule


@pytest.mark.parametrize(
    ("one", "audience", "rule"),
    [
        (creative("x"), live(), None),
        (creative("x", times=OVER), live(), "flight"),
        (creative("x", times=MORNING), live(), "daypart"),
        (creative("x", category="jobs", gender=("female",)), live(woman), "restricted"),
        (creative("x", category="credit", age=("25-34",)), live(woman), "restricted"),
        (creative("x", category="housing", mood=("positive",)), live(woman), None),
        (creative("x", category="alcohol"), live(woman), None),
        (creative("x", category="alcohol"), live(), None),
        (creative("x", category="alcohol"), live(woman, child), "restricted"),
        (creative("x", category="gambling"), live(minor_possible=True), "restricted"),
        (creative("x", category="gambling"), stale, "restricted"),
        (creative("x", category="alcohol"), absent, "restricted"),
        (creative("x", all_ages=False), live(woman), None),
        (creative("x", all_ages=False), live(child), "minor"),
        (creative("x", all_ages=False), absent, "vision"),
        (creative("x", gender=("female",)), live(woman, child), "minor"),
        (creative("x", gender=("female",)), live(woman, minor_possible=True), "minor"),
        (creative("x", gender=("female",)), Audience("stale", 5.0, (woman,)), "vision"),
        (creative("x", gender=("female",)), live(), "vision"),
        (creative("x", gender=("female",)), live(woman), None),
        (creative("x", gender=("female",)), live(man), "targeting"),
        (creative("x", gender=("female",)), live(stranger), "targeting"),
        (creative("x", group=GroupSize(2, 2)), live(man, man), None),
        (creative("x", group=GroupSize(2, 2)), live(man), "group"),
        (creative("x", group=GroupSize(2)), live(man, man, man), None),
        (creative("x", group=GroupSize(2, 2), gender=("female",)), live(man), "group"),
        (creative("x", looking=0.5), live(woman, away), None),
        (creative("x", looking=0.6), live(woman, away), "looking"),
        (creative("x", mood=("positive",)), live(viewer("h", mood="happy")), None),
        (creative("x", mood=("positive",)), live(viewer("s", mood="sad")), "targeting"),
    ],
)
def test_who_is_there_and_what_time_it_is_decide_what_may_play(one, audience, rule):
    assert rule_of(one, audience) == rule


@pytest.mark.parametrize(
    ("share", "fitting", "size", "plays"),
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
def test_a_share_of_the_viewers_has_to_fit_and_never_none(share, fitting, size, plays):
    people = [viewer(f"{n}", gender="female" if n < fitting else "male") for n in range(size)]
    found = rule_of(creative("x", gender=("female",)), live(*people), share=share)
    assert (found is None) is plays


def test_what_is_left_out_says_whether_the_screen_or_the_file_is_to_blame():
    assert rule_of(creative("x"), broken={"x": "the screen did not show it"}) == "broken"
    assert rule_of(creative("x"), broken={"x": "medium: its medium is gone"}) == "medium"
    assert rule_of(creative("x", times=OVER), broken={"x": "gone"}) == "broken", "the first rule"


BEER = contract("beer", category="drinks")
COLA = contract("cola", category="drinks")


def test_the_screen_belongs_to_the_contract_that_has_it_for_itself_and_to_the_house():
    takeover = contract("cola", exclusive="screen")
    assert rule_of(creative("x", "beer"), live(), BEER, takeover) == "exclusivity"
    assert rule_of(creative("x", "cola"), live(), BEER, takeover) is None
    assert rule_of(creative("x"), live(), BEER, takeover) is None
    asleep = contract("cola", exclusive="screen", times=MORNING)
    assert rule_of(creative("x", "beer"), live(), BEER, asleep) is None


@pytest.mark.parametrize("kind", ["screen", "category"])
@pytest.mark.parametrize(
    ("own", "broken", "rule"),
    [
        ({}, {}, "exclusivity"),
        ({"gender": ("male",)}, {}, "exclusivity"),
        ({"times": MORNING}, {}, None),
        ({"times": OVER}, {}, None),
        ({}, {"by-cola": "medium: its medium is gone"}, None),
    ],
    ids=["it plays", "it is for somebody else", "asleep", "over", "its medium is gone"],
)
def test_who_has_nothing_to_play_just_now_shuts_nobody_out(kind, own, broken, rule):
    sole = contract("cola", category="drinks", exclusive=kind)
    running = campaign(
        [creative("house"), creative("by-cola", "cola", **own), creative("by-beer", "beer")],
        sole,
        BEER,
    )
    shop = Screen(running)
    found = decide(
        running, live(woman), shop.moment, shop.ledger, Rotation(), random.random, FREE, broken
    )
    assert {row.creative: row.rule for row in found.considered}["by-beer"] == rule


@pytest.mark.parametrize("of_screen", [0, 5], ids=["below", "above"])
def test_two_kinds_of_exclusivity_never_shut_each_other_out(of_screen):
    both = [
        contract("beer", category="drinks", exclusive="category", priority=2),
        contract("cola", category="drinks", exclusive="screen", priority=of_screen),
    ]
    told = {name: rule_of(creative("x", name), live(), *both) for name in ("beer", "cola")}
    assert told == {"cola": None, "beer": "exclusivity"}, "the screen is more than a category"


def test_a_category_belongs_to_the_contract_that_has_it_for_itself():
    sole = contract("cola", category="drinks", exclusive="category")
    assert rule_of(creative("x", "beer"), live(), BEER, sole) == "exclusivity"
    assert rule_of(creative("x", "bread"), live(), contract("bread"), sole) is None


@pytest.mark.parametrize("kind", ["screen", "category"])
@pytest.mark.parametrize(
    ("first", "second", "wins"), [(0, 0, "beer"), (0, 1, "cola"), (2, 1, "beer")]
)
def test_of_two_that_claim_the_same_the_higher_priority_has_it_then_the_first(
    kind, first, second, wins
):
    both = [
        contract("beer", category="drinks", exclusive=kind, priority=first),
        contract("cola", category="drinks", exclusive=kind, priority=second),
    ]
    told = {name: rule_of(creative("x", name), live(), *both) for name in ("beer", "cola")}
    loses = "cola" if wins == "beer" else "beer"
    assert told == {wins: None, loses: "exclusivity"}


@pytest.mark.parametrize(
    ("played", "rule"),
    [
        (["by-cola"], "separation"),
        (["by-cola", "house"], "separation"),
        (["by-cola", "house", "other"], None),
        (["by-bread"], None),
        (["x", "house"], None),
    ],
)
def test_competitors_are_kept_apart_by_plays_of_others(played, rule):
    apart = contract("beer", category="drinks", separation_plays=2)
    x = creative("x", "beer")
    given = [(name, 0.0) for name in played]
    assert rule_of(x, live(), apart, COLA, contract("bread"), played=given) == rule


def test_a_contract_that_asks_for_distance_keeps_others_from_itself_too():
    apart = contract("cola", category="drinks", separation_plays=1)
    x = creative("x", "beer")
    assert rule_of(x, live(), BEER, apart, played=[("by-cola", 0.0)]) == "separation"


@pytest.mark.parametrize("of_contract", [False, True])
@pytest.mark.parametrize(("waits_s", "rule"), [(85.0, "gap"), (95.0, None)])
def test_a_gap_counts_from_start_to_start(of_contract, waits_s, rule):
    gap = Frequency(min_gap_s=100)
    x = creative("x", "beer", frequency=Frequency() if of_contract else gap)
    sold = contract("beer", frequency=gap if of_contract else Frequency())
    # The play itself lasts ten seconds, and something else came between.
    assert rule_of(x, live(), sold, played=[("x", 0.0), ("house", waits_s - 15)]) == rule


@pytest.mark.parametrize("of_contract", [False, True])
def test_a_cap_counts_starts_within_any_sixty_minutes(of_contract):
    cap = Frequency(max_per_hour=2)
    x = creative("x", "beer", frequency=Frequency() if of_contract else cap)
    sold = contract("beer", frequency=cap if of_contract else Frequency())
    told = [("x", 600.0), ("x", 600.0), ("house", 0.0)]
    assert rule_of(x, live(), sold, played=told) == "frequency"
    assert rule_of(x, live(), sold, played=[*told[:2], ("house", 2360.0)]) == "frequency"
    assert rule_of(x, live(), sold, played=[*told[:2], ("house", 2400.0)]) is None


# ---- whatever pacing and learning say ------------------------------------------------------------

words = {
    "age_band": st.sampled_from([*terms.AGE_BANDS, "unknown"]),
    "gender": st.sampled_from(["female", "male", "unknown"]),
    "mood": st.sampled_from([*terms.MOODS, "unknown"]),
    "minor_possible": st.booleans(),
    "looking": st.booleans(),
}
people = st.lists(st.builds(viewer, st.uuids().map(str), **words), max_size=4).map(tuple)
audiences = st.builds(
    Audience,
    st.sampled_from(["live", "live", "stale", "absent"]),
    st.floats(0, 100),
    people,
    st.booleans(),
)
targetings = st.fixed_dictionaries(
    {},
    optional={
        "age": st.lists(st.sampled_from(terms.ADULT_BANDS), min_size=1, unique=True).map(tuple),
        "gender": st.sampled_from([("female",), ("male",)]),
        "mood": st.lists(st.sampled_from(terms.MOOD_FAMILIES), min_size=1, unique=True).map(tuple),
        "group": st.builds(GroupSize, min=st.integers(1, 4)),
    },
)
goals = st.one_of(
    st.none(),
    st.builds(ShareOfVoice, st.floats(0.01, 1)),
    st.builds(Plays, st.integers(1, 200), st.sampled_from(["hour", "day", "flight"])),
    st.builds(Impressions, st.integers(1, 5000)),
)
frequencies = st.builds(
    Frequency, st.one_of(st.none(), st.integers(1, 3)), st.sampled_from([0.0, 25.0, 300.0])
)
categories = st.sampled_from(["general", "alcohol", "jobs", "drinks"])
flights = st.sampled_from([Times(last=date(2026, 3, 9)), Times(), OVER, MORNING])
contracts = st.lists(
    st.tuples(
        goals, categories, flights, st.integers(0, 2),
        st.sampled_from(["none", "none", "category", "screen"]), st.integers(0, 3), frequencies,
    ),
    max_size=4,
)  # fmt: skip
creatives = st.lists(
    st.tuples(targetings, st.booleans(), st.floats(0.1, 10), st.integers(0, 4), frequencies),
    min_size=1,
    max_size=6,
)


def campaign_of(sold, shown):
    found = [
        contract(f"k{n}", goal, category, times=times, priority=priority, exclusive=exclusive,
                 separation_plays=apart, frequency=frequency)
        for n, (goal, category, times, priority, exclusive, apart, frequency) in enumerate(sold)
    ]  # fmt: skip
    listed = [
        creative(f"c{n}", f"k{of}" if of < len(found) else None, weight=weight, all_ages=ages,
                 category=found[of].category if of < len(found) else "general",
                 frequency=frequency, **wanted)
        for n, (wanted, ages, weight, of, frequency) in enumerate(shown)
    ]  # fmt: skip
    return campaign([*listed, creative("always")], *found)


@settings(max_examples=60, deadline=None)
@given(
    contracts,
    creatives,
    st.lists(audiences, min_size=1, max_size=4),
    st.tuples(
        st.sets(st.integers(0, 5)),
        st.sampled_from([PLAIN, FREE, FREE.model_copy(update={"control_share": 0.5})]),
        st.integers(0, 2**20),
    ),
)
def test_no_guardrail_is_ever_broken(sold, shown, seen, drawn):
    failed, wanted, seed = drawn
    running = campaign_of(sold, shown)
    shop, rng = Screen(running, NOON), random.Random(seed)
    broken = {f"c{n}": "a screen could not show it" for n in failed}
    starts = deque()
    for turn in range(25):
        audience = seen[turn % len(seen)]
        found = decide(
            running, audience, shop.moment, shop.ledger, Rotation(), rng.random, wanted, broken
        )
        assert found is not None, "there is always something"
        one, sale = found.creative, running.contracts.get(found.creative.contract or "")
        assert one.id not in broken
        check_people(one, audience)
        check_times(running, one, sale, starts, shop, broken=broken)
        assert abs(sum(row.probability for row in found.considered) - 1) < 1e-9
        starts.append((shop.now_s, one.id, sale))
        shop.play(one, len(audience.viewers))
        shop.wait(rng.choice([0, 0, 0, 120]))


def check_people(one, audience):
    minor = audience.minor_possible or any(row.minor_possible for row in audience.viewers)
    if minor or audience.state != "live":
        assert not one.targeted
        assert one.all_ages
        assert one.category != "alcohol"
    if one.targeted:
        assert audience.viewers
        assert one.category != "jobs" or not (one.targeting.age or one.targeting.gender)
    if one.targeting.gender:
        assert any(row.gender in one.targeting.gender for row in audience.viewers)


def check_times(running, one, sale, starts, shop, *, broken):
    if sale is not None:
        assert sale.times.hold(shop.moment.local)
        there = {row.contract for row in running.creatives if row.id not in broken}
        claims = [k for k in running.contracts.values()
                  if k.id in there and k.times.hold(shop.moment.local)]  # fmt: skip
        screen = [k for k in claims if k.exclusive == "screen"]
        category = [k for k in claims
                    if k.exclusive == "category" and k.category == sale.category]  # fmt: skip
        assert not screen or sale in screen
        assert screen or not category or sale in category
        for back, (_, _, other) in enumerate(reversed(starts)):
            if other is not None and other != sale and other.category == sale.category:
                assert back >= max(sale.separation_plays, other.separation_plays)
    for frequency, mine in (
        (one.frequency, [at for at, name, _ in starts if name == one.id]),
        (sale.frequency if sale else Frequency(), [at for at, _, k in starts if k and k == sale]),
    ):
        if mine:
            assert shop.now_s - mine[-1] >= frequency.min_gap_s
        lately = [at for at in mine if at > shop.now_s - 3600]
        assert frequency.max_per_hour is None or len(lately) < frequency.max_per_hour
