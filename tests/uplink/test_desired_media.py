"""Media come over a line that breaks, from a server that errs, and from nowhere else."""

from __future__ import annotations

import shutil
import ssl
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.uplink.authority import Authority
from tests.uplink.head_office import SVG, Device, MediaServer
from tests.uplink.installing import device_for, hear, plays, reason, stored, until_installed


@pytest.fixture
def device(tmp_path, office, server):
    made = device_for(tmp_path, office, server)
    yield made
    made.close()


def test_a_broken_line_goes_on_where_it_broke_off(device, office, server):
    big = SVG.format("x" * 300_000)
    server.break_after = 120_000
    media = [server.put("ice.svg", big), server.put("far/sun.svg", SVG)]
    hear(device, office, 1, media)
    until_installed(device, 1)
    assert plays(device)[2]["ice"] == big.encode()
    starts = [wanted for path, wanted in server.asked if path == "/media/ice.svg"]
    assert starts[0] is None
    begins = [int(wanted[6:-1]) for wanted in starts[1:]]
    assert begins == sorted(begins)
    assert begins[0] >= 65_536


@pytest.mark.parametrize("change", ["another tag", "no ranges", "a wrong part"])
def test_a_part_is_never_joined_with_one_of_another_file(device, office, server, change):
    big = SVG.format("x" * 300_000)
    medium = server.put("ice.svg", big)
    server.break_after = 120_000
    hear(device, office, 1, [medium, server.put("far/sun.svg", SVG)])
    device.until(lambda: len(server.asked) >= 2, "it broke off")
    if change == "another tag":
        server.etag = '"two"'
    elif change == "no ranges":
        server.ranges = False
    else:
        part = device.settings.desired.folder / "media" / f"{medium['sha256']}.part"
        server.etag = None
        part.write_bytes(b"z" * 100_000)
    server.break_after = None
    until_installed(device, 1)
    assert plays(device)[2]["ice"] == big.encode()


def test_a_download_goes_on_after_the_process_began_anew(tmp_path, device, office, server):
    server.break_after = 120_000
    media = [server.put("ice.svg", SVG.format("x" * 300_000)), server.put("far/sun.svg", SVG)]
    hear(device, office, 1, media)
    parts = device.settings.desired.folder / "media"
    device.until(lambda: any(one.stat().st_size for one in parts.glob("*.part")), "some came")
    device.desired.close()
    server.asked.clear()
    server.break_after = None
    device.start()
    hear(device, office, 1, media)
    until_installed(device, 1)
    assert server.asked[0][1] is not None, "a part was asked for"


FAULTS: dict[str, Any] = {
    "not there": {"status": 404},
    "a server in trouble": {"status": 503},
    "elsewhere": {"redirect": "https://evil.example/ice.svg"},
    "to the same file out of the origin": {"redirect": "/elsewhere/ice.svg"},
    "in circles": {"redirect": "/media/ice.svg"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_medium_that_cannot_be_had_leaves_the_good_campaign(device, office, server, fault):
    hear(device, office, 1, server.campaign("one"))
    until_installed(device, 1)
    good = plays(device)
    vars(server).update(fault)
    media = server.campaign("two")
    server.files["/elsewhere/ice.svg"] = server.files["/media/ice.svg"]
    hear(device, office, 2, media)
    device.until(lambda: reason(device) and "being fetched" not in reason(device), "a reason")
    assert plays(device) == good
    health = device.desired.campaign_health()
    assert (health.version, health.refused) == (1, 2)
    vars(server).update(status=None, redirect=None)
    if "else" in str(fault) or "evil" in str(fault):
        assert "media_origins" in health.reason
    # A server that sends elsewhere, to a page of its fault, may come to itself.
    until_installed(device, 2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sha256": "0" * 64}, "not what was announced"),
        ({"bytes": 20}, "longer than was announced"),
        ({"bytes": 20_000}, "broke off at"),
    ],
    ids=["wrong bytes", "longer than announced", "shorter than announced"],
)
def test_wrong_bytes_are_never_played_and_not_kept(device, office, server, change, why):
    hear(device, office, 1, server.campaign("one"))
    until_installed(device, 1)
    good = plays(device)
    first, second = server.campaign("two")
    hear(device, office, 2, [first | change, second])
    device.until(lambda: why in reason(device), "it says so")
    assert plays(device) == good
    assert first["sha256"] not in stored(device)


def test_a_disk_without_room_is_not_filled_to_the_brim(device, office, server, monkeypatch):
    media = server.campaign()
    usage = shutil.disk_usage(device.settings.state.path.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=64 * 2**20))
    hear(device, office, 1, media)
    device.until(lambda: "no room" in reason(device), "it says so")
    assert server.asked == []
    monkeypatch.undo()
    until_installed(device, 1)


def test_a_slow_server_holds_nobody_up_and_a_newer_campaign_takes_its_place(
    device, office, server, caplog
):
    caplog.set_level("INFO")
    stall = server.stall = threading.Event()
    hear(device, office, 1, server.campaign("one"))
    device.until(lambda: server.asked, "it is asked")
    assert device.hear("down/command", office.command("ping", device.clock))
    server.stall = None
    hear(device, office, 2, server.campaign("two"))
    stall.set()
    until_installed(device, 2)
    assert plays(device)[0] == 2
    assert "document_installed kind=campaign version=1" not in caplog.text


@pytest.mark.parametrize("trusted", [True, False], ids=["head office's own", "a stranger's"])
def test_media_come_over_https_from_a_server_whose_authority_is_known(tmp_path, office, trusted):
    authority = Authority(datetime.now(UTC) - timedelta(minutes=1))
    authority.write_pair(tmp_path, "server", "head office")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    known = authority if trusted else Authority(datetime.now(UTC), "another")
    (tmp_path / "ca.crt").write_text(known.pem)
    server = MediaServer(context)
    device = Device(
        tmp_path,
        office,
        broker={"tls": {"ca_file": tmp_path / "ca.crt"}},
        desired={"media_origins": [server.origin], "media_timeout_s": 1},
    )
    hear(device, office, 1, server.campaign())
    if trusted:
        until_installed(device, 1)
    else:
        device.until(lambda: "certificate verify failed" in reason(device), "it is not trusted")
        assert server.asked == []
    device.close()
    server.close()
