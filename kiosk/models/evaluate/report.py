"""A folder that shows the figures: a page of tables, and plots as PNG; never a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from kiosk.errors import BadInputError, KioskError
from kiosk.models.evaluate.scores import KNOWN, Scores, figure_of
from kiosk.models.evaluate.tables import compare_table, heading, remarks, shown, with_interval

PAGE: Final = "report.md"

TASK_WORDS: Final = {"age": "age band", "gender": "gender", "emotion": "mood"}


def write_report(folder: Path, several: Sequence[Scores]) -> Path:
    """Write the report of one bundle, or of several below a page that compares them.

    Args:
        folder: made if it is not there; files of earlier reports in it are replaced.
        several: scores of at least one bundle.

    Returns:
        The page to open first.

    Raises:
        BadInputError: the folder cannot be written.
        KioskError: matplotlib is not installed.
    """
    try:
        if len(several) == 1:
            return _write_one(folder, several[0])
        pages = [_write_one(folder / scores.bundle, scores) for scores in several]
        links = [
            f"- [{scores.bundle}]({page.relative_to(folder)})"
            for scores, page in zip(several, pages, strict=True)
        ]
        text = "\n\n".join(
            [
                "# Bundles compared",
                *[heading(scores) for scores in several],
                compare_table(several),
                BOOTSTRAP,
                "\n".join(links),
            ]
        )
        return _page(folder, text)
    except OSError as bad:
        raise BadInputError(
            f"{folder}: the report cannot be written: {bad.strerror}",
            hint="name a folder that may be written with --report",
        ) from bad


BOOTSTRAP: Final = (
    "In parentheses: between which values 95 % of 500 resamples of the pictures lie (percentile"
    " bootstrap, fixed seed). n: pictures, or faces, that count for the figure."
)


def _write_one(folder: Path, scores: Scores) -> Path:
    # Loaded here: it takes a second, and a table needs none of it.
    try:
        from kiosk.models.evaluate.plots import write_plots
    except ImportError as bad:
        raise KioskError(
            "the plots of a report need matplotlib, which is not installed",
            hint="install kiosk[models], or leave --report out",
        ) from bad

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    plots = write_plots(folder, scores)
    parts = [
        f"# How well the bundle `{scores.bundle}` sees",
        heading(scores)
        + (f"; a quick look at {scores.limit} pictures of each set." if scores.limit else "."),
        _all_figures(scores),
        BOOTSTRAP,
        *_unknown(scores),
        *[f"## {title}\n\n![{title}]({file})" for title, file in plots],
    ]
    notes = [f"- {sentence}" for sentence in remarks(scores)]
    if notes:
        parts.append("## What is missing\n\n" + "\n".join(notes))
    return _page(folder, "\n\n".join(parts))


def _page(folder: Path, text: str) -> Path:
    page = folder / PAGE
    page.write_text(text + "\n", encoding="utf-8")
    return page


def _all_figures(scores: Scores) -> str:
    lines = ["| figure | value | n | key |", "| --- | ---: | ---: | --- |"]
    for key, measure in scores.figures.items():
        figure = KNOWN.get(key) or figure_of(key)
        value = with_interval(measure, figure.unit)
        lines.append(f"| {figure.title} | {value} | {measure.n} | `{key}` |")
    return "\n".join(lines)


def _unknown(scores: Scores) -> Iterator[str]:
    """What a higher threshold would cost and bring, per task."""
    for task, found in scores.thresholds.items():
        lines = [
            f"## Unknown: {TASK_WORDS[task]}",
            "The smallest threshold with which the answers that are given reach an accuracy:",
            "| accuracy wanted | unknown below | share answered | accuracy of those |\n"
            "| ---: | ---: | ---: | ---: |",
        ]
        for wanted, one in found.reaching.items():
            cells = (
                ["out of reach", "", ""]
                if one is None
                else [
                    f"{one.threshold:.3f}",
                    shown(one.coverage, "share"),
                    shown(one.accuracy, "share"),
                ]
            )
            lines[-1] += f"\n| {shown(wanted, 'share')} | {' | '.join(cells)} |"
        yield "\n\n".join(lines)
