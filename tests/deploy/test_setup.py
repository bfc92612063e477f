"""What is installed where: locks, Debian packages, and the scripts that install them."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SCRIPTS = [ROOT / "deploy/setup.sh", ROOT / ".ci/run"]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return {name.lower(): version for name, version in PIN.findall(text)}


@pytest.mark.parametrize(
    "package",
    ["ai-edge-litert", "av", "hypothesis", "mypy", "onnxruntime", "playwright", "pytest", "ruff"],
)
def test_a_device_carries_no_converter_and_no_test_tool(package: str) -> None:
    assert package not in pins("device")


@pytest.mark.parametrize("lock", [path.stem for path in LOCKS])
def test_nothing_reports_to_its_maker(lock: str) -> None:
    # OpenVINO sends usage events by default wherever this package can be imported.
    assert "openvino-telemetry" not in pins(lock)
    assert "--no-deps" in (ROOT / "deploy/setup.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", [path.stem for path in LOCKS])
def test_nothing_brings_torch_or_a_second_opencv(lock: str) -> None:
    opencvs = {name for name in pins(lock) if name.startswith("opencv")}
    assert opencvs <= {"opencv-python"}
    assert not {"torch", "tensorflow"} & set(pins(lock))


@pytest.mark.parametrize("lock", [path.stem for path in LOCKS])
def test_every_lock_agrees_with_the_tests_on_each_version(lock: str) -> None:
    tested = pins("dev")
    # What rolls a release out has packages of its own; those that both have are the same.
    locked = {name: pin for name, pin in pins(lock).items() if lock != "deploy" or name in tested}
    assert {name: tested.get(name) for name in locked} == locked


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash_and_no_lock_names_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    entries = re.split(r"^(?=[A-Za-z0-9_.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|file:/|--index|--find-links|--trusted", text)


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("device", ["device"]),
        ("central", ["central"]),
        ("models", ["device", "models"]),
        ("dev", ["device", "central", "models", "dev"]),
    ],
)
def test_the_lock_holds_all_that_the_project_asks_for(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = list(project["dependencies"])
    for extra in extras:
        asked += project["optional-dependencies"][extra]
    names = {re.split(r"[<>=;\[ ~!]", line, maxsplit=1)[0].lower() for line in asked}
    assert names - set(pins(lock)) == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_bash_reads_the_script(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)
    assert path.stat().st_mode & 0o111, f"{path.name} cannot be executed"


@pytest.mark.parametrize("name", ["debian-packages.txt", "debian-packages-dev.txt"])
def test_every_debian_package_says_why(name: str) -> None:
    lines = (ROOT / "deploy" / name).read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    assert [
        line for line in packages if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+ +# \S.*", line)
    ] == []


def test_an_unknown_part_is_refused_with_the_ones_there_are() -> None:
    done = subprocess.run(
        [str(ROOT / "deploy/setup.sh"), "everything"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        'setup: "everything" is not something to set up; say all, demo, tools or bundle\n'
    )
