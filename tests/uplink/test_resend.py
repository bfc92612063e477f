"""When to send again what head office has not acknowledged."""

from __future__ import annotations

from kiosk.uplink.resend import LONGEST_FACTOR, ResendTimer


def test_nothing_at_the_broker_is_never_due():
    assert not ResendTimer(120).due(1e9)


def test_the_wait_runs_from_the_first_message_not_the_latest():
    timer = ResendTimer(120)
    for seq in range(1, 120):
        timer.at_broker("plays", seq, now=seq)
    assert not timer.due(120)
    assert timer.due(121)


def test_news_of_one_stream_does_not_hide_the_silence_of_another():
    timer = ResendTimer(120)
    timer.at_broker("hours", 1, now=0)
    for seq in range(1, 121):
        timer.at_broker("plays", seq, now=seq)
        timer.acknowledged("plays", seq, now=seq)
    assert timer.due(120)


def test_an_acknowledgement_of_everything_ends_the_wait():
    timer = ResendTimer(120)
    timer.at_broker("plays", 3, now=0)
    timer.acknowledged("plays", 3, now=1)
    assert not timer.due(1e9)
    timer.at_broker("plays", 2, now=2)
    assert not timer.due(1e9), "an answer of the broker that came after head office's"


def test_an_acknowledgement_of_a_part_starts_the_wait_again():
    timer = ResendTimer(120)
    timer.at_broker("plays", 3, now=0)
    timer.acknowledged("plays", 2, now=100)
    assert not timer.due(219)
    assert timer.due(220)


def test_while_head_office_is_silent_the_wait_doubles_up_to_a_bound():
    timer, now, waits = ResendTimer(10), 0.0, []
    timer.at_broker("plays", 1, now)
    for _ in range(8):
        began = now
        while not timer.due(now):
            now += 1
        waits.append(now - began)
        timer.resent(now)
    assert waits == [10, 20, 40, 80, 160, 320, 10 * LONGEST_FACTOR, 10 * LONGEST_FACTOR]


def test_a_word_after_a_long_silence_takes_the_wait_back():
    timer = ResendTimer(10)
    timer.at_broker("plays", 1, 0)
    for now in (10, 30, 70):
        timer.resent(now)
    assert not timer.due(85)
    timer.heard(85)
    assert timer.due(85)
    timer.resent(85)
    timer.heard(90)
    assert not timer.due(104), "the next wait is doubled: it only says that something is missing"


def test_what_an_earlier_run_left_is_due_once():
    timer = ResendTimer(10)
    timer.found_at_start(0)
    assert timer.due(10)
    timer.resent(10)
    assert not timer.due(1e9)


def test_only_a_head_office_that_speaks_is_sent_everything_again():
    timer = ResendTimer(10)
    timer.at_broker("plays", 1, 0)
    assert timer.hopeful, "nothing is known of it yet"
    timer.resent(10)
    assert not timer.hopeful
    timer.heard(15)
    assert timer.hopeful
