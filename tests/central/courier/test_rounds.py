"""What the courier brings to the broker, and what it brings again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from kiosk.central.authority import make_signing_key
from kiosk.central.courier import (
    Courier,
    Draft,
    forget_deliveries,
    order_command,
    publish_document,
)
from kiosk.central.store import open_database
from kiosk.central.store.tables import commands, deliveries, devices
from tests import postgres
from tests.central.courier.desks import (
    WINDOW,
    Desk,
    add_device,
    command_in,
    command_row,
    document_in,
    settings_in,
)
from tests.fakes import FakeClock


class Office:
    """A database, a key and a courier."""

    def __init__(self, folder, database=None):
        settings = settings_in(folder, **({"database": database} if database else {}))
        self.clock = FakeClock()
        self.settings = settings
        self.engine: Engine = open_database(settings.central)
        self.key = make_signing_key(settings.central.folder)
        self.public = self.key.public_key()
        self.desk = self.new_desk()

    def new_desk(self) -> Desk:
        """Another courier, as after a crash."""
        return Desk(Courier(self.engine, self.settings, self.clock))

    def device(self, names="acme/berlin-1/window", **about):
        with self.engine.begin() as connection:
            return add_device(connection, names, at=self.clock.utc(), **about)

    def order(self, device, name="ping", valid_s=300.0):
        with self.engine.begin() as connection:
            return order_command(connection, device, name, {}, "ada", self.clock.utc(), valid_s)

    def publish(self, target="*/*/*", level="debug", kind="config"):
        draft = Draft(kind, target, {"log": {"level": level}} if level else {})
        with self.engine.begin() as connection:
            return publish_document(connection, draft, "ada", self.clock.utc(), self.key)

    def round(self, seconds=10.0):
        """Time passes and the courier makes one round; what it handed in."""
        self.clock.advance(seconds)
        self.desk.courier.due(self.desk.publish)
        return self.desk.collect()

    def settled(self):
        """Rounds until nothing more is due; all that was handed in."""
        taken = []
        while found := self.round():
            taken += found
            self.desk.answer()
        return taken


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


def test_a_command_is_signed_and_sent_once(office):
    number = office.order(office.device())
    (publication,) = office.round()
    assert publication.topic == WINDOW.topic("down/command")
    assert (publication.qos, publication.retain) == (1, False)
    command = command_in(publication, office.public)
    assert (command.id, command.name, command.target) == (number, "ping", str(WINDOW))
    assert command.expires_at - command.issued == timedelta(seconds=300)
    assert office.round() == []
    office.desk.answer()
    assert office.round() == []
    assert command_row(office.engine, number).sent is not None


def test_a_command_that_the_broker_never_confirmed_is_sent_again_after_a_crash(office):
    number = office.order(office.device())
    assert len(office.round()) == 1
    office.desk = office.new_desk()
    (again,) = office.round()
    assert command_in(again, office.public).id == number


def test_a_command_waits_for_a_device_that_is_away(office):
    device = office.device(state="offline")
    office.order(device)
    assert office.round() == []
    with office.engine.begin() as connection:
        connection.execute(update(devices).values(state="online"))
    assert len(office.round()) == 1


def test_a_command_that_nobody_answered_expires(office):
    device = office.device(state="offline")
    unsent = office.order(device, valid_s=60)
    answered = office.order(device, valid_s=60)
    with office.engine.begin() as connection:
        wanted = update(commands).where(commands.c.id == answered)
        connection.execute(wanted.values(outcome="done"))
    office.round(61)
    assert command_row(office.engine, unsent).outcome is None
    with office.engine.begin() as connection:
        connection.execute(update(devices).values(state="online"))
    assert office.round(5) == []
    assert office.round(61) == []
    assert command_row(office.engine, unsent).outcome == "expired"
    assert command_row(office.engine, answered).outcome == "done"


def test_each_device_gets_the_newest_document_that_means_it(office):
    for names in ("acme/berlin-1/window", "acme/berlin-2/door", "other/oslo/hall"):
        office.device(names)
    office.publish("acme/*/*", "debug")
    office.publish("*/*/*", "error")
    office.publish("*/berlin-2/*", "warning")
    office.publish("acme/berlin-1/window", "info", kind="campaign")
    found = {one.topic: document_in(one, office.public) for one in office.settled()}
    assert {topic: (one.kind, one.version) for topic, one in found.items()} == {
        "kiosk/v1/acme/berlin-1/window/down/config": ("config", 2),
        "kiosk/v1/acme/berlin-2/door/down/config": ("config", 3),
        "kiosk/v1/other/oslo/hall/down/config": ("config", 2),
        "kiosk/v1/acme/berlin-1/window/down/campaigns": ("campaign", 1),
    }


def test_a_document_is_kept_at_the_broker_and_not_sent_twice(office):
    office.device()
    office.publish()
    (publication,) = office.round()
    assert (publication.qos, publication.retain) == (1, True)
    assert office.round() == []
    office.desk.answer()
    assert office.settled() == []


def test_a_device_that_is_heard_of_later_gets_its_document(office):
    office.publish()
    assert office.settled() == []
    office.device()
    assert len(office.settled()) == 1
    office.device("acme/berlin-1/door")
    assert [one.topic for one in office.settled()] == ["kiosk/v1/acme/berlin-1/door/down/config"]


def test_a_document_that_is_taken_back_is_replaced_by_an_empty_one(office):
    office.device()
    office.publish()
    office.settled()
    office.publish(level=None)
    (publication,) = office.settled()
    assert document_in(publication, office.public).content == {}


def test_a_document_that_was_not_confirmed_is_sent_again(office):
    office.device()
    office.publish()
    assert len(office.round()) == 1
    office.desk.lose()
    assert len(office.round()) == 1
    office.desk = office.new_desk()
    assert len(office.settled()) == 1


def test_what_was_sent_shortly_before_the_broker_died_is_sent_again(office):
    office.device()
    office.publish()
    office.settled()
    office.clock.advance(3600)
    office.device("acme/berlin-1/door")
    assert len(office.settled()) == 1
    office.desk.lose()
    # The broker saves what it keeps each minute; an hour ago is safe.
    assert [one.topic for one in office.settled()] == ["kiosk/v1/acme/berlin-1/door/down/config"]


def test_a_broker_that_has_lost_everything_gets_everything_again(office):
    office.device()
    office.publish()
    office.publish(kind="campaign")
    assert len(office.settled()) == 2
    office.clock.advance(3600)
    with office.engine.begin() as connection:
        forget_deliveries(connection)
    assert len(office.settled()) == 2


def test_many_documents_go_in_bites_behind_which_nothing_waits_long(office):
    with office.engine.begin() as connection:
        for number in range(450):
            add_device(connection, f"acme/berlin-1/screen-{number}")
    office.publish()
    assert len(office.round()) == 200
    assert office.round() == []
    office.desk.answer()
    assert len(office.round(0)) == 200
    office.desk.answer()
    urgent = office.order(1)
    assert [len(office.settled()), command_row(office.engine, urgent).sent is not None] == [
        51,
        True,
    ]
    with office.engine.connect() as connection:
        assert len(connection.execute(select(deliveries)).all()) == 450


def test_a_broker_that_cannot_take_more_gets_the_rest_later(office):
    office.device()
    office.order(1)
    office.publish()
    office.desk.open = False
    assert office.round() == []
    office.desk.open = True
    assert len(office.settled()) == 2


def test_a_refused_message_is_told_and_tried_again_after_a_pause(office, caplog):
    number = office.order(office.device())
    assert len(office.round()) == 1
    office.desk.answer("Not authorized")
    assert "event=publish_refused client=courier" in caplog.text
    assert office.round(30) == []
    assert len(office.round(31)) == 1
    office.desk.answer()
    office.round()
    assert command_row(office.engine, number).sent is not None


def test_without_the_signing_key_documents_go_and_commands_wait_and_it_is_told_once(office, caplog):
    (office.settings.central.folder / "keys" / "signing.key").rename(
        office.settings.central.folder / "keys" / "elsewhere"
    )
    office.order(office.device())
    office.publish()
    assert [one.retain for one in office.settled()] == [True]
    assert caplog.text.count("event=signing_key_missing") == 1


def test_a_row_that_is_no_command_does_not_stop_the_others(office, caplog):
    device = office.device()
    bad, good = office.order(device), office.order(device)
    with office.engine.begin() as connection:
        wanted = update(commands).where(commands.c.id == bad)
        connection.execute(wanted.values(args='{"x": {"y": 1}}'))
    (publication,) = office.round()
    assert command_in(publication, office.public).id == good
    assert office.round() == []
    assert command_row(office.engine, bad).outcome == "failed"
    assert caplog.text.count(f"event=command_unfit id={bad}") == 1


def test_an_answer_for_somebody_elses_message_is_left_alone(office):
    assert office.desk.courier.answered(4711, None) is False


def test_everything_works_on_postgresql_too(tmp_path):
    office = Office(tmp_path, postgres.database())
    number = office.order(office.device())
    office.publish()
    assert sorted(one.retain for one in office.settled()) == [False, True]
    assert command_row(office.engine, number).sent is not None
    with office.engine.begin() as connection:
        forget_deliveries(connection)
    assert len(office.settled()) == 1
    office.engine.dispose()
