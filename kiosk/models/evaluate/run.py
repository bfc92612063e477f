"""One bundle on one folder: look at every picture, then compute every figure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from kiosk.models.evaluate.datasets import Labelled, read_labelled
from kiosk.models.evaluate.examiner import Examiner
from kiosk.models.evaluate.samples import Gatherer
from kiosk.models.evaluate.scores import FIGURES, Scores, Seen
from kiosk.models.evaluate.scoring import (
    Sheet,
    score_ages,
    score_boxes,
    score_genders,
    score_moods,
    score_times,
)

NO_FACES: Final = "the data has no faces with age and gender (such as utkface/index.csv)"
NO_MOODS: Final = "the data has no faces with a mood (such as ferplus_test/index.csv)"
NO_BOXES: Final = "the data has no boxes (such as facemask853/index.csv, or annotations/*.xml)"


def evaluate_bundle(
    examiner: Examiner,
    data: Path,
    say: Callable[[str], None],
    *,
    bundle: str,
    min_score: float,
    day: date,
    limit: int | None = None,
) -> Scores:
    """Compare an examiner's answers with labelled pictures.

    Args:
        examiner: the bundle, loaded.
        data: folder of labelled sets, in the layouts of :func:`~.datasets.read_labelled`.
        say: told how far it got, a line each.
        bundle: its name.
        min_score: score from which a device takes a detection for a face.
        day: today, which stands beside the figures.
        limit: most pictures of each set, spread evenly over it; all by default.

    Raises:
        BadInputError: the folder, a label, or every picture of a set cannot be used.
    """
    labelled = read_labelled(data)
    gather = Gatherer(examiner, limit, say)
    seen = Seen(
        gather.faces(labelled.faces),
        gather.moods(labelled.moods),
        gather.boxes(labelled.boxes, min_score),
    )
    sheet = Sheet()
    _score(seen, labelled, examiner, sheet)
    say("timing")
    score_times(gather.times_ms(), gather.timed, sheet)
    return Scores(
        bundle,
        data.resolve().name,
        {
            "faces": tuple(one.name for one in labelled.faces),
            "moods": tuple(one.name for one in labelled.moods),
            "boxes": tuple(one.name for one in labelled.boxes),
        },
        day,
        limit,
        gather.counts,
        {
            key: sheet.figures[key]
            for key in dict.fromkeys([*(figure.key for figure in FIGURES), *sheet.figures])
            if key in sheet.figures
        },
        _reasons(sheet, labelled, examiner),
        sheet.thresholds,
        sheet.reliability,
        (*labelled.notes, *gather.notes),
        seen,
    )


def _score(seen: Seen, labelled: Labelled, examiner: Examiner, sheet: Sheet) -> None:
    below = examiner.unknown_below
    if labelled.faces:
        if "age" in examiner.tasks:
            score_ages(seen.faces, sheet, below.get("age", 0.0))
        if "gender" in examiner.tasks:
            score_genders(seen.faces, sheet, below.get("gender", 0.0))
        sheet.mean("found.faces", seen.faces.found, "face")
    if labelled.moods:
        if "emotion" in examiner.tasks:
            score_moods(seen.moods, sheet, below.get("emotion", 0.0))
        sheet.mean("found.moods", seen.moods.found, "face")
    if labelled.boxes:
        score_boxes(seen.boxes, sheet)


def _reasons(sheet: Sheet, labelled: Labelled, examiner: Examiner) -> dict[str, str]:
    """Why each figure that is not there is not there."""
    missing_data = {
        "age": NO_FACES if not labelled.faces else "",
        "gender": NO_FACES if not labelled.faces else "",
        "emotion": NO_MOODS if not labelled.moods else "",
        "detection": NO_BOXES if not labelled.boxes else "",
    }
    reasons = {}
    for figure in FIGURES:
        if figure.key in sheet.figures:
            continue
        needs = _needs(figure.key)
        reason = sheet.skipped.get(figure.key) or missing_data.get(needs, "")
        if not reason and needs in ("age", "gender", "emotion") and needs not in examiner.tasks:
            reason = f"the bundle does not estimate {needs}"
        reasons[figure.key] = reason or "nothing to measure it on"
    return reasons


def _needs(key: str) -> str:
    """The task, or ``detection``, whose answers a figure is made of."""
    section, _, rest = key.partition(".")
    if section in ("ece", "unknown", "found"):
        word = rest.partition(".")[0]
        return {"mood3": "emotion", "minor": "age", "faces": "age", "moods": "emotion"}.get(
            word, word
        )
    return {"minor": "age"}.get(section, section)
