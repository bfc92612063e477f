"""What a device is given to be let in."""

from __future__ import annotations

import stat

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import select

from kiosk.central.office import (
    enrol_device,
    enrolled_devices,
    media_origin,
    public_key_text,
    revoke_device,
)
from kiosk.central.store import open_database
from kiosk.central.store.tables import audit
from kiosk.config import Settings, load_settings
from kiosk.errors import BadInputError, StateError
from tests.central.courier.desks import settings_in

WINDOW = "acme/berlin-1/window"


def audited(settings: Settings) -> list[tuple[str, str, str]]:
    with open_database(settings.central).connect() as connection:
        rows = connection.execute(select(audit.c.who, audit.c.action, audit.c.target))
        return [tuple(row) for row in rows]


def test_a_device_gets_a_folder_that_its_configuration_can_begin_with(tmp_path):
    names = ["shop.example", "10.0.0.5"]
    settings = settings_in(tmp_path, broker={"names": names, "port": 18883})
    out = tmp_path / "usb" / "window"
    enrol_device(settings, WINDOW, out, by="ada")
    device = load_settings(out / "kiosk.yaml")
    assert (device.device.tenant, device.device.site, device.device.name) == (
        "acme",
        "berlin-1",
        "window",
    )
    assert (device.broker.host, device.broker.port) == ("shop.example", 18883)
    assert device.broker.tls.ca_file == out / "ca.crt"
    assert device.desired.public_keys == [out / "office.pub"]
    assert (out / "office.pub").read_text() == public_key_text(settings)
    assert stat.S_IMODE((out / "device.key").stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((out / "device.crt").read_bytes())
    private = load_pem_private_key((out / "device.key").read_bytes(), None)
    assert certificate.public_key() == private.public_key()
    assert audited(settings) == [("ada", "enrol", WINDOW)]


def test_the_sections_merge_with_the_shipped_configuration(tmp_path, request):
    out = tmp_path / "window"
    enrol_device(settings_in(tmp_path), WINDOW, out)
    whole = yaml.safe_load((request.config.rootpath / "config.yaml").read_text())
    for section, values in yaml.safe_load((out / "kiosk.yaml").read_text()).items():
        whole[section] = {**whole[section], **values}
    (out / "config.yaml").write_text(yaml.safe_dump(whole))
    assert load_settings(out / "config.yaml").broker.tls.key_file == out / "device.key"


def test_names_that_are_taken_are_refused_before_anything_is_written(tmp_path):
    settings = settings_in(tmp_path)
    enrol_device(settings, WINDOW, tmp_path / "first")
    with pytest.raises(BadInputError, match="enrolled already") as caught:
        enrol_device(settings, WINDOW, tmp_path / "second")
    assert "--again" in str(caught.value.hint)
    assert not (tmp_path / "second").exists()
    enrol_device(settings, WINDOW, tmp_path / "second", again=True)
    assert [one.revoked is None for one in enrolled_devices(settings)] == [False, True]
    assert audited(settings)[1:] == [("command line", "enrol again", WINDOW)]


def test_a_folder_with_something_in_it_is_not_written_into(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "device.key").write_text("another device's")
    settings = settings_in(tmp_path)
    with pytest.raises(BadInputError, match="there is something already"):
        enrol_device(settings, WINDOW, tmp_path / "out")
    assert enrolled_devices(settings) == []


def test_a_revoked_device_is_in_the_list_and_in_the_audit(tmp_path):
    settings = settings_in(tmp_path)
    enrol_device(settings, WINDOW, tmp_path / "out")
    assert revoke_device(settings, WINDOW, by="ada") == 1
    (one,) = enrolled_devices(settings)
    assert (str(one.branch), one.revoked is not None) == (WINDOW, True)
    assert audited(settings)[1:] == [("ada", "revoke", WINDOW)]
    with pytest.raises(BadInputError, match="has no valid certificate"):
        revoke_device(settings, WINDOW)


def test_a_device_is_revoked_even_when_the_audit_cannot_say_so(tmp_path):
    settings = settings_in(tmp_path)
    enrol_device(settings, WINDOW, tmp_path / "out")
    away = settings_in(tmp_path, database="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StateError, match="revoke of acme/berlin-1/window is done, but"):
        revoke_device(away, WINDOW)
    assert [one.revoked is not None for one in enrolled_devices(settings)] == [True]


@pytest.mark.parametrize(
    ("web", "origin"),
    [
        ({}, None),
        ({"public_url": "https://audience.example"}, "https://audience.example/media/"),
        ({"public_url": "http://audience.example"}, None),
        ({"cert_file": "/c", "key_file": "/k"}, "https://shop.example:8770/media/"),
        ({"host": "0.0.0.0"}, "https://shop.example:8770/media/"),
        ({"host": "::1"}, None),
    ],
)
def test_media_come_from_our_pages_when_they_are_served_by_https(tmp_path, web, origin):
    settings = settings_in(tmp_path, web=web, broker={"names": ["shop.example"]})
    assert media_origin(settings) == origin
    enrol_device(settings, WINDOW, tmp_path / "out")
    device = load_settings(tmp_path / "out" / "kiosk.yaml")
    assert device.desired.media_origins == ([origin] if origin else [])


def test_a_certificate_that_reached_no_folder_is_in_the_audit(tmp_path):
    settings = settings_in(tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match="cannot be written"):
        enrol_device(settings, WINDOW, tmp_path / "file" / "out", by="ada")
    assert [str(one.branch) for one in enrolled_devices(settings)] == [WINDOW]
    assert audited(settings) == [("ada", "enrol", WINDOW)]
