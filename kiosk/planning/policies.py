"""The policies that are compared, each as a ranker of what the guardrails and pacing leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kiosk.ads import Context, Creative, is_impersonal
from kiosk.audience import Audience
from kiosk.planning.world import World
from kiosk.terms import ADULT_BANDS, GENDERS, MOOD_FAMILIES

FIT_EVERY = 50
"""Plays between two fits of a baseline: its library takes as long for fifty as for one."""


class Best:
    """The best fixed policy: it knows all tastes, and of the audience what vision tells.

    It obeys what the learner obeys: creatives of a blind category get what their weights give
    them, and which of them plays does not depend on who is there.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._audience, self._at_s = Audience("absent", 0.0), 0.0

    def look(self, audience: Audience, at_s: float) -> None:
        """Take in who is there, before it is asked."""
        self._audience, self._at_s = audience, at_s

    def probabilities(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """All on the best one of each side."""
        del context
        total = sum(one.weight for one in candidates)
        found = [0.0] * len(candidates)
        for blind in (False, True):
            side = [place for place, one in enumerate(candidates) if is_impersonal(one) == blind]
            if side:
                mass = sum(candidates[place].weight for place in side) / total
                found[max(side, key=lambda place: self._worth(candidates[place]))] = mass
        return tuple(found)

    def scores(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """The true expectations."""
        del context
        return tuple(self._worth(one) for one in candidates)

    def learn(
        self,
        context: Context,
        candidates: Sequence[Creative],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Nothing: it knows."""

    def _worth(self, creative: Creative) -> float:
        blind = is_impersonal(creative)
        return self._world.expected_rate(creative, self._audience, self._at_s, blind=blind)


class Baseline:
    """A bandit of MABWiser (Strong, Kleynhans and Kadioglu, 2019), for comparison only."""

    def __init__(self, creatives: Sequence[Creative], name: str, seed: int) -> None:
        """A baseline.

        Args:
            creatives: its arms.
            name: ``linucb`` (Li et al., WWW 2010) or ``thompson`` (Agrawal and Goyal, ICML 2013,
                linear).
            seed: of its draws.

        Raises:
            ImportError: MABWiser is not installed; extra ``bench`` has it.
        """
        from mabwiser.mab import MAB, LearningPolicy

        policy = {
            "linucb": LearningPolicy.LinUCB(alpha=LINUCB_ALPHA, l2_lambda=1.0),
            "thompson": LearningPolicy.LinTS(alpha=THOMPSON_ALPHA, l2_lambda=1.0),
        }[name]
        self._mab = MAB([one.id for one in creatives], policy, seed=seed)
        self._fitted = False
        self._waiting: list[tuple[str, float, list[float]]] = []

    def probabilities(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """All on the one with the highest bound, or draw."""
        if not context.size or not self._fitted:
            total = sum(one.weight for one in candidates)
            return tuple(one.weight / total for one in candidates)
        told: Any = self._mab.predict_expectations([_features(context)])
        best = max(range(len(candidates)), key=lambda place: told[candidates[place].id])
        return tuple(float(place == best) for place in range(len(candidates)))

    def scores(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Nobody asks a baseline why."""
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
        """Take in what a play earned, per viewer."""
        del propensity
        if not context.size:
            return
        row = (candidates[chosen].id, reward / context.size, _features(context))
        self._waiting.append(row)
        if len(self._waiting) >= FIT_EVERY:
            arms, rewards, contexts = (list(part) for part in zip(*self._waiting, strict=True))
            fit = self._mab.partial_fit if self._fitted else self._mab.fit
            fit(arms, rewards, contexts)
            self._fitted = True
            self._waiting.clear()


LINUCB_ALPHA = 0.5
THOMPSON_ALPHA = 0.1
"""How much is tried out; rewards lie between 0 and 1."""


def _features(context: Context) -> list[float]:
    """The context as the learner sees it, as numbers."""
    shares = dict((*context.ages, *context.genders, *context.moods))
    known = [shares.get(name, 0.0) for name in (*ADULT_BANDS, *GENDERS, *MOOD_FAMILIES)]
    size = [float(min(context.size, 4) == count) for count in (2, 3, 4)]
    part = [float(context.hour // 3 == third) for third in range(2, 8)]
    return [1.0, *known, *size, *part, context.looking, float(context.weekday >= 5)]
