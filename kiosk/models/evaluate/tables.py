"""Figures as text: for a terminal, and as Markdown for a README or a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kiosk.models.evaluate.scores import KNOWN, Figure, Measure, Scores, Unit, figure_of

NOT_MEASURED = "-"


def shown(value: float, unit: Unit) -> str:
    """A number with its unit: ``97.1 %``, ``7.05 y``, ``2.31 ms``."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.2f} {unit}"


def with_interval(measure: Measure, unit: Unit) -> str:
    """A number, and between which numbers 95 % of the resamples lie."""
    text = shown(measure.value, unit)
    if measure.interval is None:
        return text
    low, high = measure.interval.low, measure.interval.high
    if unit == "share":
        return f"{text} ({100 * low:.1f} to {100 * high:.1f})"
    return f"{text} ({low:.2f} to {high:.2f})"


def scores_table(scores: Scores) -> str:
    """All figures of one bundle for a terminal, and below them what was left out."""
    lines = [heading(scores), ""]
    rows = [
        (figure_of(key).title, with_interval(measure, figure_of(key).unit), f"n {measure.n}")
        for key, measure in scores.figures.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)] if rows else [0, 0]
    section = ""
    for key, row in zip(scores.figures, rows, strict=True):
        if section not in ("", figure_of(key).section):
            lines.append("")
        section = figure_of(key).section
        lines.append(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}")
    notes = list(remarks(scores))
    return "\n".join([*lines, "", *notes] if notes else lines)


def heading(scores: Scores) -> str:
    """One line: which bundle on what, and when."""
    sets = ", ".join(
        f"{name} {count.used} of {count.listed}" for name, count in scores.counts.items()
    )
    return f"bundle {scores.bundle} on {scores.data} ({sets}), {scores.day.isoformat()}"


def remarks(scores: Scores) -> Iterator[str]:
    """Sentences on what was not measured or left out, each reason once."""
    keys: dict[str, list[str]] = {}
    for key, reason in scores.skipped.items():
        keys.setdefault(reason, []).append(key)
    for reason, missing in keys.items():
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield f"not measured: {missing[0]}{more}: {reason}"
    yield from scores.notes


def compare_table(several: Sequence[Scores]) -> str:
    """The main figures as Markdown: a row per figure, a column per bundle, the n in its row.

    The best of a row is in bold where better is plain: not for a threshold or a share of doubt.
    """
    head = ["figure", *(scores.bundle for scores in several), "n"]
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for figure in _compared(several):
        measures = [scores.figures.get(figure.key) for scores in several]
        there = [measure for measure in measures if measure is not None]
        best = _best(figure, [measure.value for measure in there])
        cells = [
            NOT_MEASURED if measure is None else _cell(measure, figure.unit, best)
            for measure in measures
        ]
        counts = sorted({measure.n for measure in there})
        span = "" if not counts else str(counts[0])
        if len(counts) > 1:
            span += f" to {counts[-1]}"
        lines.append(_row([figure.title, *cells, span]))
    return "\n".join(lines)


def _compared(several: Sequence[Scores]) -> list[Figure]:
    measured = {key for scores in several for key in scores.figures}
    return [figure for key, figure in KNOWN.items() if figure.main and key in measured]


def _best(figure: Figure, values: list[float]) -> float | None:
    if len(values) < 2 or figure.section == "unknown":
        return None
    if "bias" in figure.key:
        return min(values, key=abs)
    low_is_good = figure.unit in ("y", "ms") or figure.section == "ece"
    low_is_good = low_is_good or figure.key == "minor.flagged_25_up"
    return min(values) if low_is_good else max(values)


def _cell(measure: Measure, unit: Unit, best: float | None) -> str:
    text = with_interval(measure, unit)
    return f"**{text}**" if best is not None and measure.value == best else text


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
