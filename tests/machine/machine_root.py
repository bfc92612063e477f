"""Folders from which an emulated machine's disks are made: a Debian, its kernel, the product."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement

from tests.containers.root import REPO, device_libraries, mirror, release, run

SYSTEM = [
    *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "python3", "iproute2"),
    # Commands from outside, over a serial line of its own: needs neither network nor password.
    "qemu-guest-agent",
]
KERNEL = "linux-image-amd64"
SITE_PACKAGES = Path(
    f".venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
)
TO_FIND_THE_DISKS = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic"]
FOR_THE_TESTS = [
    *("virtio_net", "virtio_console", "virtio_rng", "vivid", "bochs", "virtio-gpu", "virtio_input"),
    "autofs4",
    # Three watchdogs, so that the right one has to be chosen.
    *("i6300esb", "iTCO_wdt", "softdog"),
]
COMMAND = """#!/opt/kiosk/current/.venv/bin/python
from kiosk.cli import main
main()
"""
FSTAB = """/dev/vda / ext4 defaults,noatime 0 1
/dev/vdb /opt/kiosk ext4 ro,noatime 0 0
LABEL=kiosk-state /var/lib/kiosk ext4 defaults,noatime,x-systemd.device-timeout=900 0 2
"""
NETWORK = """[Match]
Driver=virtio_net
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
"""
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
while ! test -b /dev/vda || ! test -b /dev/vdb; do sleep 0.1; done
mount -t ext4 -o noatime /dev/vda /root || exec sh
mount -t ext4 -o ro,noatime /dev/vdb /root/opt/kiosk || exec sh
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /sbin/init
"""
UNWANTED = [
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("e2scrub_reap.service", "fstrim.timer", "systemd-pstore.service", "systemd-resolved.service"),
    *("getty@tty1.service", "serial-getty@ttyS0.service", "systemd-networkd-wait-online.service"),
]
"""What a test has no use for; each of them costs seconds of an emulated processor."""


def debian_packages() -> list[str]:
    """What the root is made of."""
    return [*SYSTEM, *device_libraries()]


def kernel_package() -> str:
    """Name and version of the kernel that Debian has now."""
    said = run("apt-cache", "depends", KERNEL)
    found = re.search(r"Depends: (linux-image-\S+)", said)
    assert found is not None, f"apt knows no {KERNEL}: `apt-get update`?"
    policy = re.search(r"Candidate: (\S+)", run("apt-cache", "policy", found[1]))
    assert policy is not None, f"apt has no {found[1]}"
    return f"{found[1]}={policy[1]}"


def device_distributions() -> list[importlib.metadata.Distribution]:
    """This environment's packages that the extra `device` needs, dependencies included."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [("kiosk", "device")]
    while waiting:
        name, extra = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if (key in found and not extra) or key == "openvino-telemetry":
            continue
        one = found.setdefault(key, importlib.metadata.distribution(name))
        for line in one.requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, each) for each in sorted(needed.extras) or [""]]
    del found["kiosk"]
    return [found[key] for key in sorted(found)]


def make_debian(root: Path, boot: Path) -> None:
    """Debian in ``root``; its kernel and a small initramfs in ``boot``."""
    wanted = "--include=" + ",".join(debian_packages())
    run("debootstrap", "--variant=minbase", wanted, release(), str(root), mirror())
    parts = boot / "parts"
    parts.mkdir(parents=True)
    for package in (kernel_package(), "busybox-static"):
        # The downloader's own user could not write here.
        run("sh", "-ec", 'cd "$0"; apt-get -o APT::Sandbox::User=root download "$1"',
            str(parts), package)  # fmt: skip
    for archive in sorted(parts.glob("*.deb")):
        run("dpkg", "-x", str(archive), str(parts / "files"))
    _take_modules(root, parts / "files")
    shutil.copy(next((parts / "files/boot").glob("vmlinuz-*")), boot / "vmlinuz")
    _make_initramfs(root, parts, boot / "initrd")
    shutil.rmtree(parts)
    _configure(root)


def _take_modules(root: Path, files: Path) -> None:
    """The few modules that are needed, of some four thousand."""
    version = next((files / "lib/modules").iterdir()).name
    tree = root / "usr/lib/modules" / version
    tree.parent.mkdir(exist_ok=True)
    shutil.copytree(files / "lib/modules" / version, tree)
    run("chroot", str(root), "depmod", version)
    names = [*TO_FIND_THE_DISKS, *FOR_THE_TESTS]
    needed = {path for name in names for path in _in_order(root, version, name)}
    for path in tree.rglob("*.ko"):
        if path.relative_to(tree) not in needed:
            path.unlink()
    run("chroot", str(root), "depmod", version)


def _in_order(root: Path, version: str, name: str) -> list[Path]:
    """A module's file after those that it stands on."""
    said = run("chroot", str(root), "modprobe", "-S", version, "--show-depends", name)
    lines = [line.split()[1] for line in said.splitlines() if line.startswith("insmod")]
    return [Path(line).relative_to(f"/lib/modules/{version}") for line in lines]


def _make_initramfs(root: Path, parts: Path, initrd: Path) -> None:
    tree = parts / "initramfs"
    for name in ("bin", "dev", "modules", "proc", "root", "sys"):
        (tree / name).mkdir(parents=True)
    shutil.copy(parts / "files/bin/busybox", tree / "bin")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    version = next((root / "usr/lib/modules").iterdir()).name
    order: dict[str, Path] = {}
    for name in TO_FIND_THE_DISKS:
        for path in _in_order(root, version, name):
            order[path.name] = root / "usr/lib/modules" / version / path
    for path in order.values():
        shutil.copy(path, tree / "modules")
    (tree / "modules/order").write_text("".join(f"{name}\n" for name in order))
    pack = 'cd "$0"; find . | bin/busybox cpio -o -H newc >"$1"'
    run("sh", "-ec", pack, str(tree), str(initrd))


def _configure(root: Path) -> None:
    (root / "etc/fstab").write_text(FSTAB)
    (root / "etc/hostname").write_text("shop-screen\n")
    (root / "etc/systemd/network").mkdir(exist_ok=True)
    (root / "etc/systemd/network/test.network").write_text(NETWORK)
    for folder in ("opt/kiosk", "var/lib/kiosk", "etc/kiosk", "usr/local/lib/systemd"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    for kind in ("systemd/system", "sysusers.d", "tmpfiles.d"):
        (root / "usr/local/lib" / kind).symlink_to(f"/opt/kiosk/current/lib/{kind}")
    run("chroot", str(root), "systemctl", "enable", "systemd-networkd.service")
    run("chroot", str(root), "systemctl", "mask", *UNWANTED)
    # Written down once, so that no boot has to make one up and call itself the first.
    run("chroot", str(root), "systemd-machine-id-setup")
    # A journal that survives: what was said before a cut is worth reading after it.
    (root / "var/log/journal").mkdir(exist_ok=True)


def make_packages(folder: Path) -> None:
    """What the product stands on, compiled: an emulated processor would take minutes for it."""
    for one in device_distributions():
        _copy(one, folder)
    _compile(folder, SITE_PACKAGES)


def make_product(folder: Path, packages: Path) -> None:
    """The product as a release of it lies in ``/opt/kiosk``; ``packages``: what it stands on."""
    version = importlib.metadata.version("kiosk")
    home, site = folder / "releases" / version, folder / "releases" / version / SITE_PACKAGES
    site.parent.mkdir(parents=True)
    run("cp", "-al", str(packages), str(site))
    shutil.copytree(REPO / "kiosk", site / "kiosk", ignore=shutil.ignore_patterns("__pycache__"))
    _compile(site / "kiosk", SITE_PACKAGES / "kiosk")
    (home / ".venv/bin").mkdir()
    (home / ".venv/bin/python").symlink_to("/usr/bin/python3")
    (home / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    command = home / ".venv/bin/kiosk"
    command.write_text(
        "#!/opt/kiosk/current/.venv/bin/python\nfrom kiosk.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    shutil.copytree(REPO / "models_ir", home / "models_ir")
    for kind, place in [
        ("systemd", "systemd/system"),
        ("sysusers.d", "sysusers.d"),
        ("tmpfiles.d", "tmpfiles.d"),
    ]:
        shutil.copytree(REPO / "deploy" / kind, home / "lib" / place)
    (folder / "current").symlink_to(f"releases/{version}")


def _compile(folder: Path, place: Path) -> None:
    shown = f"/opt/kiosk/current/{place}"
    run(sys.executable, "-m", "compileall", "-q", "-j2", "-s", str(folder), "-p", shown,
        "--invalidation-mode", "unchecked-hash", str(folder))  # fmt: skip


def _copy(one: importlib.metadata.Distribution, folder: Path) -> None:
    for file in one.files or []:
        source = Path(str(one.locate_file(file)))
        # Commands and manuals lie outside, and are not needed.
        if ".." not in file.parts and source.is_file() and source.suffix != ".pyc":
            target = folder / Path(*file.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def inputs_of_product() -> str:
    """A hash of everything that :func:`make_product` takes."""
    digest = hashlib.sha256()
    folders = [REPO / name for name in ("kiosk", "models_ir", "deploy")]
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    for path in sorted(path for path in files if "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(REPO)}\0".encode() + path.read_bytes() + b"\0")
    digest.update(inputs_of_packages().encode() + Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def inputs_of_packages() -> str:
    """The same of :func:`make_packages`."""
    names = [f"{one.metadata['Name']}=={one.version}" for one in device_distributions()]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def inputs_of_debian() -> str:
    """The same of :func:`make_debian`; without the product's own part of this file."""
    made_of = [release(), kernel_package(), *debian_packages(), *TO_FIND_THE_DISKS]
    made_of += [*FOR_THE_TESTS, *UNWANTED, FSTAB, NETWORK, INIT]
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:12]
