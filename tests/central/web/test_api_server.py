"""The process that serves, and what it does when its port or its database is away."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from kiosk.central.web import create_token, serve
from kiosk.config import Settings
from kiosk.errors import ConfigError, PortInUseError
from tests.central.web.office import Office, served
from tests.fakes import FakeClock
from tests.mosquitto import free_port, wait_for
from tests.postgres import Postgres

SERVE = """
import sys
from pathlib import Path
from kiosk.central.web import serve
from kiosk.config import Settings
serve(Settings.model_validate_json(Path(sys.argv[1]).read_text()))
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "web.crt", folder / "web.key"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def settings_for(folder: Path, **web) -> Settings:
    return Settings.model_validate(
        {"central": {"database": str(folder / "central.db"), "folder": str(folder), "web": web}}
    )


def answers(url: str, **options) -> bool:
    try:
        return httpx.get(url, **options).status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves_over_https_until_it_is_asked_to_stop(tmp_path):
    cert, key = certificate(tmp_path)
    port = free_port()
    settings = settings_for(tmp_path, port=port, cert_file=str(cert), key_file=str(key))
    file = tmp_path / "settings.json"
    file.write_text(settings.model_dump_json())
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(file)], stderr=subprocess.PIPE)
    try:
        trust = ssl.create_default_context(cafile=str(cert))
        page = f"https://localhost:{port}/sign-in"
        wait_for(lambda: answers(page, verify=trust), "the pages are served", 30)
        assert "strict-transport-security" in httpx.get(page, verify=trust).headers
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert b"Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=rf":{port}: pages cannot be served"):
            serve(settings_for(tmp_path, port=port))


@pytest.mark.parametrize(
    ("web", "warned"),
    [
        ({"host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "public_url": "https://office.example"}, False),
        ({"host": "127.0.0.1"}, False),
        ({"host": "localhost"}, False),
    ],
    ids=str,
)
def test_passwords_in_the_open_are_warned_of(tmp_path, caplog, web, warned):
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        with pytest.raises(PortInUseError):
            serve(settings_for(tmp_path, port=other.getsockname()[1], **web))
    assert ("event=web_without_tls" in caplog.text) is warned


def test_a_certificate_that_cannot_be_used_is_told_in_a_sentence(tmp_path):
    _, key = certificate(tmp_path)
    files = {"cert_file": str(tmp_path / "not-there.crt"), "key_file": str(key)}
    with pytest.raises(ConfigError, match=r"central\.web"):
        serve(settings_for(tmp_path, port=free_port(), **files))


@pytest.mark.parametrize("given", ["cert_file", "key_file"])
def test_half_a_pair_is_refused(tmp_path, given):
    with pytest.raises(ValidationError, match="cert_file and key_file go together"):
        settings_for(tmp_path, **{given: str(tmp_path / "web.pem")})


def test_without_its_database_it_says_so_and_recovers(tmp_path):
    server = Postgres(fsync=False)
    server.start()
    try:
        with (
            served(Office(tmp_path, server.database())) as office,
            office.signed_in() as browser,
            office.api() as api,
        ):
            assert api.get("/sites").status_code == 200
            server.stop(signal.SIGQUIT)
            for answer in (api.get("/sites"), api.get("/audience"), browser.get("/")):
                assert answer.status_code == 503, answer.text
                assert "retry-after" in answer.headers
                assert "psycopg" not in answer.text
                assert "127.0.0.1" not in answer.text
            told = httpx.get(f"{office.url}/metrics").text
            assert "kiosk_database_up 0.0" in told
            server.start()
            assert api.get("/sites").status_code == 200
            assert browser.get("/").status_code == 200
    finally:
        server.remove()


def test_media_are_served_whole_and_in_parts_under_the_names_of_their_content(tmp_path):
    name = "a" * 64 + ".mp4"
    with served(Office(tmp_path)) as office:
        media = office.settings.central.folder / "media"
        media.mkdir(parents=True)
        (media / name).write_bytes(bytes(range(256)))
        (office.settings.central.folder / "secret").write_text("no")
        url = f"{office.url}/media/"
        whole = httpx.get(url + name)
        assert whole.content == bytes(range(256))
        assert whole.headers["content-type"] == "application/octet-stream"
        part = httpx.get(
            url + name, headers={"Range": "bytes=200-", "If-Range": whole.headers["etag"]}
        )
        assert (part.status_code, part.content) == (206, bytes(range(200, 256)))
        for other in ("b" * 64, "..%2fsecret", "%2e%2e/secret", "x"):
            assert httpx.get(url + other).status_code in {404, 422}


def test_a_slow_request_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("kiosk.central.web.guard.BODY_S", 0.2)
    with served(Office(tmp_path)) as office:
        token = create_token(office.engine, "slow", "operator", FakeClock())
        host, port = office.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(
                f"POST /api/v1/bookings HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}"
                "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
            )
            assert raw.recv(1000).startswith(b"HTTP/1.1 408")
