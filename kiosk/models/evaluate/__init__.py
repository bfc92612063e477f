"""How well a bundle sees: its answers compared with labelled pictures.

Comes in: something that looks at pictures (:class:`Examiner`) and a folder of labelled sets. Goes
out: figures with their counts and intervals, as a table, JSON, a report folder, and lines in the
cards when asked. Never writes a picture, and reads no label that is not age, gender, mood or box.
"""

from kiosk.models.evaluate.examiner import Examiner, Look
from kiosk.models.evaluate.measured import write_card
from kiosk.models.evaluate.metrics.ages import point_age
from kiosk.models.evaluate.report import write_report
from kiosk.models.evaluate.run import evaluate_bundle
from kiosk.models.evaluate.scores import Scores, scores_json
from kiosk.models.evaluate.tables import compare_table, scores_table

__all__ = [
    "Examiner",
    "Look",
    "Scores",
    "compare_table",
    "evaluate_bundle",
    "point_age",
    "scores_json",
    "scores_table",
    "write_card",
    "write_report",
]
