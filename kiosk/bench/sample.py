"""The sample clip of the benches: the film that the scenes' living face is cut from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.bench.scenes import CACHE
from kiosk.bench.scenes.sources import fetch_sources, path_of


def sample_clip() -> Path:
    """Path of the clip: 640x360, 472 frames, one woman; fetched when it is not here yet.

    Raises:
        ModelError: it cannot be downloaded, or is not the one that it should be.
    """
    fetch_footage(lambda _: None)
    return path_of("film", CACHE)


def fetch_footage(say: Callable[[str], None]) -> None:
    """Bring the clip and the portraits of the scenes, where they are not here yet.

    Raises:
        ModelError: one cannot be downloaded, or is not the one that it should be.
    """
    fetch_sources(CACHE, say)
