"""What is sent next."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from kiosk.state import Message
from kiosk.uplink.backoff import Backoff
from kiosk.uplink.drain import Drain

ROWS = [Message("plays", seq, b"{}") for seq in range(1, 31)]


def drain(window=5):
    return Drain(window, Backoff(1, 8, Random(1)))


def test_no_more_than_the_window_is_on_its_way():
    box = drain()
    for mid, message in enumerate(box.choose(ROWS[:5], 0, 100)):
        box.sent(mid, message)
    assert box.choose(ROWS, 0, 100) == []
    box.accepted(0)
    assert box.choose(ROWS, 0, 100) == [], "the window opens by a mark on the disk"
    box.marked(box.to_mark())
    assert box.choose(ROWS[1:], 0, 100) == [ROWS[5]]


def test_a_broker_that_takes_less_than_the_window_gets_less():
    assert drain().choose(ROWS, 0, 2) == ROWS[:2]


def test_a_lost_connection_sends_again_what_had_no_answer():
    box = drain()
    for mid, message in enumerate(box.choose(ROWS, 0, 100)):
        box.sent(mid, message)
    box.accepted(0)
    box.connection_lost()
    assert box.to_mark() == ROWS[:1]
    assert box.choose(ROWS, 0, 100) == ROWS[1:5]


def test_a_refused_message_is_not_marked_and_pauses_the_sending():
    box = drain()
    for mid, message in enumerate(box.choose(ROWS, 0, 100)):
        box.sent(mid, message)
    message, wait_s = box.refused(0, now=10)
    assert message == ROWS[0]
    assert box.refused(1, now=10) is None, "one pause is told once"
    assert box.to_mark() == []
    assert box.choose(ROWS, 10 + wait_s - 0.01, 100) == []
    assert ROWS[0] in box.choose(ROWS, 10 + wait_s, 100)


def test_an_answer_to_what_is_not_ours_changes_nothing():
    box = drain()
    box.accepted(99)
    assert box.refused(98, 0) is None
    assert box.to_mark() == []


@given(st.lists(st.sampled_from(["send", "accept", "refuse", "mark", "lose", "wait"])))
def test_nothing_is_sent_twice_at_once_lost_or_held_beyond_the_window(steps):
    box, rows, now, mids = drain(3), list(ROWS[:10]), 0.0, 0
    flying: dict[int, Message] = {}
    for step in steps:
        if step == "send":
            for message in box.choose(rows[:3], now, 100):
                assert message not in flying.values()
                mids += 1
                flying[mids] = message
                box.sent(mids, message)
        elif step in ("accept", "refuse") and flying:
            mid = min(flying)
            flying.pop(mid)
            box.accepted(mid) if step == "accept" else box.refused(mid, now)
        elif step == "mark":
            done = box.to_mark()
            rows = [row for row in rows if row not in done]
            box.marked(done)
        elif step == "lose":
            flying.clear()
            box.connection_lost()
        else:
            now += 10
        assert len(flying) + len(box.to_mark()) <= 3
    flying.clear()
    box.connection_lost()
    for _ in range(20):
        for message in box.choose(rows[:3], now, 100):
            mids += 1
            box.sent(mids, message)
            box.accepted(mids)
        done = box.to_mark()
        rows = [row for row in rows if row not in done]
        box.marked(done)
    assert rows == []
