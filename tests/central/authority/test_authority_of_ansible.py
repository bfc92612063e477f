"""Head office goes on with an authority that Ansible's role `pki` has made."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from kiosk.central.authority import Authority, open_authority, parse_branch
from kiosk.clock import SystemClock
from kiosk.config import CentralSettings

ROOT = Path(__file__).parents[3]
WINDOW = parse_branch("acme/shop-1/window")

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def _playbook() -> str | None:
    return shutil.which(
        "ansible-playbook", path=f"{ROOT / '.venv-deploy/bin'}:{os.environ['PATH']}"
    )


class Fleet:
    """Roles played against folders of this machine instead of hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.central = CentralSettings(database=str(folder / "db"), folder=folder / "central")
        hosts = {"window": {"entries": ["device"]}, "office": {"entries": ["authority", "central"]}}
        inventory = {"children": {"boxes": {"hosts": hosts}, "central": {"hosts": {"office": {}}}}}
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": inventory}))
        role = {"name": "pki", "tasks_from": "{{ entry }}"}
        loop = {"loop": "{{ entries }}", "loop_control": {"loop_var": "entry"}}
        facts = {"hosts": "boxes", "gather_facts": False, "vars": self._variables()}
        play = facts | {"tasks": [{"ansible.builtin.include_role": role} | loop]}
        (folder / "play.yml").write_text(yaml.safe_dump([play]))

    def _variables(self) -> dict[str, object]:
        here = str(self.folder / "{{ inventory_hostname }}")
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "kiosk_pki_dir": str(self.folder / "authority"),
            "vault_kiosk_ca_passphrase": "correct horse battery",
            "kiosk_tenant": "acme",
            "kiosk_site": "shop-1",
            "kiosk_pki_packages": [],
            "kiosk_uplink_user": "root",
            "kiosk_central_user": "root",
            "kiosk_etc_dir": f"{here}/etc",
            "kiosk_uplink_dir": f"{here}/uplink",
            "kiosk_central_dir": str(self.central.folder),
        }

    def play(self, *arguments: str, **extra: object) -> subprocess.CompletedProcess[str]:
        """Provision everything; variables in ``extra`` go before all others."""
        program = _playbook()
        assert program is not None
        given = [
            "-i",
            str(self.folder / "hosts.yml"),
            "-e",
            yaml.safe_dump(extra, default_flow_style=True, width=10_000),
        ]
        return subprocess.run(
            [program, *given, str(self.folder / "play.yml"), *arguments],
            env=os.environ
            | {
                "ANSIBLE_ROLES_PATH": str(ROOT / "ansible/roles"),
                "ANSIBLE_HOME": str(self.folder / "home"),
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def authority(self) -> Authority:
        """Head office's view of it."""
        return open_authority(self.central, SystemClock())

    def certificate(self) -> x509.Certificate:
        """The device's."""
        return x509.load_pem_x509_certificate(
            (self.folder / "window/uplink/device.crt").read_bytes()
        )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    if _playbook() is None:
        pytest.skip("ansible-playbook is not installed: `make bundle` installs it")
    if os.geteuid() != 0:
        pytest.skip("the role gives files to their owners, which only root may")
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    # The authority is made by the device's turn; head office takes it over, with what it gave out.
    done = made.play()
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_a_second_run_changes_nothing(fleet):
    done = fleet.play()
    assert done.stdout.count("changed=0") == 2, done.stdout
    assert fleet.play("--check").stdout.count("changed=0") == 2


def test_head_office_knows_the_device_that_ansible_let_in(fleet):
    [known] = fleet.authority().enrolled()
    issued = fleet.certificate()
    assert (known.branch, known.serial) == (WINDOW, f"{issued.serial_number:x}")
    authority = x509.load_pem_x509_certificate(fleet.authority().certificate)
    issued.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)


def test_the_certificate_is_what_head_office_would_have_given_out(fleet, tmp_path):
    own = open_authority(CentralSettings(folder=tmp_path / "central"), SystemClock())
    ours = x509.load_pem_x509_certificate(own.enrol(WINDOW, again=False).certificate)
    theirs = fleet.certificate()

    def shape(certificate: x509.Certificate) -> set[tuple[str, bool]]:
        return {(one.oid.dotted_string, one.critical) for one in certificate.extensions}

    assert theirs.subject == ours.subject
    assert shape(theirs) == shape(ours)
    for kind in (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage):
        found = [one.extensions.get_extension_for_class(kind).value for one in (theirs, ours)]
        assert found[0] == found[1]


def test_a_device_renews_at_head_office_and_ansible_leaves_it(fleet):
    uplink = fleet.folder / "window/uplink"
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(WINDOW))])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    renewed = fleet.authority().sign_request(WINDOW, asked.public_bytes(Encoding.PEM))
    held = load_pem_private_key((uplink / "device.key").read_bytes(), None)
    assert held.public_key() == fleet.certificate().public_key()
    # A certificate for a key that the device does not hold is replaced.
    (uplink / "device.crt").write_bytes(renewed)
    done = fleet.play("--limit", "window")
    assert done.returncode == 0, done.stdout
    assert fleet.certificate().public_key() == held.public_key()
    fresh = asked_with(held)
    (uplink / "device.crt").write_bytes(fleet.authority().sign_request(WINDOW, fresh))
    before = fleet.certificate()
    fleet.play("--limit", "window")
    assert fleet.certificate() == before


def asked_with(key: object) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(WINDOW))])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_wrong_passphrase_is_one_sentence_and_leaves_the_key(fleet):
    key = fleet.folder / "authority/ca.key"
    before = key.read_bytes()
    done = fleet.play(vault_kiosk_ca_passphrase="another passphrase")
    assert done.returncode != 0
    assert "vault_kiosk_ca_passphrase does not open it" in done.stdout + done.stderr
    assert key.read_bytes() == before


def test_whom_head_office_has_revoked_is_let_in_again_only_when_that_is_said(fleet):
    fleet.authority().revoke(WINDOW)
    listed = fleet.authority().revocations
    done = fleet.play()
    assert done.returncode != 0
    assert "-e kiosk_readmit=window" in done.stdout + done.stderr
    assert fleet.authority().revocations == listed, "head office's list is the truth"
    assert fleet.play(kiosk_readmit="window").returncode == 0
    assert [one.revoked is None for one in fleet.authority().enrolled()][-1]
