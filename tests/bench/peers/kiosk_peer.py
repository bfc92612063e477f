"""kiosk's own pipeline as the product runs it: everything on, with the repository's settings.

Started by measure.py as ``python -m tests.bench.peers.kiosk_peer CLIP_JSON``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kiosk import terms
from kiosk.config import load_settings
from kiosk.vision.pipeline import Pipeline
from tests.bench.peers.worker import Look, Seen, serve

ROOT = Path(__file__).resolve().parents[3]


def start() -> tuple[str, Look]:
    """Load the bundle that config.yaml names."""
    settings = load_settings(ROOT / "config.yaml").vision
    pipeline = Pipeline(settings, "peers")

    def look(frame: np.ndarray, t_s: float, _variant: str) -> Seen:
        viewers = pipeline.process(frame, t_s).viewers
        return Seen(
            faces=len(viewers),
            genders=[one.gender for one in viewers if one.gender != terms.UNKNOWN],
            ages=[one.age_band for one in viewers if one.age_band != terms.UNKNOWN],
        )

    threads = settings.inference.threads
    return f"kiosk, bundle {settings.bundle}, {pipeline.device}, {threads} thread", look


if __name__ == "__main__":
    serve(start)
