"""Whatever is wrong, a person reads one clear sentence, and no traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "kiosk/demo/campaign/build/WolfgangLanger_Pexels.mp4"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "kiosk", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def kiosk(*arguments: str) -> tuple[int, str]:
    """Run a command; returns its exit code and what it wrote on standard error."""
    done = run(*arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(f"vision: {{models_dir: {ROOT}/models_ir}}\n", encoding="utf-8")
    return path


def test_a_misspelt_setting_is_named_with_its_line_and_the_right_word(config: Path) -> None:
    config.write_text("vision:\n  detection:\n    min_scor: 0.4\n", encoding="utf-8")
    code, said = kiosk("run", "--config", str(config))
    assert code == 2
    assert f'{config}:3: vision.detection.min_scor: unknown key; did you mean "min_score"?' in said


def test_a_setting_of_the_wrong_type_is_named_with_its_line(config: Path) -> None:
    config.write_text("player:\n  port: eighty\n", encoding="utf-8")
    code, said = kiosk("director", "--config", str(config))
    assert code == 2
    assert f"{config}:2: player.port:" in said
    assert "'eighty'" in said


@pytest.mark.parametrize(
    ("source", "sentence", "expected"),
    [
        ("/dev/video99", "/dev/video99: there is no camera", 1),
        ("nowhere.mp4", "nowhere.mp4: there is no such video file", 2),
        ("docs", "docs: it is a folder", 2),
        ("README.md", "README.md: it cannot be decoded as a video", 1),
    ],
    ids=["no-camera", "no-file", "folder", "no-video"],
)
def test_a_source_that_cannot_be_opened_is_named(
    config: Path, source: str, sentence: str, expected: int
) -> None:
    code, said = kiosk("vision", "--print", "--source", source, "--config", str(config))
    assert code == expected
    assert sentence in said
    assert "hint: " in said


def test_a_stream_that_does_not_answer_is_named_without_its_password(config: Path) -> None:
    code, said = kiosk(
        "vision",
        "--print",
        *("--source", "rtsp://me:secret@127.0.0.1:9/door"),
        *("--config", str(config)),
    )
    assert code == 1
    assert "rtsp://127.0.0.1:9/door" in said
    assert "secret" not in said


def test_models_that_were_never_built_are_asked_for(tmp_path: Path, config: Path) -> None:
    bare = tmp_path / "models"
    shutil.copytree(
        ROOT / "models_ir", bare, ignore=shutil.ignore_patterns("*.xml", "*.bin", "built.json")
    )
    code, said = kiosk(
        "models", "verify", "--config", str(config), f"--set=vision.models_dir={bare}"
    )
    assert code == 1
    assert "the model is not built" in said
    assert "kiosk models build" in said


@pytest.mark.skipif(
    not (ROOT / "models_ir/face-detection-yunet/built.json").is_file(),
    reason="the models are not built",
)
def test_an_altered_model_is_refused_with_its_name_and_both_hashes(
    tmp_path: Path, config: Path
) -> None:
    altered = tmp_path / "models"
    shutil.copytree(ROOT / "models_ir", altered)
    weights = altered / "face-detection-yunet/face-detection-yunet.bin"
    built = json.loads((weights.parent / "built.json").read_text())["sha256"][weights.name]
    weights.write_bytes(weights.read_bytes()[:-1])
    code, said = kiosk(
        "models", "verify", "--config", str(config), f"--set=vision.models_dir={altered}"
    )
    assert code == 1
    assert str(weights) in said
    assert said.count(built) == 1
    assert len([word for word in said.replace(",", " ").split() if len(word) == 64]) == 2


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("{id: a, kind: image, file: gone.svg, duration_s: 4}", "gone.svg: there is no such file"),
        ("{id: a, kind: image, file: a.svg, duration_s: 4, wait: 1}", "wait: unknown key"),
        (
            "{id: a, kind: image, file: a.svg, duration_s: 4, targeting: {age: [13-17]}}",
            "nobody under 18 may be targeted",
        ),
    ],
    ids=["missing-medium", "unknown-key", "minors"],
)
def test_a_bad_campaign_is_refused_with_file_and_line(
    tmp_path: Path, entry: str, sentence: str
) -> None:
    campaign = tmp_path / "campaign.yaml"
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    campaign.write_text(f"version: 1\nname: x\ncreatives:\n  - {entry}\n", encoding="utf-8")
    code, said = kiosk("campaign", "check", str(campaign))
    assert code == 2
    assert f"{campaign}:4: creatives[0]" in said
    assert sentence in said
    assert len(said.splitlines()) <= 2


def test_a_taken_port_is_named(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        campaign = ROOT / "kiosk/demo/campaign/campaign.yaml"
        if not CLIP.is_file():
            pytest.skip("the demo's film is not here: `kiosk demo --prepare` makes it")
        code, said = kiosk(
            "director",
            *("--config", str(config)),
            f"--set=player.port={port}",
            f"--set=ads.campaign={campaign}",
        )
    assert code == 2
    assert f"127.0.0.1:{port}: the screen's page cannot be served there" in said


def test_a_processor_that_is_not_here_is_named_with_those_that_are(config: Path) -> None:
    if not CLIP.is_file():
        pytest.skip("the sample clip is not here: `kiosk demo --prepare` fetches it")
    code, said = kiosk(
        "vision",
        "--print",
        *("--source", str(CLIP), "--config", str(config)),
        "--set=vision.inference.device=MYRIAD",
        "--set=vision.inference.fallback=[]",
    )
    assert code == 1
    assert "MYRIAD: no such device here" in said
    assert "OpenVINO sees CPU" in said


def test_the_doctor_says_what_is_missing_and_fails(config: Path) -> None:
    done = run("doctor", "--json", "--config", str(config), "--set=vision.source=/dev/video99")
    report = json.loads(done.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert done.returncode == 1
    assert not report["ok"]
    assert checks["camera"]["state"] == "fail"
    assert checks["camera"]["hint"]
    assert checks["broker"]["state"] == "warn"
    assert checks.keys() >= {
        *("models", "accelerator", "campaign", "state", "clock", "noise", "hours", "screen page"),
        *("disk", "network"),
    }


def test_the_doctor_names_a_damaged_state_file_and_leaves_it_as_it_is(
    tmp_path: Path, config: Path
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    state = folder / "state.db"
    state.write_bytes(b"this is no database" * 500)
    done = run("doctor", "--json", "--config", str(config), f"--set=state.path={state}")
    (found,) = [one for one in json.loads(done.stdout)["checks"] if one["name"] == "state"]
    assert (found["state"], found["message"]) == ("fail", f"{state}: damaged")
    assert [path.name for path in folder.iterdir()] == ["state.db"]
    assert state.read_bytes() == b"this is no database" * 500


def test_the_doctor_says_what_a_policy_silences_and_that_nobody_is_counted(config: Path) -> None:
    campaign = Path(__file__).parents[2] / "kiosk/demo/campaign/campaign.yaml"
    policy = (
        "--set=privacy.policy=count-only",
        "--set=privacy.noise=off",
        f"--set=ads.campaign={campaign}",
    )
    off = '--set=vision.off_hours=[{begin: "00:00", end: "12:00"}, {begin: "12:00", end: "23:59"}]'
    done = run("doctor", "--json", "--config", str(config), *policy, off)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert "never play under policy count-only" in checks["campaign"]["message"]
    assert checks["noise"]["state"] == "warn"
    assert "camera is closed" in checks["hours"]["message"]
