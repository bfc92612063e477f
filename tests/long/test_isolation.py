"""Nothing leaves: what the kernel keeps each process from, on a booted machine with the real units.

Each attempt runs twice: free, where it has to succeed, so that it is a real attempt; and within the
[Service] section of a shipped unit, where it has to fail. The processes themselves are looked at
from outside meanwhile, while they analyse faces.

What this kernel cannot show: swap, because the memory controller belongs to the first version of
control groups here, where systemd has no word for it. That the directive is loaded is asserted, and
that no byte of the process is swapped. Vision's memory files (memfd) are memory of the process,
counted and ended with it; nobody accepts them, so they lead nowhere.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.containers.booting import Machine
from tests.containers.root import debian_root, release
from tests.e2e.tap import speech
from tests.long.container_machine import ADDRESS, PAGE_PORT, machine, python_of
from tests.long.container_units import (
    Outcome,
    install_probe,
    probe_as,
    probe_free,
    probe_inside,
)
from tests.mosquitto import wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="a machine of its own needs root to be booted"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("debootstrap", "systemd-nspawn", "nsenter"))),
        reason="debootstrap or systemd-container is not installed: `make setup` installs them",
    ),
]

FOLDERS = [
    *("/", "/dev", "/dev/shm", "/etc", "/home/open", "/opt/kiosk", "/root", "/run", "/run/kiosk"),
    *("/srv/open", "/tmp", "/var/lib/kiosk", "/var/spool", "/var/tmp"),
]
TOLD: dict[str, Any] = {"broker": ADDRESS, "page": PAGE_PORT, "folders": FOLDERS}

INTERNET = [
    *("TCP to the broker", "TCP to loopback", "TCP to loopback (IPv6)", "TCP to the page"),
    *("TCP to the page by 0.0.0.0", "UDP to the broker", "UDP to loopback", "DNS"),
    "TCP listener",
]
MEMORY = ["/proc/PID/mem", "ptrace", "process_vm_readv", "pidfd_getfd", "signal"]
ALL_ALIKE = ["AF_PACKET", "io_uring", "kernel keyring", "new namespace", "core dump", "core limit"]
SET_UP = """
    mkdir -p /home/open /srv/open /var/spool/kiosk-probe
    chmod 1777 /home/open /srv/open
    mknod /dev/video0 c 1 3
    chmod 666 /dev/video0
    systemd-run --quiet --unit=probe-helper /usr/bin/python3 /opt/probe/helper.py
    systemctl start --no-block kiosk.target
"""
HELPER = r"""
import os, socket, threading

def serve(listener):
    while True:
        listener.accept()

os.umask(0)
for path in ("\0kiosk-probe", "/var/spool/kiosk-probe/socket"):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    threading.Thread(target=serve, args=(listener,)).start()
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("0.0.0.0", 53))
while True:
    question, who = names.recvfrom(512)
    names.sendto(question, who)
"""
OPERATOR = f"""
import json
from websockets.sync.client import connect
with connect("ws://127.0.0.1:{PAGE_PORT}/operator/ws", open_timeout=5) as page:
    print(json.dumps(json.loads(page.recv(timeout=5))))
"""
LISTEN = f"""
import sys, paho.mqtt.client as mqtt
def heard(client, _, message):
    print(message.topic)
    client.disconnect()
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.on_message = heard
client.on_connect = lambda *_: client.subscribe("kiosk/#")
client.connect("{ADDRESS}", 1883)
import threading
threading.Timer(20, client.disconnect).start()
client.loop_forever()
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Machine]:
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python_of(debian_root()) != ours:
        pytest.skip(f"the packages here are for Python {ours}, Debian {release()} has another")
    with machine() as running:
        install_probe(running)
        (running.root / "opt/probe/helper.py").write_text(HELPER)
        running.sh(SET_UP)
        wait_for(lambda: running.show("kiosk-vision", "ActiveState") == "active", "vision", 60)
        wait_for(lambda: running.show("kiosk-director", "ActiveState") == "active", "director", 60)
        yield running


@pytest.fixture(scope="module")
def outcomes(shop: Machine) -> dict[str, Outcome]:
    watched = TOLD | {"pid": shop.main_pid("kiosk-vision")}
    return {
        "free": probe_free(shop, watched),
        "vision": probe_inside(shop, "kiosk-vision", TOLD),
        "director": probe_inside(shop, "kiosk-director", watched),
        "uplink": probe_inside(shop, "kiosk-uplink", watched),
        "the director's user": probe_as(shop, "kiosk-director", watched),
        "the uplink's user": probe_as(shop, "kiosk-uplink", watched),
    }


# ---- the probes ---------------------------------------------------------------------------------


def test_free_every_attempt_succeeds(outcomes: dict[str, Outcome]) -> None:
    assert {name: why for name, why in outcomes["free"].items() if why is not None} == {}


VISION_MAY = {"audience socket", "memfd", "small file in /tmp", "writable code", "camera"}
"""Its one way out; memory of its own; a library's scratch; what OpenVINO compiles; the camera."""


def test_vision_reaches_neither_a_network_nor_a_file(outcomes: dict[str, Outcome]) -> None:
    tried = outcomes["vision"]
    assert {name for name, why in tried.items() if why is None} == VISION_MAY
    assert set(tried) > {*INTERNET, *ALL_ALIKE, "abstract socket", "AF_NETLINK", "D-Bus"}


def test_vision_is_refused_for_the_reasons_that_the_unit_gives(
    outcomes: dict[str, Outcome],
) -> None:
    tried = outcomes["vision"]
    assert {str(tried[name])[:22] for name in INTERNET} == {"OSError: [Errno 97] Ad"}
    assert "No space left" in str(tried["file in /tmp"])
    assert "No space left" in str(tried["many files in /tmp"])
    assert "Read-only" in str(tried["file in /srv/open"])
    assert "it left no core" in str(tried["core dump"])
    assert "no kind of memory" in str(tried["core filter"])


def test_what_vision_may_scribble_is_seen_by_nobody_and_ends_with_it(shop: Machine) -> None:
    pid = shop.main_pid("kiosk-vision")
    # As the process sees it, then as everybody else does.
    shop.sh(f"nsenter -t {pid} -m sh -c 'echo x > /tmp/scribble; test -e /tmp/scribble'")
    assert shop.run("sh", "-c", "find / -xdev -name scribble; ls /tmp").find("scribble") < 0
    shop.sh("systemctl restart kiosk-vision")
    pid = shop.main_pid("kiosk-vision")
    assert "scribble" not in shop.run("nsenter", "-t", str(pid), "-m", "ls", "/tmp")


@pytest.mark.parametrize("who", ["director", "uplink", "the director's user", "the uplink's user"])
def test_nobody_else_reads_visions_memory(outcomes: dict[str, Outcome], who: str) -> None:
    assert {name for name in MEMORY if outcomes[who][name] is None} == set()


def test_the_director_has_loopback_and_no_camera(outcomes: dict[str, Outcome]) -> None:
    tried = outcomes["director"]
    refused = [*ALL_ALIKE, "TCP to the broker", "UDP to the broker", "DNS", "AF_NETLINK", "D-Bus"]
    refused += ["camera", "socket in /var/spool", "writable code"]
    folders = ("/srv/open", "/home/open", "/etc", "/opt/kiosk", "/run")
    refused += [f"file in {name}" for name in folders]
    assert {name for name in refused if tried[name] is None} == set()
    needed = ["TCP to loopback", "TCP listener", "state.db", "audience socket"]
    assert {name: tried[name] for name in needed if tried[name] is not None} == {}


def test_uplink_has_a_network_and_neither_audience_nor_page(outcomes: dict[str, Outcome]) -> None:
    tried = outcomes["uplink"]
    refused = [*ALL_ALIKE, "audience socket", "camera", "D-Bus", "writable code"]
    refused += ["TCP to the page", "TCP to the page by 0.0.0.0", "TCP to loopback (IPv6)"]
    refused += [f"file in {name}" for name in ("/srv/open", "/home/open", "/etc", "/run/kiosk")]
    assert {name for name in refused if tried[name] is None} == set()
    needed = ["TCP to the broker", "DNS", "state.db"]
    assert {name: tried[name] for name in needed if tried[name] is not None} == {}


# ---- the real processes -------------------------------------------------------------------------


def test_the_real_vision_analyses_faces_behind_those_walls(shop: Machine) -> None:
    def viewers() -> list[dict[str, Any]]:
        return list(json.loads(shop.python(OPERATOR))["viewers"])

    wait_for(viewers, "a face", 60)
    seen = inspect(shop, shop.main_pid("kiosk-vision"))
    assert seen["status"]["CapEff"] == seen["status"]["CapBnd"] == "0" * 16
    assert (seen["status"]["NoNewPrivs"], seen["status"]["Seccomp"]) == ("1", "2")
    assert seen["core"] == ["0", "0"]
    assert int(seen["filter"], 16) == 0
    assert (seen["status"]["VmSwap"], seen["swap"]) == ("0 kB", "0")
    assert seen["writable_files"] == []
    assert seen["writable_shared_memory"] == []
    assert seen["inet"] == []
    assert seen["interfaces"] == ["lo"]
    assert seen["own"] == {"mnt", "net", "ipc"}
    assert seen["writable_mounts"] <= {"/dev", "/dev/pts", "/dev/hugepages", "/proc", "/tmp"}
    assert wait_for(viewers, "faces still", 60) is None


def test_the_journal_has_sentences_only(shop: Machine) -> None:
    for service in ("kiosk-vision", "kiosk-director"):
        said = shop.journal(f"{service}.service")
        assert "event=" in said
        assert speech.check_log(said.encode()) == []


def test_uplink_reaches_its_broker_under_its_own_unit(shop: Machine) -> None:
    # A library that wakes itself over loopback, which is denied here, would wait for ever.
    ready = "uplink is ready under its unit"
    wait_for(lambda: shop.show("kiosk-uplink", "ActiveState") == "active", ready, 70)
    assert shop.python(LISTEN).startswith("kiosk/v1/demo/shop-1/kiosk-1/")


def test_the_director_sees_that_the_clock_was_set_though_it_started_before(shop: Machine) -> None:
    # Debian's timesyncd does not run in containers, which have their host's clock.
    drop_in = "[Unit]\nConditionVirtualization=\n[Service]\nExecStart=\nExecStart=/bin/sleep inf\n"
    folder = shop.root / "etc/systemd/system/systemd-timesyncd.service.d"
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(drop_in + "Type=simple\nWatchdogSec=0\n")
    shop.sh("systemctl daemon-reload; systemctl start --no-block systemd-timesyncd; sleep 1")
    shop.sh("systemctl restart kiosk-director")
    marker = "/run/systemd/timesync/synchronized"
    inside = ["nsenter", "-t", str(shop.main_pid("kiosk-director")), "-m", "--"]
    assert shop.run(*inside, "sh", "-c", f"test -e {marker} && echo set", check=False) == ""
    shop.sh(f"touch {marker}")
    assert shop.run(*inside, "sh", "-c", f"test -e {marker} && echo set") == "set\n"
    assert shop.run(*inside, "sh", "-c", "touch /run/systemd/timesync/x", check=False) == ""
    until = time.monotonic() + 20
    while not json.loads(shop.python(OPERATOR)).get("clock_known"):
        assert time.monotonic() < until, "the director does not take the marker up"
        time.sleep(0.5)


INSTALL = """
cd /var/lib/kiosk-desired
umask 0007
printf '%s' "$0" > config/.new
mv config/.new config/installed.json
"""


def as_uplink(shop: Machine, *command: str, check: bool = True) -> str:
    """Run something as uplink's user, in uplink's own view of the machine."""
    inside = ["nsenter", "-t", str(shop.main_pid("kiosk-uplink")), "-m", "--", "setpriv"]
    inside += ["--reuid=kiosk-uplink", "--regid=kiosk-uplink", "--groups=kiosk-uplink,kiosk-state"]
    return shop.run(*inside, *command, check=check)


def ask_for_restart(shop: Machine, *names: str) -> None:
    for name in names:
        unit, before = f"kiosk-{name}", shop.main_pid(f"kiosk-{name}")
        as_uplink(shop, "sh", "-c", f"echo restart > /var/lib/kiosk-desired/restart/{name}")

        def is_new(unit: str = unit, before: int = before) -> bool:
            return shop.main_pid(unit) != before and shop.show(unit, "ActiveState") == "active"

        wait_for(is_new, f"{name} is restarted", 60)


def test_uplink_has_a_process_restarted_without_a_right_to_do_it(shop: Machine) -> None:
    wait_for(lambda: shop.show("kiosk-uplink", "ActiveState") == "active", "uplink", 70)
    refused = as_uplink(shop, "systemctl", "restart", "kiosk-director", check=False)
    assert refused == ""
    vision, director = shop.main_pid("kiosk-vision"), shop.main_pid("kiosk-director")
    ask_for_restart(shop, "director")
    ask_for_restart(shop, "director")
    assert shop.main_pid("kiosk-vision") == vision
    assert shop.main_pid("kiosk-director") != director
    ask_for_restart(shop, "uplink")
    # What an operator has stopped stays so.
    shop.sh("systemctl stop kiosk-vision")
    as_uplink(shop, "sh", "-c", "echo restart > /var/lib/kiosk-desired/restart/vision")
    time.sleep(2)
    assert shop.show("kiosk-vision", "ActiveState") == "inactive"
    shop.sh("systemctl start kiosk-vision")


def test_a_configuration_of_head_office_reaches_vision_and_nothing_else_does(shop: Machine) -> None:
    installed = {"version": 7, "digest": "", "content": {"privacy": {"policy": "count-only"}}}
    as_uplink(shop, "sh", "-e", "-c", INSTALL, json.dumps(installed))
    ask_for_restart(shop, "vision", "director")

    def bands() -> set[str]:
        return {viewer["age_band"] for viewer in json.loads(shop.python(OPERATOR))["viewers"]}

    wait_for(lambda: bands() == {"unknown"}, "faces are counted and nothing of them is said", 60)
    inside = ["nsenter", "-t", str(shop.main_pid("kiosk-vision")), "-m", "--"]
    assert shop.run(*inside, "find", "/var/lib", "-type", "f").split() == [
        "/var/lib/kiosk-desired/config/installed.json"
    ]
    told = shop.run(*inside, "sh", "-c", "echo > /var/lib/kiosk-desired/config/x", check=False)
    assert told == ""
    assert not (shop.root / "var/lib/kiosk-desired/config/x").exists()
    as_uplink(shop, "rm", "/var/lib/kiosk-desired/config/installed.json")
    ask_for_restart(shop, "vision", "director")
    wait_for(lambda: bands() - {"unknown"}, "the device's own is back", 60)


CAMPAIGN = """version: 1
name: far
creatives:
  - {id: hello, kind: image, file: hello.svg, duration_s: 1}
  - {id: again, kind: image, file: hello.svg, duration_s: 1}
"""
FETCHED = """
cd /var/lib/kiosk-desired
umask 0007
mkdir -p media campaign/3
echo "<svg xmlns='http://www.w3.org/2000/svg'/>" > media/0123
ln media/0123 campaign/3/hello.svg
printf '%s' "$0" > campaign/3/campaign.yaml
echo '{"version": 3, "name": "far", "file": "3/campaign.yaml"}' > campaign/.new
mv campaign/.new campaign/installed.json
"""


def test_the_director_plays_what_uplink_fetched_and_cannot_change_it(shop: Machine) -> None:
    as_uplink(shop, "sh", "-e", "-c", FETCHED, CAMPAIGN)

    def plays() -> str:
        return str((json.loads(shop.python(OPERATOR))["play"] or {}).get("creative"))

    wait_for(lambda: plays() in ("hello", "again"), "head office's campaign plays", 60)
    inside = ["nsenter", "-t", str(shop.main_pid("kiosk-director")), "-m", "--"]
    for target in ("media/0123", "campaign/installed.json", "config/x"):
        write = f"echo x > /var/lib/kiosk-desired/{target} && echo done"
        assert shop.run(*inside, "sh", "-c", write, check=False) == ""
    as_uplink(shop, "rm", "/var/lib/kiosk-desired/campaign/installed.json")


INSPECT = r"""
import json, os, sys
pid = sys.argv[1]
base = f"/proc/{pid}"
def text(name):
    with open(f"{base}/{name}") as file:
        return file.read()
status = dict(line.split(":\t", 1) for line in text("status").splitlines() if ":\t" in line)
limits = next(line for line in text("limits").splitlines() if line.startswith("Max core"))
writable, inodes = [], []
for number in os.listdir(f"{base}/fd"):
    target = os.readlink(f"{base}/fd/{number}")
    flags = int(next(l.split()[1] for l in text(f"fdinfo/{number}").splitlines() if l.startswith("flags")), 8)
    if target.startswith("socket:["):
        inodes.append(target[8:-1])
    elif flags & 3 and not target.startswith(("anon_inode:", "/dev/null")):
        writable.append(target)
inet = [line for name in ("tcp", "tcp6", "udp", "udp6", "raw") for line in text(f"net/{name}").splitlines()[1:]]
mounts = [line.split() for line in text("mountinfo").splitlines()]
print(json.dumps({
    "status": {key: value.strip() for key, value in status.items()},
    "core": limits.split()[4:6],
    "filter": text("coredump_filter").strip(),
    "writable_files": writable,
    "writable_shared_memory": [l for l in text("maps").splitlines() if l.split()[1][1] == "w" and l.split()[1][3] == "s"],
    "inet": inet,
    "interfaces": [line.split(":")[0].strip() for line in text("net/dev").splitlines()[2:]],
    "own": [name for name in ("mnt", "net", "ipc", "pid") if os.readlink(f"{base}/ns/{name}") != os.readlink(f"/proc/1/ns/{name}")],
    "writable_mounts": [mount[4] for mount in mounts if mount[5].split(",")[0] == "rw"],
}))
"""  # noqa: E501


def inspect(shop: Machine, pid: int) -> dict[str, Any]:
    """What the kernel says of a running process."""
    seen: dict[str, Any] = json.loads(shop.python(INSPECT, str(pid)))
    seen["own"], seen["writable_mounts"] = set(seen["own"]), set(seen["writable_mounts"])
    seen["swap"] = shop.show("kiosk-vision", "MemorySwapMax")
    return seen
