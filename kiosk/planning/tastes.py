"""What people of a simulated shop like: the true chance that a creative holds somebody's eyes."""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kiosk import terms
from kiosk.ads import Creative
from kiosk.simulate import UNSURE_AGE, UNSURE_GENDER

PARTS, PART_HOURS = 4, 6
"""Parts of the day that tastes know: night, morning, afternoon, evening."""

BASE, BASE_SPREAD = -1.1, 0.45
"""Log-odds of looking at a creative in any instant, and how far creatives differ: about 25 %."""

AGE_SLOPE, GENDER_GAP, MOOD_GAP, PART_GAP, COMPANY_GAP = 0.7, 0.45, 0.3, 0.2, 0.2
"""How far tastes part by each trait, in log-odds (deviations of normal draws)."""

AIM = 0.9
"""Log-odds that a creative gains with those whom each of its criteria asks for: somebody chose the
targeting who knew the product."""

AGE_RIGHT = 0.76
"""Chance that vision tells the right band, when it tells any; otherwise it is a neighbour of it."""

UNSURE_MOOD = 0.07

PLAIN = (
    (len(terms.GENDERS), 0.04, UNSURE_GENDER),
    (len(terms.MOOD_FAMILIES), 0.14, UNSURE_MOOD),
)
"""Of gender and mood family: how many there are, chance of the wrong one, chance of none."""


@dataclass(frozen=True)
class Person:
    """What somebody truly is, apart from what vision makes of it.

    Attributes:
        band: index into :data:`kiosk.terms.AGE_BANDS`.
        gender: index into :data:`kiosk.terms.GENDERS`.
        mood: index into :data:`kiosk.terms.MOOD_FAMILIES`.
    """

    band: int
    gender: int
    mood: int


class Taste:
    """Who likes one creative; a function of the seed and the creative's id."""

    def __init__(self, creative: Creative, seed: int) -> None:
        draw = random.Random(f"{seed} {creative.id}").gauss
        self._base = draw(BASE, BASE_SPREAD)
        slope, bend = draw(0, AGE_SLOPE), draw(0, AGE_SLOPE / 2)
        middle = (len(terms.AGE_BANDS) - 1) / 2
        away = [(band - middle) / middle for band in range(len(terms.AGE_BANDS))]
        self._band = [slope * x + bend * (x * x - 0.4) for x in away]
        gap = draw(0, GENDER_GAP)
        self._gender = [gap, -gap]
        self._mood = [draw(0, MOOD_GAP) for _ in terms.MOOD_FAMILIES]
        self._part = [draw(0, PART_GAP) for _ in range(PARTS)]
        self._company = draw(0, COMPANY_GAP)
        self._aim(creative)
        # A few hundred kinds of people are all there are.
        self.rate: Callable[[Person, int, bool], float] = lru_cache(maxsize=None)(self._rate)

    def _aim(self, creative: Creative) -> None:
        wanted = creative.targeting
        for labels, asked, where in (
            (terms.AGE_BANDS, wanted.age, self._band),
            (terms.GENDERS, wanted.gender, self._gender),
            (terms.MOOD_FAMILIES, wanted.mood, self._mood),
        ):
            if asked:
                for index, label in enumerate(labels):
                    where[index] += AIM / 2 if label in asked else -AIM / 2
        if wanted.group is not None and wanted.group.min > 1:
            self._company += AIM / 2

    def _rate(self, person: Person, part: int, company: bool) -> float:
        """Share of the time that a person looks at it, alone or in company, 0 to 1."""
        odds = (
            self._base
            + self._band[person.band]
            + self._gender[person.gender]
            + self._mood[person.mood]
            + self._part[part]
            + self._company * company
        )
        return 1 / (1 + math.exp(-odds))


Told = tuple[str, ...]
"""What vision tells of somebody: age band, gender, mood family."""


class Vision:
    """The errors of the simulated vision, and what is likely true of somebody of whom it tells."""

    def __init__(self, ages: Sequence[float], female: float, moods: Sequence[float]) -> None:
        """Errors of a population.

        Args:
            ages: shares of the age bands.
            female: share of women.
            moods: shares of the mood families.
        """
        self._priors = ([one / sum(ages) for one in ages], (female, 1 - female), tuple(moods))
        errors = (_band_errors(), *(_errors(*plain) for plain in PLAIN))
        labels = (terms.AGE_BANDS, terms.GENDERS, terms.MOOD_FAMILIES)
        self._names = tuple((*names, terms.UNKNOWN) for names in labels)
        self._prior_sums = [list(itertools.accumulate(prior)) for prior in self._priors]
        self._error_sums = [[list(itertools.accumulate(row)) for row in rows] for rows in errors]
        self._likely = [
            _posterior(prior, rows, names)
            for prior, rows, names in zip(self._priors, errors, self._names, strict=True)
        ]

    def person(self, draw: random.Random) -> Person:
        """Somebody of the population."""
        band, gender, mood = (_drawn(sums, draw) for sums in self._prior_sums)
        return Person(band, gender, mood)

    def told(self, person: Person, draw: random.Random) -> Told:
        """What vision tells of a person."""
        true = (person.band, person.gender, person.mood)
        return tuple(
            names[_drawn(sums[trait], draw)]
            for names, sums, trait in zip(self._names, self._error_sums, true, strict=True)
        )

    def expected_rates(self, taste: Taste, part: int, *, company: bool) -> dict[Told, float]:
        """By what vision tells of somebody: the mean rate of all whom it would tell this of.

        Args:
            taste: of a creative.
            part: part of the day.
            company: whether anybody else is in view.
        """
        bands, genders, moods = (range(len(prior)) for prior in self._priors)
        rates = [
            [[taste.rate(Person(i, j, k), part, company) for k in moods] for j in genders]
            for i in bands
        ]
        by_band, by_gender, by_mood = (np.array(list(one.values())) for one in self._likely)
        means = np.einsum("ai,bj,ck,ijk->abc", by_band, by_gender, by_mood, np.array(rates))
        told = itertools.product(*self._likely)
        return dict(zip(told, means.ravel().tolist(), strict=True))


def _drawn(sums: Sequence[float], draw: random.Random) -> int:
    return min(bisect(sums, draw.random()), len(sums) - 1)


def _band_errors() -> list[list[float]]:
    """By true band: chances of each band, then of ``unknown``."""
    count = len(terms.AGE_BANDS)
    rows = []
    for true in range(count):
        row = [0.0] * count + [UNSURE_AGE]
        row[true] = AGE_RIGHT * (1 - UNSURE_AGE)
        near = [one for one in (true - 1, true + 1) if 0 <= one < count]
        for one in near:
            row[one] += (1 - AGE_RIGHT) * (1 - UNSURE_AGE) / len(near)
        rows.append(row)
    return rows


def _errors(count: int, wrong: float, unsure: float) -> list[list[float]]:
    """The same of labels that are mistaken for any other."""
    return [
        [
            (1 - unsure) * (1 - wrong if told == true else wrong / (count - 1))
            for told in range(count)
        ]
        + [unsure]
        for true in range(count)
    ]


def _posterior(
    prior: Sequence[float], errors: Sequence[Sequence[float]], names: Sequence[str]
) -> dict[str, list[float]]:
    """By what is told: chances of each truth; Bayes' rule."""
    found = {}
    for place, label in enumerate(names):
        joint = [share * row[place] for share, row in zip(prior, errors, strict=True)]
        total = sum(joint)
        # What is never told may mean anything.
        found[label] = [one / total for one in joint] if total else list(prior)
    return found
