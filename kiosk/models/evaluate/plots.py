"""The plots of a report, as PNG; drawn without a screen."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from kiosk import terms
from kiosk.models.evaluate.metrics.ages import band_of
from kiosk.models.evaluate.metrics.classes import confusion
from kiosk.models.evaluate.metrics.detection import precision_recall
from kiosk.models.evaluate.scores import CONFIDENCES, FIVE_MOODS, WIDTH_BANDS, Measure, Scores
from kiosk.models.evaluate.scoring import age_answers, families, five_of_seven

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE: Final = "#2a6f97"
ORANGE: Final = "#c8553d"
GREY: Final = "#6b7280"

STYLE: Final[dict[Any, Any]] = {
    "figure.dpi": 110,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "legend.frameon": False,
}

Draw = Callable[[Scores], "Figure | None"]


def write_plots(folder: Path, scores: Scores) -> list[tuple[str, str]]:
    """Draw what there are figures for.

    Returns:
        Title and file name of each plot, in the order of a report.
    """
    written = []
    with mpl.rc_context(STYLE):
        for title, file, draw in PLOTS:
            figure = draw(scores)
            if figure is None:
                continue
            figure.suptitle(f"{title}: bundle {scores.bundle}", x=0.02, ha="left", weight="bold")
            figure.savefig(folder / file)
            plt.close(figure)
            written.append((title, file))
    return written


def _canvas(width: float, height: float, columns: int = 1, rows: int = 1) -> tuple[Any, Any]:
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False)


def _matrix(axes: Axes, counts: NDArray[Any], names: Sequence[str], what: str) -> None:
    """Draw shares of each true class, as colour and as number; its n stands beside its name."""
    totals = counts.sum(axis=1)
    shares = np.divide(
        counts, totals[:, None], out=np.zeros(counts.shape), where=totals[:, None] > 0
    )
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        range(len(names)), [f"{name} (n {n})" for name, n in zip(names, totals, strict=True)]
    )
    for row, column in np.ndindex(*counts.shape):
        if counts[row, column]:
            share = shares[row, column]
            colour = "white" if share > 0.55 else "black"
            axes.text(
                column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour, size=9
            )
    axes.set_xlabel(f"estimated {what}")
    axes.set_ylabel(f"true {what}", labelpad=8)
    axes.set_title("% of each true class", loc="left", color=GREY)
    axes.grid(visible=False)


def _age_matrix(scores: Scores) -> Figure | None:
    faces = scores.seen.faces
    if "age.band_acc" not in scores.figures:
        return None
    figure, axes = _canvas(7, 5.4)
    counts = confusion(band_of(faces.age), age_answers(faces).band, len(terms.AGE_BANDS))
    _matrix(axes[0, 0], counts, terms.AGE_BANDS, "age band, years")
    return _made(figure)


def _gender_matrix(scores: Scores) -> Figure | None:
    faces = scores.seen.faces
    if "gender.acc" not in scores.figures:
        return None
    figure, axes = _canvas(10, 4.2, columns=2)
    said = np.argmax(faces.gender_p, axis=1)
    _matrix(axes[0, 0], confusion(faces.gender, said, 2), terms.GENDERS, "gender")
    _bars(
        axes[0, 1],
        terms.AGE_BANDS,
        [scores.figures.get(f"gender.acc_by_band.{name}") for name in terms.AGE_BANDS],
        100,
    )
    axes[0, 1].set(xlabel="true age band, years", ylabel="right, %", ylim=(0, 118))
    axes[0, 1].set_title("accuracy by age; bar: 95 % interval", loc="left", color=GREY)
    return _made(figure)


def _mood_matrices(scores: Scores) -> Figure | None:
    moods = scores.seen.moods
    if "emotion.acc7" not in scores.figures:
        return None
    figure, axes = _canvas(16, 5.2, columns=3)
    seven = confusion(moods.mood, np.argmax(moods.mood_p, axis=1), len(terms.MOODS))
    _matrix(axes[0, 0], seven, terms.MOODS, "mood")
    _matrix(axes[0, 1], confusion(*five_of_seven(moods), 5), FIVE_MOODS, "mood, of five")
    family, family_p = families(moods)
    three = confusion(family, np.argmax(family_p, axis=1), 3)
    _matrix(axes[0, 2], three, terms.MOOD_FAMILIES, "family")
    return _made(figure)


def _reliability(scores: Scores) -> Figure | None:
    known = [key for key in CONFIDENCES if key in scores.reliability]
    if not known:
        return None
    columns = min(3, len(known))
    rows = -(-len(known) // columns)
    figure, axes = _canvas(3.9 * columns, 3.7 * rows + 0.4, columns, rows)
    for place in axes.flat[len(known) :]:
        place.set_visible(False)
    for place, key in zip(axes.flat, known, strict=False):
        found = scores.reliability[key]
        place.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        there = found.count > 0
        place.plot(found.confidence[there], found.accuracy[there], color=BLUE, linewidth=1)
        share = found.count[there] / found.count.sum()
        place.scatter(
            found.confidence[there],
            found.accuracy[there],
            s=12 + 400 * share,
            color=BLUE,
            alpha=0.6,
            clip_on=False,
        )
        share_right = "share under 18" if key == "minor" else "share right"
        place.set(xlabel="confidence", ylabel=share_right, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        place.set_title(
            f"{CONFIDENCES[key]}: ECE {100 * found.ece:.1f} %, n {found.count.sum()}", loc="left"
        )
    return _made(figure)


def _age_errors(scores: Scores) -> Figure | None:
    if "age.mae" not in scores.figures:
        return None
    figure, axes = _canvas(11, 4.2, columns=2)
    for place, name, label in zip(
        axes.flat,
        ("mae", "bias"),
        ("mean absolute error, years", "bias, years (above 0: estimated too old)"),
        strict=True,
    ):
        measures = [scores.figures.get(f"age.{name}_by_band.{band}") for band in terms.AGE_BANDS]
        _bars(place, terms.AGE_BANDS, measures, 1)
        place.axhline(0, color="black", linewidth=0.8)
        place.set(xlabel="true age band, years", ylabel=label)
        place.margins(y=0.15)
        place.set_title("bar: 95 % interval", loc="left", color=GREY)
    return _made(figure)


def _bars(axes: Axes, names: Sequence[str], measures: Sequence[Measure | None], by: float) -> None:
    """Draw a bar per measure with its interval, and its n above; none where there is none."""
    for place, measure in enumerate(measures):
        if measure is None:
            continue
        axes.bar(place, by * measure.value, color=BLUE, width=0.7)
        low = high = measure.value
        if measure.interval is not None:
            low, high = measure.interval.low, measure.interval.high
            axes.vlines(place, by * low, by * high, color="black", linewidth=1.2)
        below = measure.value < 0
        axes.annotate(
            f"n {measure.n}",
            (place, by * (low if below else high)),
            xytext=(0, -4 if below else 4),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            size=8,
            color=GREY,
        )
    axes.set_xticks(range(len(names)), names, rotation=30)
    axes.grid(visible=False, axis="x")


def _minors(scores: Scores) -> Figure | None:
    faces = scores.seen.faces
    if not len(faces.years_p):
        return None
    starts = np.array([0, 4, 8, 12, 16, 18, 20, 22, 25, 30, 35, 40, 50, 60])
    names = [f"{low}-{high - 1}" for low, high in itertools.pairwise(starts)] + ["60+"]
    group = np.searchsorted(starts, faces.age, side="right") - 1
    figure, axes = _canvas(9, 4.2)
    place = axes[0, 0]
    for number in range(len(starts)):
        flagged = faces.minor_possible[group == number]
        if len(flagged):
            share = 100 * flagged.mean()
            place.bar(number, share, width=0.7, color=BLUE if starts[number] < 18 else ORANGE)
            place.text(number, share + 1.5, f"n {len(flagged)}", ha="center", size=8, color=GREY)
    place.axhline(95, color=GREY, linestyle="--", linewidth=1)
    place.set_xticks(range(len(names)), names, rotation=30)
    place.grid(visible=False, axis="x")
    place.set(xlabel="true age, years", ylabel="flagged as a possible minor, %", ylim=(0, 110))
    place.set_title(
        "blue: under 18, wanted (dashed: 95 %); orange: adults, false", loc="left", color=GREY
    )
    return _made(figure)


def _precision_recall(scores: Scores) -> Figure | None:
    boxes = scores.seen.boxes
    if "detection.ap40" not in scores.figures:
        return None
    figure, axes = _canvas(11, 4.4, columns=2)
    place = axes[0, 0]
    precision, recall = precision_recall(boxes.score, boxes.hit, len(boxes.truth_score))
    place.plot(recall, precision, color=BLUE)
    ap = scores.figures["detection.ap40"].value
    now = [scores.figures.get(f"detection.{name}") for name in ("recall", "precision")]
    if now[0] is not None and now[1] is not None:
        place.plot(now[0].value, now[1].value, "o", color=ORANGE)
        place.annotate(
            f"at score {boxes.min_score:.2f}",
            (now[0].value, now[1].value),
            xytext=(-8, -14),
            textcoords="offset points",
            ha="right",
            color=ORANGE,
        )
    place.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    place.set_title(f"IoU 0.4: AP {100 * ap:.1f} %", loc="left")
    names = [name.replace("_up", "+").replace("under_", "<").replace("_", "-") for name in _WIDTHS]
    _bars(
        axes[0, 1],
        names,
        [scores.figures.get(f"detection.recall_by_width.{name}") for name in _WIDTHS],
        100,
    )
    axes[0, 1].set(xlabel="width of the face, px of the picture", ylabel="found, %", ylim=(0, 112))
    axes[0, 1].set_title(f"recall at score {boxes.min_score:.2f} by size", loc="left")
    return _made(figure)


_WIDTHS: Final = [name for name, _, _ in WIDTH_BANDS]


def _unknowns(scores: Scores) -> Figure | None:
    if not scores.thresholds:
        return None
    titles = {"age": "age band", "gender": "gender", "emotion": "mood, 7 classes"}
    figure, axes = _canvas(4.2 * len(scores.thresholds), 4, columns=len(scores.thresholds))
    for place, (task, found) in zip(axes.flat, scores.thresholds.items(), strict=True):
        answered = [100 * one.coverage for one in found.steps]
        place.plot(answered, [100 * one.accuracy for one in found.steps], ".-", color=BLUE)
        coverage = scores.figures[f"unknown.{task}.coverage"].value
        accuracy = scores.figures.get(f"unknown.{task}.accuracy")
        threshold = scores.figures[f"unknown.{task}.threshold"].value
        title = f"{titles[task]}: unknown below {threshold:.2f}"
        if accuracy is not None:
            place.plot(100 * coverage, 100 * accuracy.value, "o", color=ORANGE, markersize=8)
            title += (
                f"\n{100 * coverage:.0f} % answered, {100 * accuracy.value:.1f} % of those right"
            )
        place.set(xlabel="answered, %", ylabel="right of those answered, %", xlim=(-3, 103))
        place.set_title(title, loc="left")
    return _made(figure)


def _made(figure: Any) -> Figure:
    made: Figure = figure
    return made


PLOTS: Final[tuple[tuple[str, str, Draw], ...]] = (
    ("Faces found", "detection.png", _precision_recall),
    ("Age bands confused", "age-confusion.png", _age_matrix),
    ("Error of the age", "age-error.png", _age_errors),
    ("Possible minors", "minors.png", _minors),
    ("Gender", "gender.png", _gender_matrix),
    ("Moods confused", "mood-confusion.png", _mood_matrices),
    ("Confidence against truth", "reliability.png", _reliability),
    ("What doubt costs", "unknown.png", _unknowns),
)
"""Title, file and hand of each plot, in the order of a report."""
