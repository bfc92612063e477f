"""Drawing one of the candidates, and the probability with which the whole procedure drew it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from kiosk.ads.campaigns.campaign import Creative
from kiosk.ads.choice.context import Context
from kiosk.ads.choice.learner import Ranker


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Attributes:
        chosen: index of the candidate.
        control: it was drawn whoever is there.
        propensities: of the whole procedure for each candidate; they sum to 1.
    """

    chosen: int
    control: bool
    propensities: tuple[float, ...]


def draw_one(
    candidates: Sequence[Creative],
    context: Context,
    ranker: Ranker,
    control_share: float,
    draw: Callable[[], float],
) -> Drawn:
    """Draw a candidate.

    A share of the draws is a control: by weight among the untargeted candidates, whoever is there.
    Without an untargeted candidate there is no control.

    Args:
        candidates: at least one.
        context: what the ranker may know.
        ranker: gives probabilities.
        control_share: of the draws.
        draw: uniform in [0, 1); called twice.
    """
    plain = [0.0 if one.targeted else one.weight for one in candidates]
    share = control_share if any(plain) else 0.0
    control, at = draw() < share, draw()
    told = ranker.probabilities(context, candidates)
    total = sum(plain) or 1.0
    by_weight = [weight / total for weight in plain]
    whole = tuple(
        share * blind + (1 - share) * wise for blind, wise in zip(by_weight, told, strict=True)
    )
    return Drawn(_pick(by_weight if control else told, at), control, whole)


def _pick(shares: Sequence[float], at: float) -> int:
    sums = list(accumulate(shares))
    mark = at * sums[-1]
    # What has no share is never drawn, however the sums are rounded.
    able = [place for place, share in enumerate(shares) if share > 0]
    return next((place for place in able if mark < sums[place]), able[-1])
