"""Commands are begun once, and orders are handed on."""

from __future__ import annotations

import pytest

from kiosk.errors import StateError
from kiosk.state import Order, forget_order, note_command, pending_orders, place_order
from kiosk.state import orders as module

NOW, SOON, LATER = "2026-03-04T12:00:00Z", "2026-03-04T12:10:00Z", "2026-03-04T13:00:00Z"


def test_a_command_is_begun_once_until_it_need_not_be_remembered(store):
    assert note_command(store, "a", SOON, NOW)
    assert not note_command(store, "a", SOON, NOW)
    assert note_command(store, "b", SOON, NOW)
    assert note_command(store, "a", "2026-03-04T14:00:00Z", LATER)
    assert store.db.execute("SELECT id FROM commands").fetchall() == [("a",)]


def test_when_too_many_are_remembered_none_is_forgotten_for_a_new_one(store, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    for name in "abc":
        assert note_command(store, name, SOON, NOW)
    with pytest.raises(StateError, match="3 commands"):
        note_command(store, "d", SOON, NOW)
    assert not note_command(store, "a", SOON, NOW)
    assert note_command(store, "d", "2026-03-04T14:00:00Z", LATER)


def test_of_each_name_the_latest_order_waits(store):
    first, second = Order("identify", "1", SOON), Order("identify", "2", LATER)
    place_order(store, first)
    place_order(store, Order("reload-campaign", "3", SOON))
    place_order(store, second)
    assert second in pending_orders(store)
    assert len(pending_orders(store)) == 2
    forget_order(store, first)
    assert second in pending_orders(store), "another came meanwhile"
    forget_order(store, second)
    assert [order.name for order in pending_orders(store)] == ["reload-campaign"]
