"""Who passes the screens of a fleet in an hour, and what they see: exact counts, then noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kiosk import terms
from kiosk.simulate.draws import Floats, Integers, Keys, about, discrete_laplace, divided, uniforms
from kiosk.simulate.layout import (
    CREATIVE,
    CREATIVE_WIDTH,
    HOUR,
    HOUR_WIDTH,
    PEOPLE,
    scales_of_row,
)
from kiosk.simulate.shops import (
    GROUP_SHARES,
    MOOD_SHARES,
    UNSURE_AGE,
    UNSURE_GENDER,
    SimulatedCreative,
)

LEAN = 2.2
"""How much more those whom a creative is for are among its viewers."""

GAZE_S = 4.6
"""Mean seconds that a watcher faces the screen."""

SEEN_WITHIN_S = 9.0
"""A viewer meets one more play about as often."""


@dataclass(frozen=True)
class Crowds:
    """What is expected of each device in an hour; arrays by device.

    Attributes:
        passes: mean number of passes.
        watching: share of them that watch.
        dwell_s: mean seconds in view.
        female: share of women.
        ages: shares of the eight bands, by device.
        mood: shift towards happy, about -0.05 to 0.05.
    """

    passes: Floats
    watching: Floats
    dwell_s: Floats
    female: Floats
    ages: Floats
    mood: Floats


class Audience:
    """Draws the rows of hours."""

    def __init__(self, creatives: Sequence[SimulatedCreative]) -> None:
        self._creatives = creatives
        self._scales = scales_of_row(len(creatives))
        self._appeal = np.array([one.appeal for one in creatives])
        self._lean = np.stack([_lean(one) for one in creatives])
        self.width = HOUR_WIDTH + CREATIVE_WIDTH * len(creatives)

    def noisy(self, crowds: Crowds, plays: Integers, keys: Keys) -> Integers:
        """Rows as devices publish them: exact ones with noise on every cell but plays.

        Args:
            crowds: what is expected.
            plays: by device and creative.
            keys: of the drawing, by device.
        """
        rows = self.exact(crowds, plays, keys)
        noise = discrete_laplace(uniforms(keys, self.width), self._scales)
        # OTS is the sum of two cells, of those who watched and those who did not.
        noise[:, HOUR["ots"]] += noise[:, HOUR["watchers"]]
        per_creative = noise[:, HOUR_WIDTH:].reshape(len(keys), -1, CREATIVE_WIDTH)
        per_creative[..., CREATIVE["ots"]] += per_creative[..., CREATIVE["watchers"]]
        return rows + noise

    def exact(self, crowds: Crowds, plays: Integers, keys: Keys) -> Integers:
        """Rows as they are counted: every table adds up."""
        number, kinds = plays.shape
        drawn = uniforms(keys ^ np.uint64(0x5DEECE66D), 2 + 4 * kinds)
        any_play = plays.sum(axis=1)
        ots = np.where(any_play > 0, about(crowds.passes, crowds.passes, drawn[:, 0]), 0)
        shown = (plays + 1e-9) / (plays + 1e-9).sum(axis=1, keepdims=True)
        each = drawn[:, 2:].reshape(number, 4, kinds)

        block = np.zeros((number, kinds, CREATIVE_WIDTH), dtype=np.int64)
        seen = divided(ots, shown, drawn[:, 1])
        chance = np.clip(crowds.watching[:, None] * self._appeal, 0, 0.95)
        watched = np.minimum(about(seen * chance, seen * chance * (1 - chance), each[:, 0]), seen)
        dwell = np.rint(seen * crowds.dwell_s[:, None] * (0.9 + 0.2 * each[:, 1]))
        gaze = np.rint(watched * GAZE_S * self._appeal * (0.85 + 0.3 * each[:, 2]))
        block[..., CREATIVE["plays"]] = plays[..., None]
        block[..., CREATIVE["ots"]] = seen[..., None]
        block[..., CREATIVE["watchers"]] = watched[..., None]
        block[..., CREATIVE["dwell_s"]] = dwell[..., None]
        block[..., CREATIVE["attention_s"]] = np.minimum(gaze, dwell)[..., None]
        shares = _people(crowds)[:, None, :] * self._lean[None]
        shares /= shares.sum(axis=-1, keepdims=True)
        block[..., CREATIVE["age_gender"]] = divided(seen, shares, each[:, 1])
        block[..., CREATIVE["mood"]] = divided(seen, _moods(crowds)[:, None, :], each[:, 2])
        block[..., CREATIVE["group_size"]] = divided(
            seen, np.broadcast_to(np.array(GROUP_SHARES), (1, 1, len(GROUP_SHARES))), each[:, 3]
        )
        return np.concatenate([_summed(block, crowds), block.reshape(number, -1)], axis=1)


def _summed(block: Integers, crowds: Crowds) -> Integers:
    """The hour of creatives that each pass stands with one of."""
    total = block.sum(axis=1)
    hour = np.zeros((len(block), HOUR_WIDTH), dtype=np.int64)
    for name, place in CREATIVE.items():
        hour[:, HOUR[name]] = total[:, place]
    met = 1 + np.minimum(crowds.dwell_s / SEEN_WITHIN_S, 3)[:, None]
    people = np.rint(hour[:, HOUR["age_gender"]] * met).astype(np.int64)
    hour[:, HOUR["impressions_age_gender"]] = people
    hour[:, HOUR["impressions"]] = people.sum(axis=1, keepdims=True)
    return hour


def _people(crowds: Crowds) -> Floats:
    """Shares of the cells, band by band and the unknown: female, male, unknown."""
    ages = np.concatenate(
        [
            crowds.ages * (1 - UNSURE_AGE),
            np.full((len(crowds.ages), 1), UNSURE_AGE),
        ],
        axis=1,
    )
    sure = 1 - UNSURE_GENDER
    genders = np.stack(
        [
            crowds.female * sure,
            (1 - crowds.female) * sure,
            np.full_like(crowds.female, UNSURE_GENDER),
        ],
        axis=1,
    )
    return (ages[:, :, None] * genders[:, None, :]).reshape(len(ages), PEOPLE)


def _moods(crowds: Crowds) -> Floats:
    shares = np.tile(np.array(MOOD_SHARES), (len(crowds.mood), 1))
    shares[:, 0] += crowds.mood
    shares[:, 1] -= crowds.mood
    return shares


def _lean(creative: SimulatedCreative) -> Floats:
    """How much each cell is favoured."""
    favoured = np.ones((len(terms.AGE_BANDS) + 1, len(terms.GENDERS) + 1))
    if creative.gender is not None:
        favoured[:, terms.GENDERS.index(creative.gender)] *= LEAN
    for band in creative.ages:
        favoured[terms.AGE_BANDS.index(band)] *= LEAN
    return favoured.reshape(PEOPLE)
