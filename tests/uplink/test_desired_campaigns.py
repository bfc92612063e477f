"""Campaigns of head office: whole or not at all, and a bad one changes nothing."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from typing import Any

import pytest

from kiosk.config import installed_campaign
from tests.uplink.head_office import Device, settled
from tests.uplink.installing import device_for, hear, plays, reason, stored, until_installed


@pytest.fixture
def device(tmp_path, office, server):
    made = device_for(tmp_path, office, server)
    yield made
    made.close()


def test_a_campaign_comes_with_its_media_and_is_whole(device, office, server):
    media = server.campaign()
    hear(device, office, 4, media)
    assert "being fetched" in reason(device)
    until_installed(device, 4)
    version, name, found = plays(device)
    assert (version, name) == (4, "summer")
    assert found["ice"] == server.files["/media/ice.svg"]
    health = device.desired.campaign_health()
    assert (health.name, health.refused, health.reason) == ("summer", None, None)
    assert stored(device) == {one["sha256"] for one in media}


def test_what_is_here_already_is_not_fetched_again_and_what_nobody_needs_goes(
    device, office, server
):
    hear(device, office, 1, server.campaign("one"))
    until_installed(device, 1)
    server.asked.clear()
    media = server.campaign("two")
    hear(device, office, 2, media)
    until_installed(device, 2)
    assert [path for path, _ in server.asked] == ["/media/ice.svg"]
    # A creative of the campaign before may still be on the screen.
    assert len(stored(device)) == 3
    device.turn(901)
    assert stored(device) == {one["sha256"] for one in media}
    folder = device.settings.desired.folder / "campaign"
    assert sorted(path.name for path in folder.iterdir()) == ["2", "installed.json"]
    assert plays(device)[0] == 2


def test_an_empty_one_brings_the_devices_own_back_and_frees_the_disk(device, office, server):
    hear(device, office, 1, server.campaign())
    until_installed(device, 1)
    device.hear("down/campaigns", office.document("campaign", 2, {}))
    until_installed(device, 2)
    assert plays(device) == (0, "", {})
    device.turn(901)
    assert stored(device) == set()


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another origin": ({"url": "https://evil.example/ice.svg"}, {}, "media_origins"),
    "an origin that looks alike": ({"url": "ORIGIN@evil.example/i.svg"}, {}, "https"),
    "in clear over the network": ({"url": "http://shop.example/ice.svg"}, {}, "https"),
    "out of its folder": ({"url": "ORIGIN/../secret.svg"}, {}, "without .."),
    "out of it in disguise": ({"url": "ORIGIN/%2e%2e/secret.svg"}, {}, "without .."),
    "no address": ({"url": "https://[::1"}, {}, "address"),
    "an absolute name": ({"file": "/etc/ice.svg"}, {}, "media"),
    "a name that leads out": ({"file": "../ice.svg"}, {}, "media"),
    "a name with a nought in it": ({"file": "ice\0.svg"}, {}, "no file can be called so"),
    "a name that no disk takes": ({"file": "ü" * 190}, {}, "no file can be called so"),
    "the campaign's own name": ({"file": "campaign.yaml"}, {}, "another name"),
    "two of a name": ({"file": "far/sun.svg"}, {}, "twice"),
    "a file and a folder": ({"file": "far"}, {}, "a file and a folder"),
    "larger than may be": ({"bytes": 3 * 2**20}, {}, "media_max_mb"),
    "a creative without a medium": (
        {},
        {"creatives": [{"id": "x", "kind": "image", "file": "/etc/passwd", "duration_s": 5}]},
        "not one of its media",
    ),
    "no campaign": ({}, {"creatives": []}, "creatives"),
    "an unknown key": ({}, {"colour": "red"}, "colour"),
    "for children": (
        {},
        {
            "creatives": [
                {
                    "id": "ice",
                    "kind": "image",
                    "file": "ice.svg",
                    "duration_s": 5,
                    "targeting": {"age": ["13-17"]},
                }
            ]
        },
        "nobody under 18",
    ),
    "no rotation": (
        {},
        {
            "creatives": [
                {
                    "id": "ice",
                    "kind": "image",
                    "file": "ice.svg",
                    "duration_s": 5,
                    "targeting": {"gender": ["female"]},
                }
            ]
        },
        "untargeted",
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_campaign_never_replaces_a_good_one(tmp_path, office, server, caplog, bad):
    medium, content, why = bad
    device = device_for(tmp_path, office, server, media_max_mb=1)
    hear(device, office, 1, server.campaign("one"))
    until_installed(device, 1)
    good = plays(device)
    first, second = server.campaign("two")
    first |= medium
    first["url"] = (
        first["url"]
        .replace("ORIGIN/", server.origin)
        .replace("ORIGIN@", server.origin.removesuffix("/media/") + "@")
    )
    hear(device, office, 2, [first, second], **content)
    device.until(lambda: why in reason(device), f"a reason with {why}")
    assert plays(device) == good
    assert "event=document_refused kind=campaign" in caplog.text
    assert "Traceback" not in caplog.text
    # And a good one after it is taken.
    hear(device, office, 3, server.campaign("three"))
    until_installed(device, 3)
    assert device.desired.campaign_health().reason is None
    device.close()


def test_what_lies_damaged_on_the_disk_is_fetched_again(device, office, server):
    media = server.campaign()
    hear(device, office, 1, media)
    until_installed(device, 1)
    installed = installed_campaign(device.settings.desired)
    (installed.file.parent / "ice.svg").unlink()
    (device.settings.desired.folder / "media" / media[0]["sha256"]).write_bytes(b"rust")
    device.desired.close()
    device.start()
    assert device.desired.campaign_health().version == 0
    hear(device, office, 1, media)
    until_installed(device, 1)
    assert plays(device)[2]["ice"] == server.files["/media/ice.svg"]


def test_the_same_again_is_silent_over_a_restart_too(device, office, server, caplog):
    media = server.campaign()
    hear(device, office, 1, media)
    until_installed(device, 1)
    device.desired.close()
    device.start()
    assert device.desired.campaign_health().version == 1
    server.asked.clear()
    caplog.clear()
    hear(device, office, 1, media)
    settled()
    device.turn()
    assert (server.asked, caplog.text) == ([], "")


class PowerCutError(BaseException):
    """Nothing of the process goes on after it."""


STEPS = ("fsync", "link", "rename", "replace", "mkdir", "unlink")


def test_a_power_cut_at_any_step_leaves_a_whole_campaign(tmp_path, office, server, monkeypatch):
    """Each step that changes names or asks for the disk is the last one, one after the other."""
    device = device_for(tmp_path, office, server)
    hear(device, office, 1, server.campaign("one"))
    until_installed(device, 1)
    good = plays(device)
    seen = set()
    for last in range(1, 200):
        media = server.campaign(f"of version {last + 1}")
        with monkeypatch.context() as patch:
            cut = cut_after(patch, last)
            hear(device, office, last + 1, media)
            device.until(partial(is_over, device, cut, last + 1), "it is over")
            if not cut.made:
                break
            device.desired._campaigns._thread.join(10)
        device.desired.close()
        device.start()
        now = plays(device)
        seen.add(now == good)
        assert now == good or now[2]["ice"] == server.files["/media/ice.svg"]
        good = now
    else:
        pytest.fail("it never came to its end")
    assert seen == {True, False}, "some cuts come before the pointer is moved, some after"
    assert last > 12
    device.close()


class Cut:
    def __init__(self, left: int) -> None:
        self.left = left
        self.made = False


def is_over(device: Device, cut: Cut, version: int) -> bool:
    return cut.made or device.desired.campaign_health().version == version


def cut_after(patch: pytest.MonkeyPatch, left: int) -> Cut:
    """Have the thread of media end after so many steps."""
    cut = Cut(left)

    def counted(name: str):
        real = getattr(os, name)

        def step(*arguments: Any, **options: Any) -> Any:
            if threading.current_thread().name == "media":
                if cut.left == 0:
                    cut.made = True
                    raise PowerCutError
                cut.left -= 1
            return real(*arguments, **options)

        return step

    for name in STEPS:
        patch.setattr(os, name, counted(name))
    patch.setattr(threading, "excepthook", lambda _: None)
    return cut


def test_a_damaged_pointer_is_told_and_the_campaign_taken_once_more(device, office, server, caplog):
    media = server.campaign()
    hear(device, office, 1, media)
    until_installed(device, 1)
    pointer = device.settings.desired.folder / "campaign/installed.json"
    pointer.write_text(json.dumps({"version": "x"}))
    device.desired.close()
    device.start()
    assert "event=desired_campaign_damaged" in caplog.text
    hear(device, office, 1, media)
    until_installed(device, 1)
    assert plays(device)[0] == 1


def test_what_the_director_may_be_playing_stays_while_the_pointer_is_damaged(
    device, office, server
):
    media = server.campaign()
    hear(device, office, 1, media)
    until_installed(device, 1)
    folder = device.settings.desired.folder / "campaign"
    (folder / "installed.json").write_text("[")
    device.desired.close()
    device.start()
    device.turn(901)
    assert (folder / "1/ice.svg").is_file()
    assert stored(device) == {one["sha256"] for one in media}


def test_an_older_one_does_not_take_the_place_of_one_that_is_being_fetched(device, office, server):
    server.status = 503
    hear(device, office, 5, server.campaign("five"))
    hear(device, office, 4, server.campaign("four"))
    assert device.desired.campaign_health().refused == 4
    server.status = None
    server.campaign("five")
    until_installed(device, 5)


def test_nothing_is_fetched_for_a_campaign_of_which_a_part_may_not_be(device, office, server):
    first, second = server.campaign()
    hear(device, office, 1, [first, second | {"url": "https://evil.example/sun.svg"}])
    assert "media_origins" in reason(device)
    settled()
    assert server.asked == []
