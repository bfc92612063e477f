"""Off-policy estimates: by hand, over many seeds, and beside Open Bandit Pipeline's own."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiosk.planning import ESTIMATORS, Logged, estimate

HERE = Path(__file__).parent

THREE = Logged(
    reward=np.array([1.0, 0.0, 2.0]),
    propensity=np.array([0.5, 0.25, 0.5]),
    wanted=np.array([0.25, 0.5, 1.0]),
    guess=np.array([1.0, 1.0, 1.0]),
    guess_wanted=np.array([0.8, 0.9, 1.0]),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Weights 0.5, 2, 2: (0.5 + 0 + 4) / 3.
        ("ips", 1.5),
        # 4.5 / 4.5.
        ("snips", 1.0),
        # 0.8 + 0.5 * 0, 0.9 - 2 * 1, 1 + 2 * 1.
        ("dr", 0.9),
    ],
)
def test_three_decisions_give_what_a_pencil_gives(name, value):
    assert estimate(name, THREE, seed=1, block=1).value == pytest.approx(value)


TRUE = np.array([[0.2, 0.5, 0.8], [0.7, 0.3, 0.1]])
"""Expected reward by context and action."""

LOGGING = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
WANTED = np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])
VALUE = float((WANTED * TRUE).sum(axis=1).mean())


def drawn(seed, count, guesses):
    draw = np.random.default_rng(seed)
    context = draw.integers(0, 2, count)
    action = (draw.random(count)[:, None] > LOGGING[context].cumsum(axis=1)).sum(axis=1)
    reward = (draw.random(count) < TRUE[context, action]).astype(float)
    return Logged(
        reward,
        LOGGING[context, action],
        WANTED[context, action],
        guesses[context, action],
        (WANTED * guesses).sum(axis=1)[context],
    )


def wrong():
    return np.full_like(TRUE, 0.9)


@pytest.mark.parametrize(
    ("name", "guesses"), [("ips", wrong()), ("snips", wrong()), ("dr", wrong()), ("dr", TRUE)]
)
def test_estimates_are_right_in_the_mean_and_intervals_cover_the_truth(name, guesses):
    found = [estimate(name, drawn(seed, 400, guesses), seed, block=1) for seed in range(80)]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(VALUE, abs=4 * values.std() / np.sqrt(len(values)))
    covered = np.mean([one.low <= VALUE <= one.high for one in found])
    assert 0.87 <= covered <= 1


def test_a_good_model_narrows_the_doubly_robust_interval():
    widths = []
    for guesses in (TRUE, wrong()):
        found = []
        for seed in range(10):
            one = drawn(seed, 400, guesses)
            # Without luck: what remains is what the model did not know.
            known = drawn(seed, 400, TRUE).guess
            found.append(estimate("dr", replace(one, reward=known), seed, block=1))
        widths.append(np.mean([one.high - one.low for one in found]))
    assert widths[0] < 0.5 * widths[1]


def test_neighbours_that_are_alike_need_blocks():
    """Each decision comes five times over: single redraws believe in five times the evidence."""
    covered = {1: 0, 20: 0}
    for seed in range(60):
        one = drawn(seed, 80, wrong())
        alike = Logged(*(np.repeat(part, 5) for part in vars(one).values()))
        for block in covered:
            found = estimate("ips", alike, seed, block)
            covered[block] += found.low <= VALUE <= found.high
    assert covered[1] < 45
    assert covered[20] >= 50


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_short_log_is_no_certainty(name):
    """A quarter of an hour: as one block it would be an interval without any width."""
    found = [estimate(name, drawn(seed, 60, wrong()), seed) for seed in range(60)]
    assert all(one.low < one.value < one.high for one in found)
    assert np.mean([one.low <= VALUE <= one.high for one in found]) >= 0.8


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_policy_that_would_have_done_nothing_of_the_log_has_no_estimate(name):
    with pytest.raises(ValueError, match="none of them"):
        estimate(name, replace(THREE, wanted=np.zeros(3)), seed=1)


def test_the_naive_mean_is_wrong_where_the_estimates_are_right():
    found = [drawn(seed, 400, wrong()).reward.mean() for seed in range(50)]
    assert abs(np.mean(found) - VALUE) > 0.1


@pytest.mark.parametrize(
    "parts",
    [
        {"propensity": np.array([0.5, 0.0, 0.5])},
        {"reward": np.array([1.0])},
        {name: np.array([]) for name in vars(THREE)},
    ],
)
def test_a_log_that_cannot_be_weighed_is_refused(parts):
    with pytest.raises(ValueError, match="logged decisions"):
        Logged(**(vars(THREE) | parts))


def test_on_open_bandit_pipelines_synthetic_data_we_say_what_it_says():
    """Made by obp 0.5.7's own generator and estimators; ``test_obp.py`` makes it anew."""
    kept = json.loads((HERE / "obp_synthetic.json").read_text())
    logged = Logged(**{name: np.array(part) for name, part in kept["logged"].items()})
    for name in ESTIMATORS:
        ours = estimate(name, logged, seed=1, block=1)
        assert ours.value == pytest.approx(kept["estimates"][name], abs=1e-9)
        assert ours.low <= kept["truth"] <= ours.high
