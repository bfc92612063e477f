"""The simulated devices of the fleet bench keep what head office has not acknowledged."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime
from random import Random

import pytest

from kiosk.bench.fleet import packets
from kiosk.bench.fleet.outboxes import (
    BATCHES,
    MESSAGES,
    Key,
    Outboxes,
    device_payloads,
    sending_order,
)
from kiosk.simulate import Fleet
from kiosk.wire import Hours, Plays

HOUR = datetime(2026, 11, 18, 12, tzinfo=UTC)


def outboxes(*keys: Key, window: int = 100) -> Outboxes:
    return Outboxes(deque(keys), window, patience_s=10, epochs={0: "0000000a", 1: "0000000b"})


def ack(stream: str, seq: int, epoch: str = "0000000a") -> bytes:
    return json.dumps({"schema": 1, "stream": stream, "epoch": epoch, "seq": seq}).encode()


def send_all(box: Outboxes, now: float) -> list[Key]:
    sent = []
    while (key := box.next()) is not None:
        box.sent(key, now)
        sent.append(key)
    return sent


def test_a_fleet_has_one_hour_and_twelve_batches_of_each_device_to_send() -> None:
    fleet = Fleet(6)
    payloads = device_payloads(fleet, range(6), HOUR)
    assert set(payloads) == {(device, message) for device in range(6) for message in range(13)}
    for (device, message), payload in payloads.items():
        model = Hours if message == BATCHES else Plays
        content = model.model_validate_json(payload)
        assert content.epoch == fleet.epoch(device)
        assert content.seq == (1 if message == BATCHES else message + 1)


def test_some_messages_leave_twice_and_none_is_forgotten() -> None:
    order = sending_order(range(500), Random(1), duplicates=0.02, disorder=0.05)
    assert set(order) == {(device, number) for device in range(500) for number in range(MESSAGES)}
    again = len(order) - 500 * MESSAGES
    assert 80 < again < 180


def test_what_was_on_its_way_when_the_connection_ended_is_sent_again() -> None:
    box = outboxes((0, 0), (0, 1))
    assert send_all(box, 0) == [(0, 0), (0, 1)]
    box.lost(iter([(0, 1)]))
    assert send_all(box, 1) == [(0, 1)]
    assert (box.tally.sent, box.tally.again) == (3, 1)


def test_silence_of_head_office_makes_a_device_send_again_until_it_answers() -> None:
    box = outboxes((0, 0), (0, BATCHES))
    send_all(box, 0)
    assert box.overdue(9.9) == 0
    box.acknowledge(0, ack("plays", 1))
    assert box.overdue(10) == 1
    assert send_all(box, 10) == [(0, BATCHES)]
    box.acknowledge(0, ack("hours", 1))
    assert box.overdue(30) == 0


def test_an_acknowledgement_covers_everything_up_to_it_once_and_of_its_own_life_only() -> None:
    box = outboxes((0, 0), (0, 1), (0, 2))
    send_all(box, 0)
    box.acknowledge(0, ack("plays", 3, epoch="0000000b"))
    assert box.tally.acknowledged == 0
    for _ in range(2):
        box.acknowledge(0, ack("plays", 2))
    assert box.tally.acknowledged == 2
    assert box.has((0, 1))
    assert not box.has((0, 2))
    assert not box.finished


def test_no_more_is_on_its_way_than_the_window_holds() -> None:
    box = outboxes((0, 0), (0, 1), (0, 2), window=2)
    assert send_all(box, 0) == [(0, 0), (0, 1)]
    box.acknowledge(0, ack("plays", 1))
    assert send_all(box, 0) == [(0, 2)]


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_383, 16_384, 70_000])
def test_packets_of_any_length_are_read_as_they_were_written(size: int) -> None:
    reader = packets.Reader()
    payload = bytes(size)
    stream = packets.publish("a/b", payload, 7) + packets.puback(300)
    found = []
    for begin in range(0, len(stream), 1000):
        found += list(reader.feed(stream[begin : begin + 1000]))
    assert [kind for kind, _, _ in found] == [packets.PUBLISH, packets.PUBACK]
    assert packets.published(*found[0][1:]) == ("a/b", 7, payload)
    assert found[1][2] == (300).to_bytes(2, "big")
