"""Documents and commands over a real broker, through the uplink as it runs on a device."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kiosk.config import installed_campaign, load_settings, write_settings
from tests.mosquitto import Mosquitto, wait_for
from tests.uplink.fleet import BRANCH, Observer, drive, settings_for, uplink_for
from tests.uplink.head_office import CAMPAIGN


class Publisher(Observer):
    def publish_retained(self, topic: str, payload: bytes) -> None:
        info = self._client.publish(topic, payload, qos=1, retain=True)
        wait_for(info.is_published, "it lies at the broker")


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path / "broker") as running:
        yield running


def settings(folder, broker, office, server):
    wanted = {"public_keys": [office.key_file], "folder": folder / "desired"}
    if server is not None:
        wanted["media_origins"] = [server.origin]
    made = settings_for(
        folder,
        broker.port,
        desired=wanted,
        clock={"trust": "always"},
        uplink={"health_s": 0.05},
    )
    write_settings(made, folder / "config.yaml")
    return load_settings(folder / "config.yaml")


def health(observer: Observer) -> dict[str, Any]:
    heard = observer.of("up/health")
    return json.loads(heard[-1]) if heard else {"config": {}, "campaign": {}}


def test_what_lies_at_the_broker_is_installed_and_the_device_says_what_runs(
    tmp_path, broker, office, server
):
    observer = Publisher(broker.port, f"{BRANCH}/up/#")
    observer.publish_retained(
        f"{BRANCH}/down/config", office.document("config", 2, {"player": {"lead_s": 2}})
    )
    observer.publish_retained(
        f"{BRANCH}/down/campaigns", office.document("campaign", 5, CAMPAIGN, server.campaign())
    )
    uplink = uplink_for(settings(tmp_path, broker, office, server))
    drive(
        uplink,
        until=lambda: health(observer)["campaign"].get("version") == 5,
        what="the campaign is told",
    )
    assert health(observer)["campaign"]["name"] == "summer"
    assert health(observer)["config"] == {
        "version": 0,
        "name": "",
        "refused": None,
        "reason": None,
    }
    assert (tmp_path / "desired/restart/uplink").exists()
    uplink.close()
    # It starts again, as it has asked for.
    uplink = uplink_for(load_settings(tmp_path / "config.yaml"))
    drive(
        uplink,
        until=lambda: health(observer)["config"].get("version") == 2,
        what="the configuration is told",
    )
    observer.publish_retained(
        f"{BRANCH}/down/config", office.document("config", 3, {"broker": {"host": "x"}})
    )
    drive(
        uplink,
        until=lambda: health(observer)["config"].get("refused") == 3,
        what="the refusal is told",
    )
    assert health(observer)["config"]["version"] == 2
    assert "broker" in health(observer)["config"]["reason"]
    installed = installed_campaign(load_settings(tmp_path / "config.yaml").desired)
    assert installed is not None
    assert installed.version == 5
    uplink.close()
    observer.close()


def test_what_would_not_fit_into_the_memory_is_not_even_delivered(tmp_path, broker, office, caplog):
    observer = Publisher(broker.port, f"{BRANCH}/up/reply")
    observer.publish_retained(f"{BRANCH}/down/config", b"x" * 3_000_000)
    uplink = uplink_for(settings(tmp_path, broker, office, None))

    def heard() -> bool:
        if uplink._link.connected:
            observer.publish(f"{BRANCH}/down/command", office.command("ping"))
        return bool(observer.of("up/reply"))

    drive(uplink, until=heard, what="a ping is answered")
    assert "event=message_too_large" not in caplog.text
    uplink.close()
    observer.close()


def test_a_command_is_answered_once_on_its_topic(tmp_path, broker, office):
    observer = Observer(broker.port, f"{BRANCH}/up/reply")
    uplink = uplink_for(settings(tmp_path, broker, office, None))

    def heard() -> bool:
        if uplink._link.connected:
            observer.publish(f"{BRANCH}/down/command", office.command("ping"))
        return bool(observer.of("up/reply"))

    drive(uplink, until=heard, what="a ping is answered")
    wanted = office.command("diagnose", id="00000000000000aa")
    for _ in range(3):
        observer.publish(f"{BRANCH}/down/command", wanted)
    last = office.command("ping", id="00000000000000bb")
    observer.publish(f"{BRANCH}/down/command", last)

    def replies() -> list[str]:
        return [json.loads(one)["id"] for one in observer.of("up/reply")]

    drive(uplink, until=lambda: "00000000000000bb" in replies(), what="the last is answered")
    assert replies().count("00000000000000aa") == 1
    uplink.close()
    observer.close()
