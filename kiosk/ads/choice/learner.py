"""Which of the creatives that may play earns most attention: learned from plays, never certain.

The model is Vowpal Wabbit's contextual bandit with action-dependent features (Bietti, Agarwal and
Langford, "A Contextual Bandit Bake-off", JMLR 22, 2021); the explorer is SquareCB (Foster and
Rakhlin, "Beyond UCB", ICML 2020), which gives each candidate a probability that falls with the gap
between its expected reward and the best one. ``docs/learning.md`` says how it was chosen.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from kiosk.ads.campaigns.campaign import Creative
from kiosk.ads.choice.context import Context
from kiosk.ads.choice.rules import NEVER_BY_AGE_OR_GENDER

log = logging.getLogger(__name__)

EXPLORER = "--squarecb --gamma_scale 50000 --gamma_exponent 0"
"""The best of those measured, see ``docs/learning.md``. The exponent is 0 so that how much is tried
out does not hang on a counter that a restart would lose; trying out at first is what ``COLD_PLAYS``
is for."""

RATE = 0.05
"""Learning rate: ten times less than the library's own, since what one play earns is mostly chance;
measured beside the explorers."""

MODEL = (
    f"--cb_explore_adf --cb_type mtr {EXPLORER} -l {RATE} -b 16 --quiet "
    "--min_prediction -1 --max_prediction 0 "
    "--interactions pc --interactions sc --interactions sr --ignore_linear p --ignore_linear s"
)
"""Namespaces: ``p`` persons (age, gender), ``s`` the situation (mood, size, hour), ``c`` an
ordinary creative, ``r`` a creative of a blind category, which meets no ``p``. A cost is the share
of the time that a viewer looks, below 0. 65,536 weights hold two hundred creatives with few
collisions, and can all be looked at in some ten milliseconds."""

WEIGHT = struct.Struct("<I4f")
"""A place among the weights, then the weight and the three sums by which it is learned further."""

COLD_PLAYS = 100
"""Plays after which the model's word weighs as much as the creatives' weights do: with fewer than
some ten per creative its estimates are noise."""

FORMAT = "kiosk-learner-2"
"""Changes when the features do: a model of other features is of no use."""

DAY_PARTS = ((6, "night"), (11, "morning"), (14, "noon"), (17, "afternoon"), (20, "evening"))
"""First hours after each part; the rest is late."""


class Ranker(Protocol):
    """Gives each candidate a probability, and learns from what a play earned."""

    def probabilities(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Of being drawn, one for each candidate; they sum to 1."""
        ...

    def scores(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Expected reward of each candidate, in viewers' seconds of attention a second."""
        ...

    def learn(
        self,
        context: Context,
        candidates: Sequence[Creative],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Take in what a play earned.

        Args:
            context: of the choice.
            candidates: as they were at the choice.
            chosen: index of the one that was played.
            propensity: probability with which the whole procedure drew it.
            reward: viewers' seconds of attention a second of the play.
        """
        ...


class Rotation:
    """By weight alone; learns nothing."""

    def __init__(self, saved: bytes | None = None) -> None:
        """A rotation.

        Args:
            saved: a model that nobody can read now, kept for when somebody can.
        """
        self._saved = saved

    def probabilities(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Each one's share of the weights."""
        del context
        return _weighed(candidates)

    def scores(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Nothing is expected of anybody: zeros."""
        del context
        return (0.0,) * len(candidates)

    def learn(
        self,
        context: Context,
        candidates: Sequence[Creative],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Nothing."""

    def dump(self) -> bytes:
        """What it was given to keep."""
        return self._saved or b""


class Learner:
    """A contextual bandit.

    When nobody is in view it draws by weight and learns nothing. Before it has learned it draws by
    weight too, so it is never worse than rotation for want of experience. Creatives of a blind
    category get together what their weights give them, and are drawn among themselves by what is
    known without age and gender. So given the candidates, their probabilities are the same
    whatever ages and genders are in view: it is not enough to keep these from their own features,
    since a rival that does well with somebody would still crowd them out there (Ali et al.,
    "Discrimination through Optimization", CSCW 2019).
    """

    def __init__(self, floor: float, seed: int, saved: bytes | None = None) -> None:
        """A learner, with its experience if there is any.

        Args:
            floor: share of the probability that is spread evenly: each of n candidates has at
                least floor / n.
            seed: of the model's own random numbers.
            saved: what :meth:`dump` gave; damaged or of another version: it begins anew.

        Raises:
            ImportError: Vowpal Wabbit is not installed, or not for this machine.
        """
        from vowpalwabbit import Workspace  # noqa: PLC0415 - 11 MB, and devices may do without

        self._floor = floor
        self._model: Any = Workspace(f"{MODEL} --random_seed {seed % 2**31}")
        self._plays = self._restored(saved) if saved else 0

    @property
    def plays(self) -> int:
        """Plays that it has learned from."""
        return self._plays

    def probabilities(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Of being drawn; each is at least floor / n."""
        weighed = _weighed(candidates)
        if not context.size or not self._plays:
            return self._floored(weighed)
        trust = self._plays / (self._plays + COLD_PLAYS)
        found = [0.0] * len(candidates)
        for places in apart(candidates):
            mass = sum(weighed[place] for place in places)
            told = self._told(context, [candidates[place] for place in places])
            for place, share in zip(places, told, strict=True):
                found[place] = trust * mass * share + (1 - trust) * weighed[place]
        return self._floored(found)

    def scores(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Expected reward, in viewers' seconds of attention a second."""
        if not context.size:
            return (0.0,) * len(candidates)
        examples = self._model.parse(_text(context, candidates))
        self._model.predict(examples)
        costs = [one.get_partial_prediction() for one in examples[1:]]
        self._model.finish_example(examples)
        # Not the negative: of a cost of 0 that would be a reward of -0.
        return tuple(0.0 - cost * context.size for cost in costs)

    def learn(
        self,
        context: Context,
        candidates: Sequence[Creative],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Take in what a play earned, per viewer; plays before nobody teach nothing."""
        if not context.size:
            return
        # Squares are fitted to all plays alike (the regression oracle of SquareCB): importance
        # weights would only add variance, the propensity is for off-policy estimates.
        del propensity
        # One viewer more changes the sum, not the order: the mean is the easier thing to learn.
        cost = -reward / context.size
        lines = _text(context, [candidates[chosen]])
        self._model.learn([lines[0], f"0:{cost:.5f}:1 {lines[1]}"])
        self._plays += 1

    def dump(self) -> bytes:
        """The experience, to be kept: a line that describes it, then the weights.

        The library saves to files alone; the director writes no file beside the state.
        """
        rows = bytearray()
        for place in range(self._model.num_weights()):
            weight = self._model.get_weight(place, 0)
            if weight:
                sums = (self._model.get_weight(place, offset) for offset in (1, 2, 3))
                rows += WEIGHT.pack(place, weight, *sums)
        weights = bytes(rows)
        about = {"format": FORMAT, "plays": self._plays, "sha256": _hash(weights)}
        return json.dumps(about).encode() + b"\n" + weights

    def _restored(self, saved: bytes) -> int:
        """Plays of what was saved, once its weights are the model's."""
        try:
            about, _, weights = saved.partition(b"\n")
            plays = _checked(json.loads(about), weights)
            for place, *values in WEIGHT.iter_unpack(weights):
                for offset, value in enumerate(values):
                    self._model.set_weight(place, offset, value)
        except (ValueError, KeyError, TypeError, struct.error) as bad:
            log.warning(
                'event=learner_reset reason="%s": what was learned is lost, learning begins anew',
                bad,
            )
            return 0
        return plays

    def _told(self, context: Context, candidates: Sequence[Creative]) -> Sequence[float]:
        if len(candidates) == 1:
            return (1.0,)
        told: list[float] = self._model.predict(_text(context, candidates))
        # They come as 32-bit floats, which sum to 1 only nearly.
        total = sum(told)
        return [share / total for share in told]

    def _floored(self, shares: Sequence[float]) -> tuple[float, ...]:
        total, even = sum(shares), self._floor / len(shares)
        return tuple((1 - self._floor) * share / total + even for share in shares)


def open_ranker(floor: float, seed: int, saved: bytes | None = None) -> Learner | Rotation:
    """A learner, or a rotation where Vowpal Wabbit cannot be imported; that is said once."""
    try:
        return Learner(floor, seed, saved)
    except ImportError as bad:
        log.warning(
            'event=learner_absent reason="%s": creatives play by their weights; install the '
            "Python package vowpalwabbit",
            bad,
        )
        return Rotation(saved)


def _checked(about: Any, weights: bytes) -> int:
    """Plays of a model that is whole and of this version."""
    if about["format"] != FORMAT or about["sha256"] != _hash(weights):
        raise ValueError("it is damaged, or of another version")
    return max(int(about["plays"]), 0)


def is_impersonal(creative: Creative) -> bool:
    """Whether whom a creative reaches may not depend on age or gender."""
    return creative.impersonal or creative.category in NEVER_BY_AGE_OR_GENDER


def _weighed(candidates: Sequence[Creative]) -> tuple[float, ...]:
    total = sum(one.weight for one in candidates)
    return tuple(one.weight / total for one in candidates)


def apart(candidates: Sequence[Creative]) -> list[list[int]]:
    """Places of the ordinary creatives, and of those of blind categories; no empty ones."""
    sides: tuple[list[int], list[int]] = ([], [])
    for place, one in enumerate(candidates):
        sides[is_impersonal(one)].append(place)
    return [places for places in sides if places]


def _text(context: Context, candidates: Sequence[Creative]) -> list[str]:
    """The example in Vowpal Wabbit's text format: what is shared, then a line a candidate."""
    persons = [f"{name}:{share:.3f}" for name, share in (*context.ages, *context.genders)]
    situation = [f"{name}:{share:.3f}" for name, share in context.moods]
    situation += [f"looking:{context.looking:.3f}", f"size{min(context.size, 4)}"]
    situation += [_day_part(context.hour), "weekend" if context.weekday >= 5 else "workday"]
    shared = f"shared |p {' '.join(persons)} |s {' '.join(situation)}"
    return [shared, *(_action(one) for one in candidates)]


def _action(creative: Creative) -> str:
    side = "r" if is_impersonal(creative) else "c"
    contract = f" contract={_safe(creative.contract)}" if creative.contract else ""
    return (
        f"|{side} id={_safe(creative.id)} category={_safe(creative.category)}"
        f" kind={creative.kind}{contract}"
    )


@lru_cache(maxsize=4096)
def _safe(name: str) -> str:
    """A name without what means something in the text format."""
    return re.sub(r"[^A-Za-z0-9_.-]", lambda found: f"%{ord(found[0]):x}", name)


def _day_part(hour: int) -> str:
    return next((name for end, name in DAY_PARTS if hour < end), "late")


def _hash(weights: bytes) -> str:
    return hashlib.sha256(weights).hexdigest()
