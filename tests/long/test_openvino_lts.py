"""The models and the vision room on Python 3.9 with OpenVINO 2022.3, the last for the NCS2.

A real Debian 11 root is built once, with the wheels of that time, and kept outside the repository.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kiosk.config import InferenceSettings
from kiosk.vision import Card, load_bundle
from kiosk.vision.runtime import Runtime

REPO = Path(__file__).parents[2]
ROOT = Path(os.environ.get("KIOSK_LTS_ROOT", "/var/tmp/kiosk-openvino-lts"))
WHEELS = ["openvino==2022.3.2", "numpy<1.24", "pydantic<2.13", "click<8.2", "pyyaml"]
TOLERANCE = 1e-3
"""Of numbers up to 1; of larger ones, such as years or pixels, that share of them."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0, reason="a Debian 11 root needs root to be built"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
    pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="x86_64"),
]

PROBE = """
import json, sys
import kiosk.vision, kiosk.cli
from pathlib import Path
import numpy as np
from kiosk.config import InferenceSettings
from kiosk.vision import load_bundle
from kiosk.vision.runtime import Runtime
models = Path("/kiosk/models_ir")
answers = {}
for card in load_bundle(models, "default").cards:
    for size in [(0, 0), (128, 128)] if card.faces else [(0, 0)]:
        runtime = Runtime(InferenceSettings(), models)
        network = runtime.on_first_device(lambda loaded: loaded.network(card, *size))
        shape = network.input.shape
        network.input[:] = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
        said = {k: v.ravel().tolist() for k, v in network.run().items()}
        answers["%s at %d" % (card.name, size[0])] = said
print(json.dumps({"python": sys.version_info[:2], "answers": answers}))
"""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def tolerance(card: Card, value: np.ndarray) -> float:
    """How far two releases may be apart on one output."""
    return TOLERANCE * max(1.0, float(np.abs(value).max())) if card.heads else card.tolerance


def mirror() -> str:
    for source in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        for line in source.read_text().splitlines():
            if line.startswith("URIs:"):
                return line.split()[1]
    for line in Path("/etc/apt/sources.list").read_text().splitlines():
        if line.startswith("deb "):
            return next(word for word in line.split() if "://" in word)
    pytest.skip("apt has no source that says where Debian is")


@pytest.fixture(scope="module")
def debian11() -> Iterator[Path]:
    if not (ROOT / "venv").is_dir():
        shutil.rmtree(ROOT, ignore_errors=True)
        packages = "--include=python3,python3-venv,libglib2.0-0"
        run("debootstrap", "--variant=minbase", packages, "bullseye", str(ROOT), mirror())
        tags = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "any"]
        platforms = [word for tag in tags for word in ("--platform", tag)]
        run(
            *(sys.executable, "-m", "pip", "download", "-q", "-d", str(ROOT / "wheels")),
            *("--python-version", "39", "--only-binary=:all:", *platforms, *WHEELS),
        )
        run("chroot", str(ROOT), "python3", "-m", "venv", "/venv.partial")
        pip = ["/venv.partial/bin/python", "-m", "pip", "install", "-q", "--no-index"]
        run("chroot", str(ROOT), *pip, "--find-links", "/wheels", *WHEELS)
        (ROOT / "venv.partial").rename(ROOT / "venv")
    # Without /proc, /sys and /dev that OpenVINO hangs when it starts.
    mounts = {"/proc": "proc", "/sys": "sys", "/dev": "dev", str(REPO): "kiosk"}
    (ROOT / "kiosk").mkdir(exist_ok=True)
    mounted: list[Path] = []
    try:
        for source, target in mounts.items():
            run("mount", "--bind", source, str(ROOT / target))
            mounted.append(ROOT / target)
        yield ROOT
    finally:
        for target in reversed(mounted):
            run("umount", str(target))


def test_every_model_answers_on_the_last_release_for_the_stick_as_on_todays(
    debian11: Path,
) -> None:
    said = run(
        *("chroot", str(debian11), "env", "PYTHONPATH=/kiosk", "PYTHONDONTWRITEBYTECODE=1"),
        *("/venv/bin/python3", "-c", PROBE),
    )
    told = json.loads(said.splitlines()[-1])
    assert told["python"] == [3, 9]

    models = REPO / "models_ir"
    expected = {
        f"{card.name} at {size}": (card, size)
        for card in load_bundle(models, "default").cards
        for size in ((0, 128) if card.faces else (0,))
    }
    assert set(told["answers"]) == set(expected)
    for said_of, (card, size) in expected.items():
        runtime = Runtime(InferenceSettings(), models)
        network = runtime.on_first_device(
            lambda loaded, card=card, size=size: loaded.network(card, size, size)
        )
        shape = network.input.shape
        network.input[:] = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
        for name, value in network.run().items():
            there = np.array(told["answers"][said_of][name])
            off = np.abs(there - value.ravel()).max()
            assert off <= tolerance(card, value), (said_of, name, off)
