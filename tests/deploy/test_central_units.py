"""Head office's units do what is claimed of them, line by line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = DEPLOY / "systemd"
EXECUTABLE = "/opt/kiosk/current/.venv/bin/kiosk"
SERVICES = ("kiosk-central-ingest@", "kiosk-central-web")
EXPOSURE_MAX = 2.5

EVERYWHERE = [
    ("Type", "notify"),
    ("User", "kiosk-central"),
    ("Restart", "always"),
    ("StartLimitIntervalSec", "0"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateIPC", "yes"),
    ("LimitCORE", "0"),
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", ""),
    ("ProtectProc", "invisible"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("SystemCallArchitectures", "native"),
    ("PartOf", "kiosk-central.target"),
    ("WantedBy", "kiosk-central.target"),
]

CLAIMS = [
    *((service, key, value) for service in SERVICES for key, value in EVERYWHERE),
    (
        "kiosk-central-ingest@",
        "ExecStart",
        f"{EXECUTABLE} central ingest --config /etc/kiosk/central.yaml"
        " --set central.ingest.slot=%i --set broker.tls.key_file=%d/broker-key",
    ),
    ("kiosk-central-ingest@", "LoadCredential", "broker-key:/etc/kiosk/secrets/central-client.key"),
    ("kiosk-central-ingest@", "SocketBindDeny", "any"),
    ("kiosk-central-ingest@", "ReadWritePaths", "/var/lib/kiosk-central"),
    (
        "kiosk-central-web",
        "ExecStart",
        f"{EXECUTABLE} central web --config /etc/kiosk/central.yaml"
        " --set central.web.key_file=%d/web-key",
    ),
    ("kiosk-central-web", "LoadCredential", "web-key:/etc/kiosk/secrets/web.key"),
    # Who reaches the pages reaches neither authority nor signing key.
    ("kiosk-central-web", "ReadWritePaths", "-/var/lib/kiosk-central/database"),
    (
        "kiosk-central-web",
        "InaccessiblePaths",
        "-/var/lib/kiosk-central/authority | -/var/lib/kiosk-central/keys/signing.key | -/run/dbus"
        " | -/var/lib/kiosk -/var/lib/kiosk-desired -/var/lib/kiosk-uplink",
    ),
    # Root's only program here: it reads the list, and writes it to the broker.
    ("kiosk-central-revoked", "CapabilityBoundingSet", "CAP_DAC_READ_SEARCH CAP_CHOWN"),
    ("kiosk-central-revoked", "PrivateNetwork", "yes"),
    ("kiosk-central-revoked", "ReadWritePaths", "-/etc/mosquitto/certs"),
]


def directives(path: Path) -> dict[str, list[str]]:
    """Every directive's values in order; systemd lets a key stand several times."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is here, and Debian's broker with our drop-in."""
    for path in [*UNITS.glob("kiosk-central*"), Path("/lib/systemd/system/mosquitto.service")]:
        if path.exists():
            text = path.read_text(encoding="utf-8").replace(EXECUTABLE, "/bin/true")
            (tmp_path / path.name).write_text(text, encoding="utf-8")
    worker = (tmp_path / "kiosk-central-ingest@.service").read_text()
    (tmp_path / "kiosk-central-ingest@1.service").write_text(worker)
    (tmp_path / "mosquitto.service.d").mkdir()
    ours = (DEPLOY / "mosquitto/service.conf").read_text(encoding="utf-8")
    (tmp_path / "mosquitto.service.d/kiosk.conf").write_text(ours)
    return tmp_path


def analyze(units: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:", "SYSTEMD_COLORS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("unit", "key", "value"), CLAIMS, ids=[f"{a}-{b}" for a, b, _ in CLAIMS])
def test_a_unit_is_as_claimed(unit: str, key: str, value: str) -> None:
    assert " | ".join(directives(UNITS / f"{unit}.service").get(key, ["missing"])) == value


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_limits_and_a_watchdog(service: str) -> None:
    found = directives(UNITS / f"{service}.service")
    assert {"MemoryMax", "TasksMax", "WatchdogSec"} <= set(found)
    assert float(found["WatchdogSec"][0]) > 0


def test_the_target_takes_pages_and_the_first_worker_along() -> None:
    wanted = directives(UNITS / "kiosk-central.target")["Wants"][0].split()
    assert wanted == ["kiosk-central-ingest@1.service", "kiosk-central-web.service"]


def test_the_list_of_revoked_certificates_is_watched_where_head_office_writes_it() -> None:
    watched = directives(UNITS / "kiosk-central-revoked.path")["PathChanged"]
    assert watched == ["/var/lib/kiosk-central/authority/revoked.crl"]
    assert watched[0] in directives(UNITS / "kiosk-central-revoked.service")["ExecStart"][0]


@pytest.mark.parametrize(
    "unit",
    ["kiosk-central-ingest@1", "kiosk-central-web", "kiosk-central-revoked", "mosquitto"],
)
def test_exposure_is_small(units: Path, unit: str) -> None:
    if not (units / f"{unit}.service").exists():
        pytest.skip("mosquitto is not installed: `make setup` installs it")
    done = analyze(units, "security", "--offline=true", "--no-pager", f"{unit}.service")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE_MAX


def test_systemd_accepts_the_units(units: Path) -> None:
    names = [path.name for path in UNITS.glob("kiosk-central*") if "@" not in path.name]
    names.append("kiosk-central-ingest@1.service")
    done = analyze(units, "verify", "--man=no", *(str(units / name) for name in names))
    complaints = [line for line in done.stderr.splitlines() if "kiosk" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


def test_every_directive_of_the_broker_and_of_timers_says_why() -> None:
    for path in [DEPLOY / "mosquitto/service.conf", *UNITS.glob("kiosk-central*.timer")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        silent = [
            line
            for before, line in zip(["", *lines], lines, strict=False)
            if line and not line.startswith(("#", "[", "Description=")) and before[:2] != "# "
        ]
        assert silent == []


def test_the_account_is_made_and_owns_its_folders() -> None:
    accounts = (DEPLOY / "sysusers.d/kiosk-central.conf").read_text(encoding="utf-8")
    assert "\nu kiosk-central - " in accounts
    for line in (DEPLOY / "tmpfiles.d/kiosk-central.conf").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, _, _, user, group, _ = line.split()
            # A release brings these lines to devices too, where nothing of it may be made.
            assert (kind, user, group) == ("z", "kiosk-central", "kiosk-central")
