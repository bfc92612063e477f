"""Documents are numbered, signed and kept."""

from __future__ import annotations

import datetime
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from kiosk.central.courier import Draft, file_sealed, publish_document
from kiosk.central.store import open_database
from kiosk.central.store.tables import documents
from kiosk.errors import BadInputError
from kiosk.wire import DOCUMENT_MAX_BYTES, MAX_INT, Document, Sealed, seal, unseal
from tests import postgres
from tests.central.courier.desks import add_device, audited, settings_in
from tests.fakes import NOON

KEY = Ed25519PrivateKey.generate()
DARK = {"log": {"level": "debug"}}


@pytest.fixture
def engine(tmp_path):
    return open_database(settings_in(tmp_path).central)


def publish(engine, kind="config", target="*/*/*", content=DARK):
    with engine.begin() as connection:
        return publish_document(connection, Draft(kind, target, content), "ada", NOON, KEY)


def kept(engine):
    with engine.connect() as connection:
        return connection.execute(select(documents).order_by(documents.c.id)).all()


def test_a_document_is_signed_as_it_will_be_sent(engine):
    assert publish(engine, target="acme/*/*") == 1
    (row,) = kept(engine)
    text = unseal(Sealed.model_validate_json(row.sealed), "document", [KEY.public_key()])
    document = Document.model_validate_json(text)
    assert (document.kind, document.target, document.version) == ("config", "acme/*/*", 1)
    assert (document.content, document.issued) == (DARK, NOON)
    assert audited(engine) == [("ada", "publish config", "acme/*/*", "number 1")]


def test_numbers_go_up_over_all_targets_of_a_kind(engine):
    assert publish(engine, target="acme/*/*") == 1
    assert publish(engine, target="*/*/*") == 2
    assert publish(engine, "campaign") == 1
    assert publish(engine, target="acme/berlin-1/window") == 3


def test_a_new_database_goes_on_above_what_devices_know_of(engine):
    with engine.begin() as connection:
        health = {"config": {"version": 7, "refused": 9}, "campaign": {"version": 4}}
        add_device(connection, health=json.dumps(health))
        add_device(connection, "acme/berlin-1/old", health='{"schema": 2}')
    assert publish(engine) == 10
    assert publish(engine, "campaign") == 5


def test_a_device_that_lies_about_its_number_does_not_use_up_all_numbers(engine):
    with engine.begin() as connection:
        add_device(connection, health=json.dumps({"config": {"version": MAX_INT}}))
    assert publish(engine) == 1


def test_an_empty_document_is_told_in_the_audit(engine):
    publish(engine, content={})
    assert audited(engine)[0][3] == "number 1, empty: back to the devices' own"


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (Draft("config", "acme/berlin", DARK), "config: target: string should match"),
        (Draft("config", "acme/berlin/a b", DARK), "config: target: string should match"),
        (Draft("config", "*/*/*", {"log": {"day": datetime.date(2026, 1, 2)}}), None),
        (Draft("config", "*/*/*", {"log": {"level": {1, 2}}}), None),
        (Draft("campaign", "*/*/*", {"x": "y" * DOCUMENT_MAX_BYTES}), "a document may take 262144"),
        (Draft("campaign", "*/*/*", {"x": "\u20ac" * 90_000}), "takes 270"),
    ],
    ids=["two names", "a space", "a date", "a set", "too large", "too large in utf-8"],
)
def test_what_no_device_would_take_is_refused(engine, draft, reason):
    if reason is None:
        # What JSON can say in some way is published in that way.
        with engine.begin() as connection:
            publish_document(connection, draft, "ada", NOON, KEY)
        assert json.loads(json.loads(kept(engine)[0].sealed)["body"])["content"]["log"]
        return
    with pytest.raises(BadInputError, match=reason), engine.begin() as connection:
        publish_document(connection, draft, "ada", NOON, KEY)
    assert kept(engine) == []


def sealed(version=5, purpose="document", key=KEY, kind="config"):
    document = Document(kind=kind, target="*/*/*", version=version, issued=NOON, content=DARK)
    return seal(document.encode().decode(), purpose, key)


def test_a_document_that_was_signed_elsewhere_is_kept_as_it_is(engine):
    given = sealed()
    with engine.begin() as connection:
        assert file_sealed(connection, given, "api", NOON, [KEY.public_key()]) == 5
    assert Sealed.model_validate_json(kept(engine)[0].sealed) == given
    assert publish(engine) == 6


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (sealed(key=Ed25519PrivateKey.generate()), "is not trusted here"),
        (sealed(purpose="command"), "its signature does not fit"),
        (sealed(version=4), "devices know of number 4 already"),
        (seal("{}", "document", KEY), "document: kind: field required"),
        (seal("no json", "document", KEY), "document: "),
    ],
    ids=["another key", "a command's signature", "an old number", "no document", "no json"],
)
def test_a_document_that_was_signed_elsewhere_is_checked_as_devices_do(engine, given, reason):
    with engine.begin() as connection:
        file_sealed(connection, sealed(version=4), "api", NOON, [KEY.public_key()])
    with pytest.raises(BadInputError, match=reason), engine.begin() as connection:
        file_sealed(connection, given, "api", NOON, [KEY.public_key()])
    assert len(kept(engine)) == 1


def test_two_who_publish_at_once_get_two_numbers_on_postgresql(tmp_path):
    engine = open_database(settings_in(tmp_path, database=postgres.database()).central)
    with ThreadPoolExecutor(4) as pool:
        targets = [f"acme/*/device-{number}" for number in range(12)]
        numbers = list(pool.map(lambda target: publish(engine, target=target), targets))
    assert sorted(numbers) == list(range(1, 13))
    engine.dispose()
