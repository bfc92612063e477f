"""kiosk's time per frame beside its peers', on one clip, in one run.

Run from the root of the repository, after `make setup`::

    .venv/bin/python -m tests.bench.peers [CLIP] [--against human|plain] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from kiosk.demo.footage import CLIP
from tests.bench.peers.install import PeerError
from tests.bench.peers.measure import HUMAN, PLAIN, ROOT, measure
from tests.bench.peers.report import report, table


def main() -> int:
    """Measure, print, exit with 2 where something is missing."""
    asked = arguments()
    try:
        film = film_of(asked.clip)
        peers = {asked.against} if asked.against else {HUMAN, PLAIN}
        weights = weights_dir() if PLAIN in peers else None
        clip, about, measured = measure(
            *(film, peers, weights),
            frames=asked.frames,
            rounds=asked.rounds,
            warmup=asked.warmup,
        )
    except PeerError as bad:
        print(bad, file=sys.stderr)
        return 2
    told = report(film.name, clip, asked.warmup, about, measured)
    print(json.dumps(told.data(), indent=1) if asked.as_json else table(told))
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser("python -m tests.bench.peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("clip", nargs="?", type=Path, default=CLIP, help="by default the demo's")
    parser.add_argument("--against", choices=(HUMAN, PLAIN), help="only this peer")
    parser.add_argument("--frames", type=_positive, default=120, help="of the clip, each round")
    parser.add_argument("--rounds", type=_positive, default=3)
    parser.add_argument("--warmup", type=_positive, default=10, help="frames that do not count")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    return parser.parse_args()


def film_of(clip: Path) -> Path:
    """The clip, if it is there."""
    if not clip.is_file():
        raise PeerError(f"{clip} is not here: run `make setup`, or name another clip")
    return clip.resolve()


def weights_dir() -> Path:
    """Folder of the plain recipe's published weights."""
    data = Path(os.environ.get("KIOSK_DATA") or ROOT.parent / "shared/data")
    weights = data / "upstream" / "face_classification"
    if not weights.is_dir():
        raise PeerError(
            f"the plain recipe's weights are not in {weights}:"
            " set KIOSK_DATA to the folder that holds upstream/"
        )
    return weights.resolve()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    raise SystemExit(main())
