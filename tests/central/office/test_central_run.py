"""`kiosk central run` as a process: broker, ingest and pages by one command."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import yaml

from kiosk.central.authority import load_public_key
from kiosk.central.courier import order_command
from kiosk.central.office import (
    enrol_device,
    publish_campaign,
    publish_config,
    revoke_device,
    run_office,
)
from kiosk.central.office.running import greeting, renew_every_s
from kiosk.central.store import open_database, read_totals
from kiosk.central.store.tables import devices, documents
from kiosk.config import load_settings
from kiosk.errors import PortInUseError
from kiosk.wire import Command, Document, Sealed, Status, unseal
from tests.central.courier.desks import settings_in
from tests.central.office.devices import Stranger, files_in
from tests.mosquitto import free_port, wait_for
from tests.uplink.fleet import Device, drive, uplink_for

LAST_LINE = "note"


class Office:
    """The command, its configuration, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "config.yaml"
        central = {
            "database": "central.db",
            "folder": "central",
            "web": {"host": "0.0.0.0", "port": free_port()},
            "ingest": {"source": "amqp", "slots": 4, "slot": 3},
            "broker": {"host": "127.0.0.1", "port": self.port},
        }
        self.config.write_text(yaml.safe_dump({"central": central}))
        self.settings = load_settings(self.config)
        self.said: dict[str, str] = {}
        self._log = folder / "log"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and return when it has said what a person needs to know."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kiosk", "central", "run", "--config", str(self.config)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        self.said = {}
        before = self.connections()
        while LAST_LINE not in self.said:
            line = self._process.stdout.readline()
            assert line, self.log
            word, _, rest = line.partition(" ")
            self.said[word] = rest.strip()
        wait_for(lambda: self.connections() > before, "ingest has connected", 30)

    def connections(self) -> int:
        """How often ingest has connected, as the broker says."""
        return self.log.count(" as kiosk-central (")

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def is_open(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def children(self) -> dict[str, psutil.Process]:
        """The processes that it has started, by name."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            line = child.cmdline()
            found["broker" if "mosquitto.conf" in line else line[-3]] = child
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def enrol(self, names: str) -> Path:
        out = self.folder / names.replace("/", "-")
        enrol_device(self.settings, names, out)
        return out


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    running = Office(tmp_path_factory.mktemp("office"))
    yield running
    if running.is_open:
        assert running.stop() == 0, running.log


@pytest.fixture
def office(opened):
    """One for all tests: it takes seconds to start."""
    if not opened.is_open:
        opened.start()
    return opened


def deliver(office: Office, out: Path, hour: str) -> None:
    """A real uplink brings one hour to head office and hears that it is committed."""
    overrides = [f"state.path={out / 'state.db'}", "uplink.poll_s=0.02"]
    overrides += [
        "uplink.ack_timeout_s=0.5",
        "broker.backoff_min_s=0.1",
        "broker.backoff_max_s=0.5",
    ]
    settings = load_settings(out / "kiosk.yaml", overrides)
    device = Device(settings.state.path)
    device.publish_hour(hour)
    uplink = uplink_for(settings)
    drive(uplink, until=lambda: device.outbox() == [], what=f"all is acknowledged: {office.log}")
    uplink.close()
    device.store.close()


def come_online(client: Stranger, names: str) -> None:
    status = Status(state="online", version="0", since=datetime.now(UTC))
    client.publish(f"kiosk/v1/{names}/status", status.encode())


def test_a_device_that_was_enrolled_is_heard_and_answered(office):
    deliver(office, office.enrol("acme/berlin-1/window"), "2026-01-02T10:00:00Z")
    assert read_totals(office.settings.central)["hours"] >= 1


def test_it_says_where_the_pages_are_and_they_answer(office):
    authority = office.settings.central.folder / "authority" / "ca.crt"
    trusting = ssl.create_default_context(cafile=authority)
    address = office.said["pages"]
    with urllib.request.urlopen(address, timeout=10, context=trusting) as answer:
        assert (answer.status, address.partition(":")[0]) == (200, "https")


def test_media_of_a_campaign_are_offered_where_devices_are_told_to_fetch_them(office, tmp_path):
    (tmp_path / "tulips.svg").write_bytes(b"<svg/>")
    creative = {"id": "tulips", "kind": "image", "file": "tulips.svg", "duration_s": 5}
    campaign = {"version": 1, "name": "spring", "creatives": [creative]}
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(campaign))
    publish_campaign(office.settings, tmp_path / "campaign.yaml", "nobody/*/*")
    with open_database(office.settings.central).connect() as connection:
        kept = connection.execute(documents.select().where(documents.c.kind == "campaign")).one()
    sealed = Sealed.model_validate_json(kept.sealed)
    (medium,) = Document.model_validate_json(sealed.body).media
    authority = office.settings.central.folder / "authority" / "ca.crt"
    trusting = ssl.create_default_context(cafile=authority)
    with urllib.request.urlopen(medium.url, timeout=10, context=trusting) as answer:
        assert answer.read() == b"<svg/>"


def test_what_was_published_reaches_a_device_whenever_it_comes(office, tmp_path):
    names = "acme/berlin-1/shelf"
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text("log:\n  level: debug\n")
    publish_config(office.settings, wanted, "acme/*/shelf")
    out = office.enrol(names)
    with Stranger(office.port, **files_in(out)) as client:
        come_online(client, names)
        client.subscribe(f"kiosk/v1/{names}/down/#")
        wait_for(lambda: client.messages, "the document arrives")
    with Stranger(office.port, **files_in(out)) as client:
        client.subscribe(f"kiosk/v1/{names}/down/#")
        wait_for(lambda: client.messages, "it arrives at each connection")
        (topic, payload, retained) = client.messages[0]
    assert (topic, retained) == (f"kiosk/v1/{names}/down/config", True)
    public = load_public_key(out / "office.pub")
    text = unseal(Sealed.model_validate_json(payload), "document", [public])
    assert Document.model_validate_json(text).content == {"log": {"level": "debug"}}


def test_an_order_of_an_operator_reaches_the_device(office):
    names = "acme/berlin-1/till"
    out = office.enrol(names)
    engine = open_database(office.settings.central)
    with Stranger(office.port, **files_in(out)) as client:
        client.subscribe(f"kiosk/v1/{names}/down/#")
        come_online(client, names)

        def known() -> int | None:
            with engine.connect() as connection:
                wanted = devices.select().where(devices.c.name == "till")
                return connection.execute(wanted).scalar()

        wait_for(known, "head office knows the device")
        with engine.begin() as connection:
            number = order_command(connection, known(), "ping", {}, "ada", datetime.now(UTC))
        wait_for(lambda: client.messages, "the command arrives")
    engine.dispose()
    public = load_public_key(out / "office.pub")
    text = unseal(Sealed.model_validate_json(client.messages[0][1]), "command", [public])
    assert Command.model_validate_json(text).id == number


def test_an_ingest_that_is_killed_is_started_again_and_nothing_is_lost(office):
    out = office.enrol("acme/berlin-2/window")
    before = office.children()["ingest"]
    connections = office.connections()
    before.kill()
    wait_for(lambda: office.connections() > connections, "ingest is back", 30)
    deliver(office, out, "2026-01-02T11:00:00Z")
    assert office.children()["ingest"].pid != before.pid
    assert "event=process_died name=ingest exit=-9" in office.log


def test_a_device_that_is_revoked_is_thrown_out_at_once_and_others_come_back(office):
    out = office.enrol("acme/berlin-2/stolen")
    with Stranger(office.port, **files_in(out)) as thief:
        assert thief.is_in
        revoke_device(office.settings, "acme/berlin-2/stolen")
        wait_for(lambda: thief.ended, "the connection is ended")
    wait_for(lambda: _answers(office.port), "the broker is back")
    with Stranger(office.port, **files_in(out)) as thief:
        assert not thief.is_in
    deliver(office, office.enrol("acme/berlin-2/door"), "2026-01-02T12:00:00Z")
    assert "event=process_died name=broker" not in office.log


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_its_children_are_given_what_fits_its_own_broker(office):
    line = office.children()["web"].cmdline()
    given = load_settings(Path(line[-1]))
    assert given.broker.tls.cert_file == office.settings.central.folder / "client" / "client.crt"
    ingest = given.central.ingest
    assert (ingest.source, ingest.slot, ingest.slots) == ("mqtt", 1, 1)
    assert given.central.web.cert_file == office.settings.central.folder / "web" / "web.crt"


def test_a_second_one_is_refused_with_one_sentence_and_disturbs_nothing(office):
    sentence = f"another program listens on 127.0.0.1, port {office.port}"
    with pytest.raises(PortInUseError, match=sentence):
        run_office(office.settings, threading.Event(), print)
    assert set(office.children()) == {"broker", "ingest", "web"}


def test_a_taken_port_of_the_pages_is_told_before_anything_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = settings_in(tmp_path, web={"port": port}, broker={"port": free_port()})
        with pytest.raises(PortInUseError, match=f"pages cannot listen on 127.0.0.1, port {port}"):
            run_office(settings, threading.Event(), print)
    assert not settings.central.folder.joinpath("broker").exists()


def test_it_stops_in_order_and_comes_back_as_it_was(office):
    out = office.enrol("acme/berlin-3/window")
    deliver(office, out, "2026-01-02T10:00:00Z")
    hours = read_totals(office.settings.central)["hours"]
    authority = (office.settings.central.folder / "authority" / "ca.crt").read_bytes()
    children = office.children()
    assert office.stop() == 0
    assert not [child for child in children.values() if child.is_running()]
    assert "event=process_killed" not in office.log
    assert (office.settings.central.folder / "broker" / "store" / "mosquitto.db").exists()
    office.start()
    assert "sign" not in office.said
    assert (office.settings.central.folder / "authority" / "ca.crt").read_bytes() == authority
    deliver(office, out, "2026-01-02T11:00:00Z")
    assert read_totals(office.settings.central)["hours"] == hours + 1


def test_nobody_outlives_it_when_it_is_killed(office):
    children = office.children()
    assert set(children) == {"broker", "ingest", "web"}
    office.stop(signal.SIGKILL)
    wait_for(
        lambda: not [child for child in children.values() if child.is_running()], "all have ended"
    )


def test_the_first_operator_is_told_the_password_once(tmp_path):
    settings = settings_in(tmp_path, web={"port": 8780}, broker={"names": ["shop.example"]})
    told = greeting(settings, "s3cret")
    assert [line for line in told if "s3cret" in line] == [
        "sign in  operator, password s3cret (shown only now)"
    ]
    assert "http://127.0.0.1:8780/" in told[0]
    assert not [line for line in greeting(settings, None) if line.startswith("sign in")]


@pytest.mark.parametrize(
    ("names", "told"), [(["localhost"], True), (["shop.example", "localhost"], False)]
)
def test_a_name_that_no_device_elsewhere_finds_is_told(tmp_path, names, told):
    lines = greeting(settings_in(tmp_path, broker={"names": names}), None)
    assert any("set central.broker.names" in line for line in lines) is told


@pytest.mark.parametrize(
    ("web", "address"),
    [
        ({"host": "0.0.0.0", "port": 80}, "https://127.0.0.1:80/"),
        ({"host": "::", "port": 80}, "https://[::1]:80/"),
        ({"host": "localhost", "port": 80}, "http://localhost:80/"),
        ({"cert_file": "/c", "key_file": "/k"}, "https://127.0.0.1:8770/"),
        ({"public_url": "https://audience.example"}, "https://audience.example/"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(tmp_path, web, address):
    assert greeting(settings_in(tmp_path, web=web), None)[0] == f"pages    {address}"


@pytest.mark.parametrize("days", [1, 2, 30, 825])
def test_certificates_are_looked_at_often_enough_to_be_renewed_in_time(days):
    assert renew_every_s(days) <= min(days * 24 * 3600 / 6, 24 * 3600)
