"""Small drawings as SVG, for what has to be seen without scripts and on paper; pure."""

from __future__ import annotations

from collections.abc import Sequence

SPARK_WIDTH = 120
SPARK_HEIGHT = 32


def spark_path(values: Sequence[float | None], most: float, slots: int) -> str:
    """The path of a line through values, left to right; gaps where there is none.

    Args:
        values: at most ``slots`` of them.
        most: the value at the upper edge; what is below zero is drawn at the lower one.
        slots: how many values the width is for.
    """
    step = SPARK_WIDTH / max(1, slots - 1)
    pieces, pen_down = [], False
    for index, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        share = min(1.0, max(0.0, value / most)) if most > 0 else 0.0
        y = SPARK_HEIGHT - 2 - share * (SPARK_HEIGHT - 4)
        pieces.append(f"{'L' if pen_down else 'M'}{index * step:.1f} {y:.1f}")
        pen_down = True
    return "".join(pieces)
