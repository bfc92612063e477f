"""What head office wants of the director: its campaign, and orders through the state file."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta

import pytest

from kiosk.clock import iso
from kiosk.config import DesiredSettings, campaign_pointer
from kiosk.director.campaigns import CampaignFile
from kiosk.state import Order, open_store, pending_orders, place_order
from tests.director.shop import CAMPAIGN, opened, write_campaign
from tests.fakes import FakeClock


def desired(folder) -> DesiredSettings:
    return DesiredSettings(public_keys=[folder / "key.pem"], folder=folder / "desired")


def install(settings: DesiredSettings, version: int, name: str | None) -> None:
    """As the uplink leaves it; ``None``: back to the device's own."""
    pointer = campaign_pointer(settings.folder)
    folder = pointer.parent / str(version)
    folder.mkdir(parents=True)
    if name is not None:
        (folder / "tea.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        (folder / "campaign.yaml").write_text(CAMPAIGN.format(name=name))
    file = f"{version}/campaign.yaml" if name is not None else None
    point(pointer, {"version": version, "name": name or "", "file": file})


def point(pointer, data: dict) -> None:
    fresh = pointer.with_name("new")
    fresh.write_text(json.dumps(data))
    fresh.rename(pointer)


def reload(campaigns: CampaignFile) -> bool:
    return asyncio.run(campaigns.reload())


def test_head_offices_campaign_comes_first_and_gives_way_again(tmp_path):
    own, settings = write_campaign(tmp_path, "own"), desired(tmp_path)
    campaigns = CampaignFile(own, settings)
    assert campaigns.campaign.name == "own"
    install(settings, 1, "summer")
    assert reload(campaigns)
    assert campaigns.campaign.name == "summer"
    assert [one.name for one in campaigns.playing()] == ["summer", "own"]
    assert CampaignFile(own, settings).campaign.name == "summer", "at a start too"
    assert not reload(campaigns)
    install(settings, 2, None)
    assert reload(campaigns)
    assert campaigns.campaign.name == "own"


def test_without_a_key_what_is_installed_is_nobodys(tmp_path):
    own, settings = write_campaign(tmp_path, "own"), desired(tmp_path)
    install(settings, 1, "summer")
    keyless = DesiredSettings(folder=settings.folder)
    assert CampaignFile(own, keyless).campaign.name == "own"


@pytest.mark.parametrize(
    "fault",
    [
        "no pointer that is one",
        "a version without end",
        "a file out of the folder",
        "a name that is none",
        "no campaign",
        "no medium",
        "no rights",
    ],
)
def test_what_is_damaged_never_replaces_what_plays(tmp_path, caplog, fault):
    own, settings = write_campaign(tmp_path, "own"), desired(tmp_path)
    install(settings, 1, "summer")
    campaigns = CampaignFile(own, settings)
    install(settings, 2, "autumn")
    folder = campaign_pointer(settings.folder).parent / "2"
    if fault == "no pointer that is one":
        campaign_pointer(settings.folder).write_text("[")
    elif fault == "a version without end":
        campaign_pointer(settings.folder).write_text('{"version": 1e999, "name": "", "file": null}')
    elif fault == "a file out of the folder":
        stranger = {"version": 2, "name": "x", "file": "../../own/campaign.yaml"}
        point(campaign_pointer(settings.folder), stranger)
    elif fault == "a name that is none":
        point(campaign_pointer(settings.folder), {"version": 2, "name": "", "file": "2/\0"})
    elif fault == "no campaign":
        (folder / "campaign.yaml").write_text("version: 2")
    elif fault == "no medium":
        (folder / "tea.svg").unlink()
    else:
        campaign_pointer(settings.folder).unlink()
        campaign_pointer(settings.folder).mkdir()
    for _ in range(3):
        assert not reload(campaigns)
    assert campaigns.campaign.name == "summer"
    assert caplog.text.count("event=campaign_refused") == 1
    # At a start, there is nothing that plays on: then it is the device's own.
    assert CampaignFile(own, settings).campaign.name == "own"


def test_an_order_to_look_is_obeyed_at_once_and_only_once(tmp_path):
    settings = desired(tmp_path)
    changes = {"desired": settings.model_dump(), "ads": {"reload_s": 1000}}

    async def scenario():
        async with opened(tmp_path, **changes) as shop:
            await shop.go(3)
            install(settings, 1, "summer")
            await shop.go(3)
            assert shop.director._campaign.campaign.name == "spring"
            order(shop, "reload-campaign", 60)
            await shop.until(
                lambda: shop.director._campaign.campaign.name == "summer", "it is taken up"
            )
            await shop.until(lambda: waiting(shop) == [], "the order is forgotten")

    asyncio.run(scenario())


def test_the_screen_says_which_one_it_is_for_what_is_left_of_the_time(tmp_path):
    async def scenario():
        async with opened(tmp_path, desired={"identify_s": 20}) as shop, shop.screen() as page:
            order(shop, "identify", 12)
            said = {}
            while said.get("type") != "identify":
                said = json.loads(await asyncio.wait_for(page.recv(), 10))
            assert said["name"] == "demo/shop-1/kiosk-1"
            assert 5 < said["seconds"] <= 12
            await shop.until(lambda: waiting(shop) == [], "the order is forgotten")
            # Neither one that is too late nor one of a clock that is far ahead.
            order(shop, "identify", -5)
            await shop.until(lambda: waiting(shop) == [], "the order is forgotten")
            order(shop, "identify", 9999)
            while True:
                said = json.loads(await asyncio.wait_for(page.recv(), 10))
                if said["type"] == "identify":
                    break
            assert said["seconds"] == 20

    asyncio.run(scenario())


def order(shop, name: str, left_s: float) -> None:
    store = open_store(shop.settings.state.path, FakeClock())
    until = iso(shop.clock.utc() + timedelta(seconds=left_s))
    place_order(store, Order(name, os.urandom(4).hex(), until))
    store.close()


def waiting(shop) -> list[Order]:
    store = open_store(shop.settings.state.path, FakeClock())
    try:
        return pending_orders(store)
    finally:
        store.close()
