"""The bundle for a Raspberry Pi on an emulated processor: its wheels install, and vision sees.

A Debian 12 for arm64 is made once and kept outside the repository (about 6 minutes, 700 MB). Times
say nothing of a Pi: a frame takes about ten seconds of emulation.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import pytest

REPO = Path(__file__).parents[2]
CACHE = Path(os.environ.get("KIOSK_ARM64_CACHE", "/var/tmp/kiosk-arm64"))
SAMPLE = REPO / "kiosk/demo/campaign/build/WolfgangLanger_Pexels.mp4"
EMULATOR = Path("/usr/bin/qemu-aarch64-static")
# How the kernel is told of it, in Debian's package.
FORMAT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
BINFMT = Path("/proc/sys/fs/binfmt_misc")

# A Python, and what the product's libraries load.
PACKAGES = ["python3", "python3-venv", "libgl1", "libglib2.0-0", "libxcb1", "libsystemd0"]
FRAMES = 5
WITHIN_S = 1500.0

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.geteuid() != 0, reason="a Debian root needs root to be built"),
    pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="x86_64"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
    pytest.mark.skipif(not EMULATOR.exists(), reason="qemu-user-static is not installed"),
    pytest.mark.skipif(
        not (REPO / ".venv-deploy").is_dir(), reason=".venv-deploy is not there: make bundle"
    ),
    pytest.mark.skipif(
        not SAMPLE.is_file(), reason="the sample clip is not there: `kiosk demo` fetches it"
    ),
]


def run(command: list[str], **more: Any) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=WITHIN_S, **more
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    return str(done.stdout)


@pytest.fixture(scope="module")
def emulation() -> Iterator[None]:
    """This kernel runs programs for arm64; as before when the tests are over."""
    with ExitStack() as undo:
        if not (BINFMT / "register").exists():
            run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)])
            undo.callback(run, ["umount", str(BINFMT)])
        if not (BINFMT / "qemu-aarch64").exists():
            (BINFMT / "register").write_text(FORMAT.read_text())
            undo.callback((BINFMT / "qemu-aarch64").write_text, "-1")
        yield


@pytest.fixture(scope="module")
def root(emulation: None) -> Path:
    """A small Debian 12 for arm64."""
    name = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    goal = CACHE / f"bookworm-{name}"
    if not goal.is_dir():
        partial = goal.with_name(f"{goal.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        mirror = run(
            ["bash", "-c", ". deploy/bundle/common.sh; . deploy/bundle/apt.sh; debian_mirror"],
            cwd=REPO,
        ).strip()
        wanted = f"--include={','.join(PACKAGES)}"
        first = ["debootstrap", "--foreign", "--arch=arm64", "--variant=minbase", wanted]
        run([*first, "bookworm", str(partial), mirror])
        run(["chroot", str(partial), "/debootstrap/debootstrap", "--second-stage"])
        shutil.rmtree(partial / "var/cache/apt", ignore_errors=True)
        partial.rename(goal)
    return goal


class Box:
    """The root, entered without a network; its namespaces go with each program."""

    def __init__(self, root: Path, folder: str) -> None:
        self.root = root
        self.folder = folder
        """Inside, the one place that the tests write to."""

    def run(self, script: str) -> str:
        # Without /proc, /sys and /dev OpenVINO hangs when it starts.
        mounts = "; ".join(
            f"mount --rbind /{name} {self.root}/{name}" for name in ("proc", "sys", "dev")
        )
        outer = f'{mounts}; exec chroot {self.root} bash -euo pipefail -c "$1"'
        return run(
            [
                *("unshare", "--net", "--mount", "--propagation", "private"),
                *("bash", "-euc", outer, "inside", f"cd {self.folder}\n{script}"),
            ],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"},
        )


@pytest.fixture(scope="module")
def box(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """With the unpacked release of this tree for arm64, installed."""
    dist = tmp_path_factory.mktemp("dist")
    wanted = {"ARCHES": "aarch64", "PARTS": "release", "DIST": str(dist)}
    run(["deploy/bundle/bundle.sh"], cwd=REPO, env={**os.environ, **wanted})
    here = root / f"srv/{os.getpid()}"
    here.mkdir(parents=True)
    try:
        with tarfile.open(next(dist.glob("kiosk-*-aarch64.tar"))) as archive:
            archive.extractall(here, filter="data")
        next(here.glob("kiosk-*")).rename(here / "release")
        made = Box(root, f"/srv/{here.name}")
        # What Debian's own pip is too old to read, the bundled one reads.
        made.run(
            "python3 -m venv --without-pip venv\ncd release\n"
            "PYTHONPATH=$(echo wheels/pip-*.whl) ../venv/bin/python -m pip install -q"
            " --no-index --no-deps --no-compile --require-hashes --find-links wheels"
            " -r requirements-device.txt"
        )
        yield made
    finally:
        shutil.rmtree(here, ignore_errors=True)


def test_every_wheel_installs_without_network_and_loads(box: Box) -> None:
    version = json.loads(box.run("cat release/manifest.json"))["version"]
    assert box.run("venv/bin/kiosk --version").strip() == f"kiosk, version {version}"
    loaded = box.run(
        'venv/bin/python -c "'
        "import platform, numpy, cv2, openvino, cryptography, pydantic_core, systemd.journal\n"
        'print(platform.machine(), openvino.Core().available_devices)"'
    )
    assert loaded.splitlines()[-1] == "aarch64 ['CPU']"


def cut(source: Path, goal: Path, frames: int) -> None:
    """Its first frames."""
    reader = cv2.VideoCapture(str(source))
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(goal), code, reader.get(cv2.CAP_PROP_FPS), size)
    for _ in range(frames):
        seen, image = reader.read()
        assert seen
        writer.write(image)
    writer.release()
    reader.release()


def last_viewers(printed: str) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in printed.splitlines()]
    assert [record["frames"] for record in records] == list(range(1, FRAMES + 1))
    return list(records[-1]["viewers"])


def test_vision_sees_there_what_it_sees_here(box: Box, tmp_path: Path) -> None:
    clip = box.root / box.folder.lstrip("/") / "clip.mp4"
    cut(SAMPLE, clip, FRAMES)
    watch = ["vision", "--as-fast-as-possible", "--print", "--source"]
    here = run(
        [str(REPO / ".venv/bin/kiosk"), *watch, str(clip), "--config", str(REPO / "config.yaml")],
        cwd=REPO,
    )
    there = box.run(
        f"venv/bin/kiosk {' '.join(watch)} clip.mp4 --config release/share/config.yaml"
        f" --set vision.models_dir={box.folder}/release/models_ir"
    )
    (expected,), (found,) = last_viewers(here), last_viewers(there)
    assert found["gender"] == expected["gender"] == "female"
    assert found["box"] == pytest.approx(expected["box"], abs=0.02)
    assert found["looking"] == expected["looking"]
