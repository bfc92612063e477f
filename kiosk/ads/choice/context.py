"""What the learner sees of a moment: shares of the audience and the store's clock, nobody alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kiosk import terms
from kiosk.audience import Audience

Shares = tuple[tuple[str, float], ...]
"""Labels with the share of the viewers that has each; what is unknown is left out, so the shares
sum to at most 1."""


@dataclass(frozen=True)
class Context:
    """An audience at a time of the week.

    Attributes:
        size: viewers; 0: nobody is there, or vision cannot tell.
        ages: age bands.
        genders: genders.
        moods: mood families.
        looking: share of the viewers that faces the screen.
        hour: of the store's clock.
        weekday: of the store's clock; Monday is 0.
    """

    size: int
    ages: Shares
    genders: Shares
    moods: Shares
    looking: float
    hour: int
    weekday: int

    @staticmethod
    def of(audience: Audience, local: datetime) -> Context:
        """The context of a choice.

        Args:
            audience: who is there; one that is not live counts as nobody.
            local: the moment by the store's clock.
        """
        viewers = audience.viewers if audience.state == "live" else ()
        size = len(viewers)
        looking = sum(one.looking for one in viewers) / size if size else 0.0
        return Context(
            size,
            _shares((one.age_band for one in viewers), size),
            _shares((one.gender for one in viewers), size),
            _shares((terms.FAMILY_OF_MOOD.get(one.mood, "") for one in viewers), size),
            looking,
            local.hour,
            local.weekday(),
        )


def _shares(labels: Iterable[str], size: int) -> Shares:
    known = Counter(label for label in labels if label and label != terms.UNKNOWN)
    return tuple((label, count / size) for label, count in sorted(known.items()))
