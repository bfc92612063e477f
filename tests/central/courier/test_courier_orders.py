"""Commands on their way into the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from kiosk.central.courier import ORDERS, order_command
from kiosk.central.store import open_database
from kiosk.central.store.tables import commands
from kiosk.errors import BadInputError
from tests.central.courier.desks import add_device, audited, command_row, settings_in
from tests.fakes import NOON


@pytest.fixture
def engine(tmp_path):
    return open_database(settings_in(tmp_path).central)


@pytest.fixture
def device(engine):
    with engine.begin() as connection:
        return add_device(connection)


def test_an_order_is_written_down_with_who_gave_it_and_until_when_it_holds(engine, device):
    with engine.begin() as connection:
        number = order_command(connection, device, "restart", {"process": "all"}, "ada", NOON, 60)
    row = command_row(engine, number)
    assert (row.name, row.args, row.by) == ("restart", '{"process": "all"}', "ada")
    assert row.expires_at - row.issued == timedelta(seconds=60)
    assert (row.sent, row.outcome) == (None, None)
    assert audited(engine) == [("ada", "order restart", "acme/berlin-1/window", "process=all")]


@pytest.mark.parametrize("name", [name for name, args in ORDERS.items() if not args])
def test_every_command_without_arguments_can_be_ordered(engine, device, name):
    with engine.begin() as connection:
        order_command(connection, device, name, {}, "ada", NOON)


@pytest.mark.parametrize(
    ("name", "args", "reason"),
    [
        ("reboot", {}, "'reboot' is no command"),
        ("install-certificate", {"certificate": "x"}, "no command that can be ordered"),
        ("ping", {"loud": "yes"}, "takes no argument; loud was given"),
        ("restart", {}, "takes process; nothing was given"),
        ("restart", {"process": "sshd"}, "process 'sshd' is not one of vision, director"),
        ("restart", {"process": "all", "now": "1"}, "takes process; now, process was given"),
    ],
)
def test_an_order_that_no_device_could_follow_is_refused(engine, device, name, args, reason):
    with pytest.raises(BadInputError, match=reason), engine.begin() as connection:
        order_command(connection, device, name, args, "ada", NOON)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(commands)).scalar() == 0
    assert audited(engine) == []


def test_an_order_for_nobody_is_refused(engine):
    with pytest.raises(BadInputError, match="no device 77"), engine.begin() as connection:
        order_command(connection, 77, "ping", {}, "ada", NOON)


def test_unanswered_orders_of_a_device_are_bounded_until_they_expire(engine, device):
    with engine.begin() as connection:
        other = add_device(connection, "acme/berlin-1/door")
        for _ in range(50):
            order_command(connection, device, "ping", {}, "ada", NOON, 60)
        with pytest.raises(BadInputError, match="50 commands wait for an answer already"):
            order_command(connection, device, "ping", {}, "ada", NOON, 60)
        order_command(connection, other, "ping", {}, "ada", NOON, 60)
        order_command(connection, device, "ping", {}, "ada", NOON + timedelta(seconds=61), 60)
