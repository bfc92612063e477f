"""Choosing without a learner: the most specific of what fits, by weight."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.ads.campaigns.campaign import Creative
from kiosk.ads.choice.context import Context
from kiosk.ads.choice.learner import Rotation, apart


class MostSpecific(Rotation):
    """By weight among the most specific; what may not depend on age or gender keeps its share.

    Creatives of blind categories get together what their weights give them beside all others, as
    with a learner: an advert for women would else crowd the job adverts out before women.
    """

    def __init__(self, able: Sequence[Creative]) -> None:
        """A ranker for one choice.

        Args:
            able: everything that may play; at least one.
        """
        super().__init__()
        total = sum(one.weight for one in able)
        self._shares: dict[str, float] = {}
        for places in apart(able):
            side = [able[place] for place in places]
            most = max(one.targeting.criteria for one in side)
            kept = [one for one in side if one.targeting.criteria == most]
            share = sum(one.weight for one in side) / total
            weight = sum(one.weight for one in kept)
            self._shares.update({one.id: share * one.weight / weight for one in kept})

    def keeps(self, creative: Creative) -> bool:
        """Whether it may be drawn."""
        return creative.id in self._shares

    def probabilities(self, context: Context, candidates: Sequence[Creative]) -> tuple[float, ...]:
        """Of those that may be drawn."""
        del context
        return tuple(self._shares[one.id] for one in candidates)
