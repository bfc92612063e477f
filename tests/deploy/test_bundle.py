"""What a release is made of: lists, manifest, hashed pins, models, signature, parts list."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import kiosk
from deploy.bundle import contents, systemd_wheel
from kiosk.ads import load_campaign
from kiosk.errors import KioskError

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "deploy/bundle"
LISTS = sorted(BUNDLE.glob("debian-*.txt"))
SCRIPTS = sorted(BUNDLE.glob("*.sh"))
DEPLOY_PYTHON = ROOT / ".venv-deploy/bin/python"


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_a_list_of_debian_packages_says_why_each_is_there(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    packages = [line for line in lines if not line.startswith("#")]
    assert packages
    assert [
        line for line in packages if not re.match(r"[a-z0-9][a-z0-9.+-]+(:amd64)? +# \w", line)
    ] == []


def test_no_package_is_listed_twice_for_one_machine() -> None:
    base = {line.split()[0] for line in packages_of("base")}
    for role in ("device", "broker", "central", "choice"):
        assert base & {line.split()[0] for line in packages_of(role)} == set()


def packages_of(role: str) -> list[str]:
    lines = (BUNDLE / f"debian-{role}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_of_the_bundle_is_sound_bash(path: Path) -> None:
    done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def a_tree(folder: Path, project: str, module: str) -> Path:
    (folder / "kiosk").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "kiosk"\nversion = "{project}"\n')
    (folder / "kiosk/__init__.py").write_text(f'"""kiosk."""\n\n__version__ = "{module}"\n')
    return folder


def test_the_version_is_what_the_project_and_its_module_say() -> None:
    assert contents.version(ROOT) == kiosk.__version__


def test_two_versions_in_one_tree_are_refused(tmp_path: Path) -> None:
    with pytest.raises(contents.BundleError, match=r"says version 1\.2\.3.*says 1\.2\.4"):
        contents.version(a_tree(tmp_path, "1.2.3", "1.2.4"))


def test_a_copy_of_the_tree_can_be_another_version(tmp_path: Path) -> None:
    tree = a_tree(tmp_path, "1.2.3", "1.2.3")
    assert contents.stamp(tree, "1.3.0") == "1.3.0"
    assert contents.version(tree) == "1.3.0"
    with pytest.raises(contents.BundleError, match="not a version"):
        contents.stamp(tree, "next week")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in ("kiosk-1.2.3-py3-none-any", "typing_extensions-4.16.0-py3-none-any"):
        (folder / f"{name}.whl").write_bytes(name.encode())
    return folder


def test_requirements_pin_each_wheel_by_its_own_hash(tmp_path: Path, wheels: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("typing-extensions==4.16.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n")
    lines = contents.requirements(lock, wheels).splitlines()[1:]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(wheels.iterdir())]
    assert lines == [
        f"kiosk==1.2.3 --hash=sha256:{hashes[0]}",
        f"typing-extensions==4.16.0 --hash=sha256:{hashes[1]}",
    ]


def test_a_pin_without_a_wheel_is_told(tmp_path: Path, wheels: Path) -> None:
    lock = tmp_path / "device.txt"
    lock.write_text('typing-extensions==4.15.0 \\\n    --hash=sha256:aa\nsegno==1 ; x == "y" \\\n')
    with pytest.raises(contents.BundleError, match=r"typing-extensions==4\.15\.0, segno==1, which"):
        contents.requirements(lock, wheels)


@pytest.mark.parametrize(
    ("arch", "parts"), [("x86_64", ["device", "central"]), ("aarch64", ["device"])]
)
def test_the_manifest_says_what_a_device_checks_first(arch: str, parts: list[str]) -> None:
    said = json.loads(contents.manifest("1.2.3", arch, ["default"], 0))
    assert said == {
        "format": 1,
        "version": "1.2.3",
        "arch": arch,
        "python": "3.11",
        "debian": "12",
        "created": "1970-01-01T00:00:00+00:00",
        "models": ["default"],
        "parts": parts,
    }


needs_models = pytest.mark.skipif(
    not (ROOT / "models_ir/faceres/built.json").is_file(), reason="the models are not built"
)


@needs_models
def test_models_of_the_bundle_go_along_and_no_others(tmp_path: Path) -> None:
    names = contents.models(ROOT / "models_ir", "default", tmp_path / "models")
    there = {path.name for path in (tmp_path / "models").iterdir()}
    assert there == {*names, "bundles"}
    assert "face-detection-retail-0004" not in there
    for name in names:
        assert {"card.yaml", "built.json", f"{name}.xml"} <= {
            path.name for path in (tmp_path / "models" / name).iterdir()
        }


@needs_models
def test_an_altered_model_is_not_bundled(tmp_path: Path) -> None:
    source = tmp_path / "models_ir"
    shutil.copytree(ROOT / "models_ir", source)
    weights = source / "faceres/faceres.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(KioskError, match=r"faceres\.bin: altered"):
        contents.models(source, "default", tmp_path / "goal")


def a_debian_package(folder: Path, arch: str) -> Path:
    modules = folder / "usr/lib/python3/dist-packages"
    (modules / "systemd").mkdir(parents=True)
    (modules / "systemd/daemon.py").write_text("")
    (modules / f"systemd/_daemon.cpython-311-{arch}-linux-gnu.so").write_bytes(b"")
    (modules / "systemd_python-235.egg-info").mkdir()
    (modules / "systemd_python-235.egg-info/PKG-INFO").write_text(
        "Metadata-Version: 1.2\nName: systemd-python\nVersion: 235\n"
    )
    doc = folder / "usr/share/doc/python3-systemd"
    doc.mkdir(parents=True)
    (doc / "copyright").write_text("LGPL-2.1+")
    return folder


def test_debians_systemd_module_is_laid_out_as_a_wheel(tmp_path: Path) -> None:
    package = a_debian_package(tmp_path / "deb", "aarch64")
    made = systemd_wheel.lay_out(package, tmp_path / "wheel", "aarch64")
    info = made / "systemd_python-235.dist-info"
    assert made.name == "systemd_python-235"
    assert "Tag: cp311-cp311-linux_aarch64\n" in (info / "WHEEL").read_text()
    assert (info / "licenses/copyright").is_file()
    with pytest.raises(ValueError, match=r"no library for Python 3\.11 on x86_64"):
        systemd_wheel.lay_out(package, tmp_path / "other", "x86_64")


def bash(script: str, key: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f". deploy/bundle/common.sh\n{script}"],
        cwd=ROOT,
        env={**os.environ, "KIOSK_RELEASE_KEY": str(key), "SOURCE_DATE_EPOCH": "1000000000"},
        capture_output=True,
        text=True,
        check=False,
    )


def verified(folder: Path, public: Path) -> bool:
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    done = subprocess.run(
        [*verify, "-sigfile", "SHA256SUMS.sig", "-in", "SHA256SUMS"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def test_a_sealed_folder_is_verified_by_the_public_key_alone(tmp_path: Path) -> None:
    folder, key = tmp_path / "kiosk-1", tmp_path / "keys/release.key"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/a file").write_text("as it is")
    (folder / "manifest.json").write_text("{}")
    done = bash(f"make_release_key\nseal {folder}\nseal {folder}", key)
    assert done.returncode == 0, done.stderr
    assert key.stat().st_mode & 0o777 == 0o600
    public = key.with_suffix(".pub")
    assert verified(folder, public)
    sums = (folder / "SHA256SUMS").read_text()
    named = [line.split("  ", 1)[1] for line in sums.splitlines()]
    assert named == ["deep/a file", "manifest.json"]

    (folder / "SHA256SUMS").write_text(sums.replace("deep", "Deep"))
    assert not verified(folder, public)


def test_the_key_is_made_once(tmp_path: Path) -> None:
    key = tmp_path / "release.key"
    assert bash("make_release_key", key).returncode == 0
    first = key.read_bytes()
    assert bash("make_release_key", key).returncode == 0
    assert key.read_bytes() == first
    key.write_text("not a key")
    told = bash("make_release_key", key)
    assert told.returncode == 1
    assert f"bundle: {key} is not a key" in told.stderr


def test_the_same_content_makes_the_same_file(tmp_path: Path) -> None:
    sums = []
    for day in ("one", "two"):
        folder = tmp_path / day / "kiosk-1"
        folder.mkdir(parents=True)
        (folder / "b").write_text("b")
        (folder / "a").write_text("a")
        (folder / "a").chmod(0o600 if day == "one" else 0o644)
        done = bash(f"pack {folder} {tmp_path / day}.tar", tmp_path / "no.key")
        assert done.returncode == 0, done.stderr
        sums.append(hashlib.sha256((tmp_path / f"{day}.tar").read_bytes()).hexdigest())
    assert sums[0] == sums[1]
    with tarfile.open(tmp_path / "one.tar") as tar:
        assert [each.name for each in tar] == ["kiosk-1", "kiosk-1/a", "kiosk-1/b"]
        assert {(each.uid, each.mode & 0o022) for each in tar} == {(0, 0)}


def test_the_house_campaign_plays_for_everyone_and_fetches_nothing() -> None:
    campaign = load_campaign(BUNDLE / "campaign/campaign.yaml")
    assert len(campaign.rotation) == len(campaign.creatives) >= 2
    for creative in campaign.creatives:
        text = creative.path.read_text(encoding="utf-8")
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\"]*", text) == []


def test_the_lock_for_the_stick_is_hashed_and_without_kiosk() -> None:
    pins = contents.pins(BUNDLE / "lts.txt")
    text = (BUNDLE / "lts.txt").read_text(encoding="utf-8")
    assert pins["openvino"].startswith("2022.3.")
    assert text.count("--hash=sha256:") >= len(pins)
    assert not {"kiosk", "openvino-telemetry"} & set(pins)


@needs_models
@pytest.mark.skipif(not DEPLOY_PYTHON.is_file(), reason=".venv-deploy is not there: make bundle")
def test_the_parts_list_names_wheels_models_and_web_libraries(tmp_path: Path) -> None:
    folder = tmp_path / "kiosk-1.2.3-x86_64"
    contents.models(ROOT / "models_ir", "default", folder / "models_ir")
    (folder / "manifest.json").write_text(contents.manifest("1.2.3", "x86_64", ["default"], 0))
    (folder / "wheels").mkdir()
    tree = tmp_path / "wheel"
    (tree / "segno-1.6.6.dist-info").mkdir(parents=True)
    (tree / "segno-1.6.6.dist-info/METADATA").write_text(
        "Metadata-Version: 2.4\nName: segno\nVersion: 1.6.6\nLicense-Expression: BSD-3-Clause\n"
    )
    made = shutil.make_archive(str(tmp_path / "segno"), "zip", tree)
    wheel = Path(made).rename(folder / "wheels/segno-1.6.6-py3-none-any.whl")

    output = folder / "sbom.cdx.json"
    command = [str(DEPLOY_PYTHON), str(BUNDLE / "sbom.py"), "release", str(folder)]
    command += ["--web-assets", str(ROOT / "deploy/web-assets.txt"), "--epoch", "0"]
    done = subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = {part["name"]: part for part in json.loads(output.read_text())["components"]}
    assert said["segno"]["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}
    ]
    assert said["segno"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    model = said["faceres"]
    assert model["type"] == "machine-learning-model"
    card = (ROOT / "models_ir/faceres/card.yaml").read_text()
    assert f"licence: {model['licenses'][0]['license']['id']}\n" in card
    weights = next(one for one in model["components"] if one["name"] == "faceres.bin")
    expected = hashlib.sha256((ROOT / "models_ir/faceres/faceres.bin").read_bytes()).hexdigest()
    assert weights["hashes"][0]["content"] == expected
    assert said["d3"]["purl"].startswith("pkg:npm/d3@")
