"""The bundle on a blank Debian 12 whose network is cut: all installs from it alone, and works.

The bundle is built from this tree first; what it and the blank root need from outside is cached
outside the repository.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
CACHE = Path(os.environ.get("KIOSK_BUNDLE_CACHE", "/var/tmp/kiosk-bundle"))
ROLES = ["base", "device", "broker", "central", "choice"]
WITHIN_S = 900.0

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(os.geteuid() != 0, reason="a Debian root needs root to be built"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
    pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="x86_64"),
    pytest.mark.skipif(
        not (REPO / ".venv-deploy").is_dir(), reason=".venv-deploy is not there: make bundle"
    ),
]

Inside = Callable[[str], str]
"""Runs a script in the root, without network, and gives what it printed."""


def run(command: list[str], **more: object) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
        **more,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    return str(done.stdout)


def blank_root() -> Path:
    root = CACHE / "roots/bookworm-minbase"
    if not root.is_dir():
        partial = root.with_name(f"{root.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        mirror = run(
            ["bash", "-c", ". deploy/bundle/common.sh; . deploy/bundle/apt.sh; debian_mirror"],
            cwd=REPO,
        ).strip()
        run(["debootstrap", "--variant=minbase", "bookworm", str(partial), mirror])
        partial.rename(root)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A blank Debian 12 with the unpacked bundle in /bundle, and nothing installed yet."""
    dist = tmp_path_factory.mktemp("dist")
    run(
        ["deploy/bundle/bundle.sh"],
        cwd=REPO,
        env={**os.environ, "ARCHES": "x86_64", "DIST": str(dist)},
    )
    # On the disk of the cache: /tmp may be small.
    here = CACHE / f"offline-{os.getpid()}"
    try:
        run(["cp", "-a", str(blank_root()), str(here)])
        (here / "bundle").mkdir()
        for tar in sorted(dist.glob("kiosk-*.tar")):
            with tarfile.open(tar) as archive:
                archive.extractall(here / "bundle", filter="data")
        for source in (here / "etc/apt").glob("sources.list*"):
            shutil.rmtree(source) if source.is_dir() else source.unlink()
        (here / "etc/apt/sources.list").write_text(
            "deb [trusted=yes] file:/bundle/kiosk-debian12-x86_64 ./\n"
        )
        # Packages of services start none in a folder.
        (here / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (here / "usr/sbin/policy-rc.d").chmod(0o755)
        yield here
    finally:
        shutil.rmtree(here, ignore_errors=True)


@pytest.fixture(scope="module")
def inside(root: Path) -> Inside:
    def run_inside(script: str) -> str:
        mounts = "; ".join(
            f"mount --rbind /{name} {root}/{name}" for name in ("proc", "sys", "dev")
        )
        # The namespaces go with the process: nothing stays mounted, and there is no network.
        outer = f'{mounts}; exec chroot {root} bash -euo pipefail -c "$1"'
        return run(
            [
                *("unshare", "--net", "--mount", "--propagation", "private"),
                *("bash", "-euc", outer, "inside", script),
            ],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
            | {"LC_ALL": "C.UTF-8", "HOME": "/root"},
        )

    return run_inside


@pytest.fixture(scope="module")
def packages(inside: Inside) -> list[str]:
    """Every package of the lists, installed."""
    wanted = []
    for role in ROLES:
        lines = (REPO / f"deploy/bundle/debian-{role}.txt").read_text(encoding="utf-8")
        names = [line.split()[0] for line in lines.splitlines() if line and line[0] != "#"]
        wanted += [name.removesuffix(":amd64") for name in names]
    inside(
        "apt-get update\n"
        f"apt-get install -y --no-install-recommends {' '.join(wanted)} >/dev/null 2>/tmp/apt.err"
        " || { tail -n 20 /tmp/apt.err >&2; exit 1; }"
    )
    return wanted


@pytest.fixture(scope="module")
def venv(packages: list[str], inside: Inside, root: Path) -> Path:
    """The release's wheels in a fresh environment, device's and head office's, and its models."""
    release = next((root / "bundle").glob("kiosk-[0-9]*"))
    where = f"/bundle/{release.name}"
    inside(
        f"cd {where}\npython3 -m venv /opt/venv\n"
        "for part in device central; do /opt/venv/bin/pip install -q --no-index --no-deps "
        "--require-hashes --find-links wheels -r requirements-$part.txt; done"
    )
    return Path(where)


def test_every_debian_package_installs_from_the_repository_alone(
    packages: list[str], inside: Inside
) -> None:
    listed = inside("dpkg-query -W -f '${db:Status-Status} ${Package}\\n'").splitlines()
    assert [name for name in packages if f"installed {name}" not in listed] == []
    assert inside("dpkg --audit; ls /bundle/kiosk-debian12-x86_64/Packages.gz").count("\n") == 1


def test_the_root_reaches_no_network(inside: Inside) -> None:
    assert inside("cat /proc/net/route").splitlines()[1:] == []


def test_kiosk_runs_from_its_wheel(venv: Path, inside: Inside) -> None:
    version = json.loads(inside(f"cat {venv}/manifest.json"))["version"]
    assert inside("/opt/venv/bin/kiosk --version").strip() == f"kiosk, version {version}"
    assert inside("/opt/venv/bin/python -c 'import systemd.daemon, systemd.journal'") == ""


def test_the_doctor_finds_models_accelerator_and_the_house_campaign(
    venv: Path, inside: Inside
) -> None:
    said = json.loads(
        inside(
            f"/opt/venv/bin/kiosk doctor --json --config {venv}/share/config.yaml"
            f" --set vision.models_dir={venv}/models_ir"
            f" --set ads.campaign={venv}/share/campaign/campaign.yaml || true"
        )
    )
    found = {one["name"]: one for one in said["checks"]}
    assert found["models"]["state"] == "ok", found["models"]
    assert found["accelerator"]["state"] == "ok", found["accelerator"]
    assert found["campaign"]["state"] == "ok", found["campaign"]
    # The noise is drawn by a child with a large library of its own.
    assert found["noise"]["state"] == "ok", found["noise"]


SERVE = """
import subprocess, sys, time, urllib.request
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
port, paths, command = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
service = subprocess.Popen(command, cwd="/tmp", stderr=subprocess.PIPE, text=True)
for path in paths:
    for attempt in range(150):
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10)
            print(path, answer.status, len(answer.read()))
            break
        except urllib.error.HTTPError as bad:
            print(path, bad.code, 0)
            break
        except OSError as bad:
            time.sleep(0.2)
    else:
        print(path, "no answer", service.poll())
service.terminate()
service.wait(20)
"""


def served(inside: Inside, root: Path, port: int, paths: list[str], command: str) -> dict[str, str]:
    (root / "tmp/serve.py").write_text(SERVE)
    told = inside(f"/usr/bin/python3 /tmp/serve.py {port} {','.join(paths)} {command}")
    return {line.split()[0]: " ".join(line.split()[1:]) for line in told.splitlines()}


def test_the_director_serves_the_screen_from_the_wheel(
    venv: Path, inside: Inside, root: Path
) -> None:
    paths = ["/screen", "/static/screen.js", "/static/screen.css", "/"]
    command = (
        f"/opt/venv/bin/kiosk director --config {venv}/share/config.yaml --set player.port=8765"
        f" --set ads.campaign={venv}/share/campaign/campaign.yaml"
    )
    told = served(inside, root, 8765, paths[:3], command)
    assert {path: what.split()[0] for path, what in told.items()} == dict.fromkeys(paths[:3], "200")


def test_head_office_serves_its_pages_and_charts_from_the_wheel(
    venv: Path, inside: Inside, root: Path
) -> None:
    paths = ["/sign-in", "/static/office.css", "/static/vendor/d3.min.js"]
    command = (
        f"/opt/venv/bin/kiosk central web --config {venv}/share/config.yaml"
        " --set central.web.port=8080 --set central.database=/tmp/central.db"
    )
    told = served(inside, root, 8080, [*paths, "/static/vendor/plot.umd.min.js"], command)
    assert {what.split()[0] for what in told.values()} == {"200"}, told
