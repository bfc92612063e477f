"""What head office signs: nobody else's word counts, nor a word about something else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kiosk.wire import Branch, Command, Document, Medium, Sealed, SealError, is_for, seal, unseal

OFFICE = Ed25519PrivateKey.generate()
FORGER = Ed25519PrivateKey.generate()
TRUSTED = [FORGER.public_key(), OFFICE.public_key()]
NOW = "2026-03-04T05:06:07Z"


@given(st.text(max_size=200))
def test_what_was_sealed_is_read_back_by_whoever_trusts_the_key(body):
    sealed = seal(body, "document", OFFICE)
    arrived = Sealed.model_validate_json(sealed.encode())
    assert unseal(arrived, "document", TRUSTED) == body


def test_a_document_is_no_command_though_the_same_key_signed_it():
    with pytest.raises(SealError, match="altered"):
        unseal(seal("{}", "document", OFFICE), "command", TRUSTED)


def test_one_altered_letter_breaks_the_seal():
    sealed = seal('{"version": 2}', "document", OFFICE)
    with pytest.raises(SealError, match="altered"):
        unseal(sealed.model_copy(update={"body": '{"version": 3}'}), "document", TRUSTED)


def test_a_key_that_is_not_trusted_counts_for_nothing_even_under_a_trusted_name():
    forged = seal("{}", "command", FORGER)
    with pytest.raises(SealError, match="not trusted"):
        unseal(forged, "command", [OFFICE.public_key()])
    renamed = forged.model_copy(update={"key": seal("{}", "command", OFFICE).key})
    with pytest.raises(SealError, match="altered"):
        unseal(renamed, "command", [OFFICE.public_key()])


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("demo/shop-1/kiosk-1", True),
        ("demo/shop-1/*", True),
        ("*/*/*", True),
        ("demo/shop-1/kiosk-2", False),
        ("demo/*/kiosk-10", False),
        ("other/*/*", False),
    ],
)
def test_a_target_means_the_devices_that_it_names(target, meant):
    assert is_for(target, Branch("demo", "shop-1", "kiosk-1")) is meant


@pytest.mark.parametrize(
    "target", ["", "demo/shop-1", "demo/shop-1/kiosk-1/x", "demo/#/*", "d/s/k*"]
)
def test_a_target_that_is_none_is_refused(target):
    with pytest.raises(ValidationError, match="target"):
        Document(kind="config", target=target, version=1, issued=NOW, content={})


@pytest.mark.parametrize("file", ["/etc/passwd", "../x.png", "a//b", "a/./b", "a\\b", ""])
def test_a_medium_cannot_name_a_file_outside_its_campaign(file):
    with pytest.raises(ValidationError, match="plain names"):
        Medium(file=file, url="https://media.example/x", sha256="0" * 64, bytes=1)


def test_a_command_names_itself_so_that_it_is_done_once():
    command = {"target": "*/*/*", "name": "ping", "args": {}, "issued": NOW, "expires_at": NOW}
    assert Command.model_validate({"id": "0123456789abcdef", **command}).name == "ping"
    with pytest.raises(ValidationError, match="id"):
        Command.model_validate(command)
