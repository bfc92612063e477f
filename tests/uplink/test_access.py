"""Password and TLS."""

from __future__ import annotations

import ssl

import pytest

from kiosk.config import BrokerSettings, TlsSettings
from kiosk.errors import BrokerError
from kiosk.uplink.access import read_password, tls_context


def test_the_password_comes_from_its_file_without_the_line_end(tmp_path):
    (tmp_path / "password").write_text(" se cret \n")
    broker = BrokerSettings(username="kiosk", password_file=tmp_path / "password")
    assert read_password(broker, {}) == " se cret "


def test_the_password_comes_from_systemd_when_no_file_is_named(tmp_path):
    (tmp_path / "broker-password").write_text("secret")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_password(BrokerSettings(username="kiosk"), environ) == "secret"
    assert read_password(BrokerSettings(), environ) is None
    assert read_password(BrokerSettings(username="kiosk"), {}) is None


@pytest.mark.parametrize("content", [None, "", b"\xff"], ids=["missing", "empty", "not text"])
def test_a_password_that_cannot_be_used_is_one_sentence_with_the_file(tmp_path, content):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content or b"")
    with pytest.raises(BrokerError, match="password") as caught:
        read_password(BrokerSettings(username="kiosk", password_file=path), {})
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_without_a_user_name_is_refused(tmp_path):
    with pytest.raises(BrokerError, match=r"broker\.username"):
        read_password(BrokerSettings(password_file=tmp_path / "password"), {})


@pytest.mark.parametrize(
    ("host", "tls", "allowed"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("localhost", {}, True),
        ("broker.example", {}, False),
        ("10.0.0.2", {}, False),
        ("localhost.example", {}, False),
        ("10.0.0.2", {"system_ca": True}, True),
        ("broker.example", {"ca_file": "ca.crt"}, True),
    ],
)
def test_a_password_crosses_a_network_only_encrypted(tmp_path, host, tls, allowed):
    (tmp_path / "password").write_text("secret")
    broker = BrokerSettings.model_validate(
        {"host": host, "username": "k", "password_file": tmp_path / "password", "tls": tls}
    )
    if allowed:
        assert read_password(broker, {}) == "secret"
        return
    with pytest.raises(BrokerError, match="for everybody to read") as caught:
        read_password(broker, {})
    assert host in str(caught.value)
    assert "broker.tls" in (caught.value.hint or "")


def test_the_machines_own_authorities_are_trusted_when_asked_for():
    context = tls_context(TlsSettings(system_ca=True))
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_no_tls_key_means_no_tls_and_a_missing_file_is_one_sentence(tmp_path):
    assert tls_context(TlsSettings()) is None
    with pytest.raises(BrokerError, match=r"ca\.crt: not usable for TLS"):
        tls_context(TlsSettings(ca_file=tmp_path / "ca.crt"))
    with pytest.raises(BrokerError, match=r"a\.crt and .*a\.key: not usable for TLS"):
        tls_context(TlsSettings(cert_file=tmp_path / "a.crt", key_file=tmp_path / "a.key"))


def test_tls_is_at_least_1_2_and_checks_the_broker(tmp_path):
    authority = ssl.get_default_verify_paths().cafile
    if authority is None:
        pytest.skip("this machine has no certificate authorities")
    context = tls_context(TlsSettings(ca_file=authority))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
