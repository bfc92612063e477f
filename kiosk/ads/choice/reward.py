"""What a play has earned, as a learner is told."""

from __future__ import annotations

MOST_FACING = 4.0
"""Viewers that face a screen at once, at most, as far as is learned from: more than a group in the
tables (:data:`kiosk.terms.GROUP_SIZES`), and a crowd must not drown what hundreds of plays said."""

LEAST_SHOWN_S = 1.0
"""A play that was shown for less says nothing of how it was liked."""


def reward_of(attention_s: float, shown_s: float) -> float | None:
    """Viewers' seconds of attention a second, clipped.

    Args:
        attention_s: seconds that all viewers together faced the screen while it played.
        shown_s: seconds that it was on screen.

    Returns:
        0 to :data:`MOST_FACING`; ``None`` when it was shown for too short a time.
    """
    if shown_s < LEAST_SHOWN_S:
        return None
    return min(max(attention_s, 0.0) / shown_s, MOST_FACING)
