"""The learner: what it learns, what it may never use, and that it is kept."""

import logging
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.ads import (
    Context,
    Creative,
    Learner,
    Rotation,
    Targeting,
    is_impersonal,
    load_campaign,
    open_ranker,
)
from kiosk.audience import Audience
from kiosk.vision import Viewer

pytest.importorskip("vowpalwabbit")

YOUNG = Context(1, (("18-24", 1.0),), (("female", 1.0),), (("positive", 1.0),), 1.0, 12, 2)
OLD = replace(YOUNG, ages=(("65+", 1.0),), genders=(("male", 1.0),))
NOBODY = Context(0, (), (), (), 0.0, 12, 2)


def creative(name, category="store", weight=1.0, **more):
    return Creative(
        name, "image", Path(f"{name}.jpg"), 8, category, weight, True, Targeting(), **more
    )


THREE = (creative("a"), creative("b"), creative("c", weight=2))


def taught(learner, candidates, plays, taste, seed=1):
    """Plays drawn evenly; ``taste(context, creative)`` is the chance of each viewer's attention."""
    draw = random.Random(seed)
    for _ in range(plays):
        context = draw.choice((YOUNG, OLD))
        chosen = draw.randrange(len(candidates))
        reward = float(draw.random() < taste(context, candidates[chosen]))
        learner.learn(context, candidates, chosen, 1 / len(candidates), reward)
    return learner


def likes(context, one):
    return 0.7 if (one.id == "a") == (context is YOUNG) else 0.2


def test_it_learns_whom_each_creative_is_for():
    learner = taught(Learner(0.05, 1), THREE[:2], 2000, likes)
    young, old = (learner.probabilities(one, THREE[:2]) for one in (YOUNG, OLD))
    assert young[0] > 0.8
    assert old[1] > 0.8
    assert learner.scores(YOUNG, THREE[:2])[0] == pytest.approx(0.7, abs=0.12)


def test_probabilities_sum_to_one_and_none_is_below_the_floor():
    learner = taught(Learner(0.3, 1), THREE, 600, likes)
    for context in (YOUNG, OLD, NOBODY):
        told = learner.probabilities(context, THREE)
        assert sum(told) == pytest.approx(1, abs=1e-6)
        assert min(told) >= 0.3 / 3 - 1e-9


def test_without_experience_or_audience_it_draws_by_weight():
    assert Learner(0.0, 1).probabilities(YOUNG, THREE) == (0.25, 0.25, 0.5)
    learner = taught(Learner(0.0, 1), THREE, 300, likes)
    assert learner.probabilities(NOBODY, THREE) == (0.25, 0.25, 0.5)


def test_a_reward_of_nothing_has_no_sign():
    told = Learner(0.0, 1).scores(YOUNG, THREE)
    assert [f"{score:g}" for score in told] == ["0", "0", "0"]


def test_plays_before_nobody_teach_nothing():
    learner = Learner(0.0, 1)
    learner.learn(NOBODY, THREE, 0, 0.5, 3.0)
    assert learner.plays == 0


@pytest.mark.parametrize(
    "restricted",
    [{"category": "jobs"}, {"category": "housing"}, {"category": "credit"}, {"impersonal": True}],
    ids=["jobs", "housing", "credit", "by its contract"],
)
def test_age_and_gender_never_move_what_a_restricted_creative_gets(restricted):
    ours = (creative("r", **restricted), creative("s", **restricted), *THREE)
    learner = taught(Learner(0.05, 1), ours, 2000, likes)
    seen = [
        learner.probabilities(replace(YOUNG, ages=ages, genders=genders), ours)
        for ages in ((("18-24", 1.0),), (("65+", 1.0),), ())
        for genders in ((("female", 1.0),), (("male", 1.0),), ())
    ]
    assert len({told[2:] for told in seen}) > 1, "the others have to depend on the audience"
    for told in seen:
        assert told[:2] == pytest.approx(seen[0][:2], abs=1e-9)
    scores = [learner.scores(one, ours) for one in (YOUNG, OLD)]
    assert scores[0][:2] == pytest.approx(scores[1][:2], abs=1e-9)


def test_mood_may_choose_among_restricted_creatives():
    jobs = (creative("r", "jobs"), creative("s", "jobs"))
    sad = replace(YOUNG, moods=(("negative", 1.0),))
    learner, draw = Learner(0.05, 1), random.Random(1)
    for _ in range(800):
        context, chosen = draw.choice((YOUNG, sad)), draw.randrange(2)
        fits = (chosen == 0) == (context is sad)
        learner.learn(context, jobs, chosen, 0.5, float(draw.random() < (0.8 if fits else 0.2)))
    assert learner.probabilities(sad, jobs)[0] > 0.7
    assert learner.probabilities(YOUNG, jobs)[1] > 0.7


def test_what_was_learned_survives_a_restart():
    before = taught(Learner(0.05, 1), THREE, 500, likes)
    after = Learner(0.05, 1, before.dump())
    assert after.plays == before.plays == 500
    assert after.probabilities(YOUNG, THREE) == before.probabilities(YOUNG, THREE)
    for one in (before, after):
        taught(one, THREE, 50, likes, seed=2)
    assert after.probabilities(OLD, THREE) == pytest.approx(before.probabilities(OLD, THREE))


@pytest.mark.parametrize(
    "damage",
    [
        lambda saved: saved[:-1],
        lambda saved: saved[: len(saved) // 2],
        lambda saved: saved.replace(b"kiosk-learner-", b"kiosk-learner-0"),
        lambda saved: saved[:-9] + b"123456789",
        lambda saved: saved.partition(b"\n")[2],
        lambda saved: b"null\n" + saved,
        lambda _: b"\xff\xfe nothing of ours",
    ],
)
def test_a_damaged_model_begins_anew_and_says_so(damage, caplog):
    saved = taught(Learner(0.0, 1), THREE, 200, likes).dump()
    with caplog.at_level(logging.WARNING):
        learner = Learner(0.0, 1, damage(saved))
    assert learner.plays == 0
    assert learner.probabilities(YOUNG, THREE) == (0.25, 0.25, 0.5)
    assert "event=learner_reset" in caplog.text


def test_names_that_mean_something_to_the_text_format_are_told_apart():
    odd = tuple(creative(name) for name in ("a|c id=b", "a:5", "a b", "a\nb", "ä"))
    learner = taught(Learner(0.0, 1), odd, 1500, lambda _, one: 0.8 if one.id == "a:5" else 0.1)
    told = learner.probabilities(YOUNG, odd)
    assert max(told) == told[1] > 0.7


def test_the_same_seed_and_plays_give_the_same_probabilities():
    one, other = (taught(Learner(0.05, 7), THREE, 300, likes) for _ in range(2))
    assert one.probabilities(YOUNG, THREE) == other.probabilities(YOUNG, THREE)


def test_without_vowpal_wabbit_creatives_play_by_weight_and_the_model_is_kept(monkeypatch, caplog):
    saved = taught(Learner(0.0, 1), THREE, 10, likes).dump()
    monkeypatch.setitem(sys.modules, "vowpalwabbit", None)
    with caplog.at_level(logging.WARNING):
        ranker = open_ranker(0.05, 1, saved)
    assert isinstance(ranker, Rotation)
    assert ranker.probabilities(YOUNG, THREE) == (0.25, 0.25, 0.5)
    assert ranker.dump() == saved
    assert caplog.text.count("event=learner_absent") == 1


def viewer(**traits):
    known = {"looking": True, "age_band": "25-34", "gender": "female", "mood": "happy"} | traits
    return Viewer(
        id="v", first_s=0, last_s=9, box=(0, 0, 1, 1), age_p=1, gender_p=1, mood_p=1,
        minor_possible=False, live=True, **known,
    )  # fmt: skip


def test_a_context_holds_shares_of_what_is_known():
    people = (
        viewer(),
        viewer(age_band="unknown", gender="male", mood="sad", looking=False),
        viewer(gender="unknown", mood="angry"),
        viewer(mood="unknown"),
    )
    found = Context.of(Audience("live", 0.1, people), datetime(2026, 1, 6, 17, 30, tzinfo=UTC))
    assert found == Context(
        4,
        (("25-34", 0.75),),
        (("female", 0.5), ("male", 0.25)),
        (("negative", 0.5), ("positive", 0.25)),
        0.75,
        17,
        1,
    )


@pytest.mark.parametrize("state", ["stale", "absent"])
def test_an_audience_that_nobody_knows_is_nobody(state):
    found = Context.of(Audience(state, 9.0, (viewer(),)), datetime(2026, 1, 6, 17, tzinfo=UTC))
    assert (found.size, found.ages, found.looking) == (0, (), 0.0)


def test_a_creative_of_a_restricted_contract_is_impersonal_whatever_its_own_category(tmp_path):
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    rows = [
        "version: 1", "name: n", "contracts:", "  - {id: k, advertiser: a, category: jobs}",
        "creatives:",
        "  - {id: fair, kind: image, file: a.svg, duration_s: 5, contract: k, category: events}",
        "  - {id: house, kind: image, file: a.svg, duration_s: 5}",
    ]  # fmt: skip
    (tmp_path / "c.yaml").write_text("\n".join(rows))
    fair, house = load_campaign(tmp_path / "c.yaml").creatives
    assert is_impersonal(fair)
    assert not is_impersonal(house)
