"""Plays one clip to every peer in turn, round after round, and keeps what each frame took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np

from tests.bench.peers import install
from tests.bench.peers.install import PeerError
from tests.bench.peers.worker import Clip

ROOT = Path(__file__).resolve().parents[3]

KIOSK = "kiosk"
HUMAN = "human"
PLAIN = "plain"
VARIANTS = (
    (HUMAN, "default caching"),
    (HUMAN, "no caching"),
    (PLAIN, "model.predict"),
    (PLAIN, "direct call"),
    (PLAIN, "traced"),
)

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@dataclass(frozen=True)
class Play:
    """One play of the clip: means over its frames, and what was seen in each."""

    wall_ms: float
    cpu_ms: float
    seen: list[dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    """All plays of one variant of one peer, and beside each the play of kiosk just before it."""

    peer: str
    variant: str
    plays: list[Play] = field(default_factory=list)
    kiosk: list[Play] = field(default_factory=list)


class Worker:
    """One peer in a process of its own, loaded once."""

    def __init__(self, command: list[str], **environment: str) -> None:
        """Start it; ``environment`` is added to ours."""
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the worker
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ready(self) -> str:
        """Wait until it has loaded; what it says it is."""
        return self._answer()["about"]

    def play(self, variant: str, warmup: int) -> Play:
        """Play the clip once."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"variant": variant, "warmup": warmup}) + "\n")
        self._process.stdin.flush()
        frames = self._answer()["frames"]
        return Play(
            wall_ms=fmean(frame["wall_ms"] for frame in frames),
            cpu_ms=fmean(frame["cpu_ms"] for frame in frames),
            seen=frames,
        )

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise PeerError(f"a peer ended by itself:\n{self._log.read()[-2000:]}")
        return json.loads(line)


def measure(
    film: Path, peers: set[str], weights: Path | None, *, frames: int, rounds: int, warmup: int
) -> tuple[Clip, dict[str, str], list[Measured]]:
    """Measure every variant of ``peers``; also what kiosk and each of them say they are.

    kiosk plays the clip before every variant, so that a slow minute of the machine is not only one
    side's.
    """
    measured = [Measured(peer, variant) for peer, variant in VARIANTS if peer in peers]
    commands = {peer: _command(peer) for peer in (KIOSK, *sorted(peers))}
    with ExitStack() as stack:
        clip = stack.enter_context(decoded(film, frames))
        workers = {
            peer: Worker([*command, json.dumps(asdict(clip))], PEER_WEIGHTS=str(weights or ""))
            for peer, command in commands.items()
        }
        for worker in workers.values():
            stack.callback(worker.close)
        about = {peer: worker.ready() for peer, worker in workers.items()}
        for number in range(rounds):
            for one in measured:
                print(f"round {number + 1}: {one.peer}, {one.variant}", file=sys.stderr)
                one.kiosk.append(workers[KIOSK].play("as shipped", warmup))
                one.plays.append(workers[one.peer].play(one.variant, warmup))
    return clip, about, measured


def _command(peer: str) -> list[str]:
    """What starts a peer, once it is installed; the clip comes behind."""
    if peer == HUMAN:
        return [install.node(), str(install.HERE / "human.cjs"), str(install.human_packages())]
    python = install.plain_python() if peer == PLAIN else sys.executable
    return [python, "-m", f"tests.bench.peers.{peer}_peer"]


@contextmanager
def decoded(film: Path, frames: int) -> Iterator[Clip]:
    """The first ``frames`` frames of a film in a file that goes afterwards."""
    capture = cv2.VideoCapture(str(film))
    fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
    with tempfile.NamedTemporaryFile(suffix=".rgb") as file:
        count, shape = 0, (0, 0)
        while count < frames:
            ok, image = capture.read()
            if not ok:
                break
            file.write(np.ascontiguousarray(image[:, :, ::-1]).tobytes())
            count, shape = count + 1, image.shape[:2]
        capture.release()
        file.flush()
        if not count:
            raise PeerError(f"{film}: no frame could be read")
        yield Clip(file.name, shape[1], shape[0], count, fps)
