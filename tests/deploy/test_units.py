"""The units do what is claimed of them: who may reach what is asserted line by line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = DEPLOY / "systemd"
SERVICES = ("kiosk-vision", "kiosk-director", "kiosk-uplink")
SCREEN = "kiosk-screen"
ALL = (*SERVICES, SCREEN)
EXECUTABLE = "/opt/kiosk/current/.venv/bin/kiosk"

EVERYWHERE = [
    ("Type", "notify"),
    ("Restart", "always"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateIPC", "yes"),
    ("LimitCORE", "0"),
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", ""),
    ("ProtectProc", "invisible"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHostname", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallErrorNumber", "EPERM"),
]

CALLS = "@system-service | ~@privileged | ~@aio @keyring"

ISOLATION = [
    *((service, key, value) for service in ALL for key, value in EVERYWHERE),
    *((service, "RestrictNamespaces", "yes") for service in SERVICES),
    # Nobody sets the clock; the director and uplink may ask whether anybody has.
    ("kiosk-vision", "ProtectClock", "yes"),
    ("kiosk-director", "ProtectClock", "no"),
    ("kiosk-uplink", "ProtectClock", "no"),
    ("kiosk-vision", "SystemCallFilter", CALLS),
    (
        "kiosk-director",
        "SystemCallFilter",
        CALLS.replace("~@privileged", "~@privileged | adjtimex clock_adjtime"),
    ),
    (
        "kiosk-uplink",
        "SystemCallFilter",
        CALLS.replace(
            "~@privileged", "~@privileged | adjtimex clock_adjtime | ~listen accept accept4"
        ),
    ),
    ("kiosk-vision", "LimitMEMLOCK", "infinity"),
    # Vision: no network, no file, no swap, no dump.
    ("kiosk-vision", "User", "kiosk-vision"),
    ("kiosk-vision", "PrivateNetwork", "yes"),
    ("kiosk-vision", "IPAddressDeny", "any"),
    ("kiosk-vision", "IPAddressAllow", None),
    ("kiosk-vision", "RestrictAddressFamilies", "AF_UNIX"),
    ("kiosk-vision", "SocketBindDeny", "any"),
    ("kiosk-vision", "ReadWritePaths", None),
    ("kiosk-vision", "BindPaths", None),
    ("kiosk-vision", "PrivateTmp", None),
    ("kiosk-vision", "StateDirectory", None),
    ("kiosk-vision", "CacheDirectory", None),
    ("kiosk-vision", "LogsDirectory", None),
    ("kiosk-vision", "RuntimeDirectory", None),
    (
        "kiosk-vision",
        "TemporaryFileSystem",
        "/run:ro | /var:ro | /tmp:size=16k,nr_inodes=4,mode=1777,noexec",
    ),
    (
        "kiosk-vision",
        "BindReadOnlyPaths",
        "/run/systemd/notify | /run/systemd/journal | /run/kiosk | -/var/lib/kiosk-desired/config",
    ),
    ("kiosk-vision", "InaccessiblePaths", "-/dev/shm -/dev/mqueue -/dev/hugepages"),
    ("kiosk-vision", "MemorySwapMax", "0"),
    ("kiosk-vision", "CoredumpFilter", "0"),
    ("kiosk-vision", "DevicePolicy", "closed"),
    ("kiosk-vision", "DeviceAllow", "char-video4linux rw | char-drm rw | char-accel rw"),
    # Director: loopback, its socket, its state; no pixel.
    ("kiosk-director", "User", "kiosk-director"),
    ("kiosk-director", "IPAddressDeny", "any"),
    ("kiosk-director", "IPAddressAllow", "localhost"),
    ("kiosk-director", "RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
    ("kiosk-director", "PrivateDevices", "yes"),
    ("kiosk-director", "DeviceAllow", None),
    ("kiosk-director", "ReadWritePaths", "/var/lib/kiosk | /run/kiosk"),
    ("kiosk-director", "TemporaryFileSystem", "/run:ro | /var:ro"),
    ("kiosk-director", "BindPaths", "/run/kiosk | /var/lib/kiosk"),
    (
        "kiosk-director",
        "BindReadOnlyPaths",
        "/run/systemd/notify | /run/systemd/journal | -/var/lib/kiosk-desired"
        " | -/run/systemd/timesync",
    ),
    ("kiosk-director", "After", "systemd-timesyncd.service"),
    ("kiosk-director", "PrivateTmp", "yes"),
    ("kiosk-director", "MemoryDenyWriteExecute", "yes"),
    # Uplink: a network, the state; neither camera nor audience.
    ("kiosk-uplink", "User", "kiosk-uplink"),
    ("kiosk-uplink", "RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
    ("kiosk-uplink", "IPAddressDeny", "127.0.0.1/32 ::1/128"),
    ("kiosk-uplink", "IPAddressAllow", None),
    ("kiosk-uplink", "SocketBindDeny", "any"),
    ("kiosk-uplink", "PrivateDevices", "yes"),
    ("kiosk-uplink", "DeviceAllow", None),
    (
        "kiosk-uplink",
        "ReadWritePaths",
        "/var/lib/kiosk | -/var/lib/kiosk-desired | -/var/lib/kiosk-uplink",
    ),
    ("kiosk-uplink", "InaccessiblePaths", "-/run/kiosk | -/run/dbus"),
    ("kiosk-uplink", "PrivateTmp", "yes"),
    ("kiosk-uplink", "MemoryDenyWriteExecute", "yes"),
    # Screen: the page on loopback, the display; no camera, no input, no disk. The browser's sandbox
    # is of namespaces, and mounts are not among them.
    (SCREEN, "User", "kiosk-screen"),
    (SCREEN, "RestrictNamespaces", "user pid net"),
    (SCREEN, "ProtectClock", "yes"),
    (
        SCREEN,
        "SystemCallFilter",
        "@system-service | ~@privileged | chroot capset seccomp | ~@aio @keyring",
    ),
    (SCREEN, "IPAddressDeny", "any"),
    (SCREEN, "IPAddressAllow", "localhost"),
    (SCREEN, "SocketBindDeny", "any"),
    (SCREEN, "RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
    (SCREEN, "DevicePolicy", "closed"),
    (SCREEN, "DeviceAllow", "char-drm rw"),
    (SCREEN, "ReadWritePaths", None),
    (SCREEN, "RuntimeDirectoryMode", "0700"),
    (SCREEN, "BindPaths", "/run/kiosk-screen"),
    (
        SCREEN,
        "TemporaryFileSystem",
        "/run:ro | /var:ro | /tmp:size=384M,mode=1777,nosuid,nodev,noexec"
        " | /dev/shm:size=128M,mode=1777,nosuid,nodev,noexec",
    ),
    (
        SCREEN,
        "BindReadOnlyPaths",
        "/run/systemd/notify | /run/systemd/journal | -/run/seatd.sock | -/run/udev"
        " | -/var/cache/fontconfig",
    ),
    (SCREEN, "KillMode", "mixed"),
    (SCREEN, "OOMPolicy", "stop"),
]

RESTART = [
    ("ExecStart", "/usr/bin/systemctl --no-block try-restart kiosk-%i.service"),
    ("CapabilityBoundingSet", ""),
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("ReadWritePaths", None),
    ("PrivateNetwork", "yes"),
    ("PrivateDevices", "yes"),
    ("InaccessiblePaths", "-/var/lib/kiosk -/var/lib/kiosk-desired -/var/lib/kiosk-uplink"),
]
"""Root's only program, which uplink sets off and gives no word to."""

SECONDS = {"": 1.0, "s": 1.0, "ms": 0.001}


def directives(path: Path) -> dict[str, list[str]]:
    """Every directive's values in order; systemd lets a key stand several times."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, equals, value = line.partition("=")
            assert equals, f"{path.name}: {line}"
            found.setdefault(key, []).append(value)
    return found


def memberships() -> set[tuple[str, str]]:
    lines = (DEPLOY / "sysusers.d/kiosk.conf").read_text(encoding="utf-8").splitlines()
    return {(line.split()[1], line.split()[2]) for line in lines if line.startswith("m ")}


@pytest.mark.parametrize(
    ("service", "key", "value"), ISOLATION, ids=[f"{row[0]}-{row[1]}" for row in ISOLATION]
)
def test_a_service_is_isolated_as_claimed(service: str, key: str, value: str | None) -> None:
    values = directives(UNITS / f"{service}.service").get(key)
    assert (None if values is None else " | ".join(values)) == value


@pytest.mark.parametrize(("key", "value"), RESTART, ids=[key for key, _ in RESTART])
def test_the_restart_takes_no_input_and_has_no_rights(key: str, value: str | None) -> None:
    values = directives(UNITS / "kiosk-restart@.service").get(key)
    assert (None if values is None else " | ".join(values)) == value


def test_a_restart_is_watched_for_each_process_and_for_nothing_else() -> None:
    processes = [service.removeprefix("kiosk-") for service in SERVICES]
    assert directives(UNITS / "kiosk.target")["Wants"][1].split() == [
        f"kiosk-restart@{name}.path" for name in processes
    ]
    watch = directives(UNITS / "kiosk-restart@.path")
    assert watch["PathChanged"] == ["/var/lib/kiosk-desired/restart/%i"]
    made = (DEPLOY / "tmpfiles.d/kiosk.conf").read_text(encoding="utf-8")
    for name in processes:
        line = f"f /var/lib/kiosk-desired/restart/{name} 0600 kiosk-uplink kiosk-uplink -"
        assert line in made.splitlines(), "a file that is not there is not watched from the start"


@pytest.mark.parametrize("service", SERVICES)
def test_no_directory_directive_opens_a_writable_path_beside_the_listed_ones(service: str) -> None:
    found = directives(UNITS / f"{service}.service")
    assert not {"ReadOnlyPaths", "ExecPaths", "StateDirectory", "RuntimeDirectory"} & set(found)


@pytest.mark.parametrize("service", ALL)
def test_a_service_runs_its_own_command_and_follows_the_target(service: str) -> None:
    found = directives(UNITS / f"{service}.service")
    command = service.removeprefix("kiosk-")
    assert found["ExecStart"] == [f"{EXECUTABLE} {command} --config /etc/kiosk/config.yaml"]
    assert found["PartOf"][0] == "kiosk.target"
    assert found["WantedBy"] == ["kiosk.target"]
    wanted = " ".join(directives(UNITS / "kiosk.target")["Wants"])
    assert f"{service}.service" in wanted.split()
    assert float(found["WatchdogSec"][0]) > 0


def test_no_service_needs_another_one_to_start() -> None:
    for service in ALL:
        found = directives(UNITS / f"{service}.service")
        assert not {"Requires", "BindsTo", "Requisite"} & set(found)


def test_the_director_is_restarted_within_three_seconds() -> None:
    delay = directives(UNITS / "kiosk-director.service")["RestartSec"][0]
    match = re.fullmatch(r"([\d.]+)(\w*)", delay)
    assert match
    # What is left is for Python to start and for SQLite to be checked.
    assert float(match[1]) * SECONDS[match[2]] <= 1.0


def test_only_vision_is_in_the_camera_s_group() -> None:
    assert {user for user, group in memberships() if group == "video"} == {"kiosk-vision"}
    # Rendering needs no camera.
    assert {user for user, group in memberships() if group == "render"} == {"kiosk-vision", SCREEN}


def test_the_display_is_handed_over_without_the_camera_s_group() -> None:
    found = directives(UNITS / "seatd.service.d/kiosk.conf")
    assert found["ExecStart"] == ["", f"/usr/sbin/seatd -g {SCREEN}"]
    # Up means that its socket can be bound.
    assert "test -S /run/seatd.sock" in found["ExecStartPost"][0]
    # A seat that starts anew has a new socket, which has to be bound again.
    assert "seatd.service" in directives(UNITS / f"{SCREEN}.service")["PartOf"]


def test_a_browser_reaches_loopback_and_nothing_else() -> None:
    policy = json.loads((DEPLOY / "chromium/kiosk.json").read_text(encoding="utf-8"))
    assert policy["URLBlocklist"] == ["*"]
    hosts = {urlsplit(address).hostname for address in policy["URLAllowlist"]}
    assert hosts == {"127.0.0.1", "localhost", "::1"}
    for key in ("VideoCaptureAllowed", "AudioCaptureAllowed", "RemoteDebuggingAllowed"):
        assert policy[key] is False


def test_uplink_is_not_in_the_group_of_the_audience_socket() -> None:
    assert {user for user, group in memberships() if group == "kiosk"} == {
        "kiosk-vision",
        "kiosk-director",
    }


def test_vision_is_not_in_the_group_of_the_state() -> None:
    assert {user for user, group in memberships() if group == "kiosk-state"} == {
        "kiosk-director",
        "kiosk-uplink",
    }


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(UNITS.rglob("*"))
        if path.suffix in {".service", ".target", ".path", ".example", ".conf"}
    ],
    ids=lambda path: path.name,
)
def test_every_directive_says_why(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    silent = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line and not line.startswith(("#", "[", "Description=")) and not before.startswith("# ")
    ]
    assert silent == []


def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    for unit in [path for path in UNITS.iterdir() if path.is_file()]:
        # The product is not installed here; everything else is checked as it stands.
        text = unit.read_text(encoding="utf-8").replace(EXECUTABLE, "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    for example in UNITS.rglob("*.conf.example"):
        folder = tmp_path / example.parent.name
        folder.mkdir(exist_ok=True)
        shutil.copy(example, folder / example.name.removesuffix(".example"))
    names = [f"{service}.service" for service in ALL] + ["kiosk.target"]
    names += ["kiosk-restart@vision.path", "kiosk-restart@vision.service"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in names)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    # An unknown directive is only a warning to systemd; to us it is a lock that does not exist.
    # Other units of this machine may have warnings of their own.
    complaints = [line for line in done.stderr.splitlines() if "kiosk" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


def test_systemd_accepts_the_accounts(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "systemd-sysusers",
            "--dry-run",
            f"--root={tmp_path}",
            "-",
        ],
        input=(DEPLOY / "sysusers.d/kiosk.conf").read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_folders_belong_to_accounts_that_exist() -> None:
    accounts = (DEPLOY / "sysusers.d/kiosk.conf").read_text(encoding="utf-8").splitlines()
    known = {line.split()[1] for line in accounts if line[:2] in {"g ", "u "}}
    owners: dict[str, str] = {}
    for line in (DEPLOY / "tmpfiles.d/kiosk.conf").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            _, path, mode, user, group, _ = line.split()
            # An account has a group of its own name.
            assert {user, group} <= known, path
            assert mode.endswith("0"), f"{path} is open to everybody"
            owners.setdefault(path, user)
            # systemd-tmpfiles makes nothing in a folder whose owner could put another in its place.
            assert owners.get(str(Path(path).parent), user) == user, path
