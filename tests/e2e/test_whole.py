"""The three processes on real footage with a real broker."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import jsonschema
import psutil
import pytest

from kiosk.wire import json_schemas, parse_topic
from tests.e2e.appliance import ROOT, Appliance, Ear, Mosquitto, Process, clip
from tests.mosquitto import wait_for

pytestmark = pytest.mark.timeout(180)


def test_the_demo_targets_a_woman_and_follows_her_mood_from_negative_to_positive() -> None:
    clip()
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "demo", "--seconds", "40", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    summary = json.loads(done.stdout.splitlines()[-1])

    assert set(summary) == {
        "frames",
        "fps",
        "inference_ms",
        "passes",
        "watchers",
        "plays",
        "plays_by_reason",
        "mqtt_messages",
        "peak_rss_mb",
    }
    reasons = set(summary["plays_by_reason"])
    assert "targeted: gender=female mood=negative" in reasons
    assert "targeted: gender=female mood=positive" in reasons
    assert summary["passes"] >= 1
    assert summary["watchers"] >= 1
    assert summary["plays"] == sum(summary["plays_by_reason"].values()) >= 3
    assert summary["mqtt_messages"] >= 2


def test_everything_arrives_once_though_every_part_is_killed_in_turn(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", persistence=True) as broker:
        ear = Ear(broker.port)
        shop = Appliance(tmp_path, broker.port)
        office = Process("central", "ingest", config=shop.config, log=tmp_path / "central.log")
        try:
            shop.wait_for_state(lambda s: s["viewers"], "a viewer", 60)

            shop.child("vision").kill()
            shop.wait_for_state(lambda s: s["vision"]["state"] != "live", "vision's death")
            shop.wait_for_state(lambda s: s["viewers"], "vision's return")

            shop.child("director").kill()
            wait_for(lambda: not shop.state(), "the director's death")
            shop.wait_for_state(lambda s: s["play"], "the director's return")

            broker.stop()
            plays = sum(shop.state()["counts"]["plays_by_reason"].values())
            shop.wait_for_state(
                lambda s: sum(s["counts"]["plays_by_reason"].values()) > plays + 1,
                "plays while the broker is away",
            )
            broker.start()
            shop.child("uplink").kill()

            wait_for(lambda: len(ear.of("up/plays")) > 1, "plays at the broker", 30)
            children = psutil.Process(shop.run.child.pid).children()
            assert shop.stop() == 0
            assert not [child for child in children if child.is_running()]

            again = Process("uplink", config=shop.config, log=tmp_path / "uplink.log")
            wait_for(lambda: again.said("event=broker_connected"), "the uplink's return", 30)
            wait_for(lambda: _outbox(tmp_path) == 0, "an empty outbox", 30)
            wait_for(lambda: ear.of("up/hours"), "the hour at the broker")
            assert again.stop() == 0
        finally:
            shop.stop()
            office.stop()
            ear.close()

    told = _rows(tmp_path / "state.db", "SELECT play_id FROM plays WHERE seq IS NOT NULL")
    arrived = _rows(
        tmp_path / "central.db",
        "SELECT json_extract(value, '$.play_id') FROM play_batches, json_each(proofs)",
    )
    assert sorted(told) == sorted(arrived)
    unsent = _rows(tmp_path / "state.db", "SELECT play_id FROM plays WHERE seq IS NULL")
    assert unsent == []
    published = _rows(tmp_path / "state.db", "SELECT hour FROM published_hours")
    assert len(published) == len(_rows(tmp_path / "central.db", "SELECT at FROM hours")) >= 1
    _check_payloads(ear)
    noises = [hour["noise"]["mechanism"] for hour in ear.of("up/hours")]
    assert set(noises) == {"discrete-laplace"}
    ledger = _rows(tmp_path / "state.db", "SELECT epsilon FROM published_hours")
    assert set(ledger) == {1.0}


def _check_payloads(ear: Ear) -> None:
    schemas = json_schemas()
    seen = set()
    for topic, payload in ear.heard:
        found = parse_topic(topic)
        assert found is not None, topic
        branch, leaf = found
        assert str(branch) == "demo/shop-1/kiosk-1"
        jsonschema.validate(payload, schemas[leaf.replace("/", "-")])
        seen.add(leaf)
    assert seen == {"status", "up/hours", "up/plays", "up/health", "down/ack"}
    told = [payload for topic, payload in ear.heard if not topic.endswith("up/health")]
    assert "reason" not in json.dumps(told)
    text = json.dumps([payload for _, payload in ear.heard])
    assert "targeted" not in text


def _outbox(folder: Path) -> int:
    return int(_rows(folder / "state.db", "SELECT count(*) FROM outbox")[0])


def _rows(path: Path, query: str) -> list[object]:
    connection = sqlite3.connect(path, timeout=10)
    try:
        return [row[0] for row in connection.execute(query)]
    finally:
        connection.close()
