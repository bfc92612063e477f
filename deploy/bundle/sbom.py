"""Writes the CycloneDX document of a release, or of the Debian packages beside it.

    sbom.py release FOLDER --web-assets LIST --epoch S --output FILE
    sbom.py debian --packages Packages --name NAME --epoch S --output FILE

Runs with the packages of requirements/deploy.txt. Comes in: what lies in the folder, nothing else.
The document is checked against the schema of CycloneDX before it is written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import Parser
from pathlib import Path

import yaml
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SPDX = {"Apache 2.0": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0"} | {
    "LGPLv2+": "LGPL-2.1-or-later"
}
"""Older packages name their licence in words of their own."""

WEB_LICENCE = "ISC"
"""Of the chart libraries in head office's pages."""

LONGEST_LICENCE = 100
"""Characters; some packages put the whole text there."""


def licence_of(metadata: Message) -> list[License]:
    """What a wheel says of its licence: an expression, else a short name, else a classifier."""
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    named = metadata.get("License-Expression") or metadata.get("License") or ""
    if not named or len(named) > LONGEST_LICENCE:
        named = classifiers[0] if classifiers else ""
    return [LicenseFactory().make_from_string(SPDX.get(named, named))] if named else []


def sha256_of(path: Path) -> HashType:
    """The sum of a file."""
    return HashType(
        alg=HashAlgorithm.SHA_256, content=hashlib.sha256(path.read_bytes()).hexdigest()
    )


def wheels(folder: Path, arch: str) -> Iterator[tuple[Component, list[str]]]:
    """Each wheel, and the names of what it depends on."""
    machine = {**default_environment(), "platform_machine": arch, "sys_platform": "linux"}
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            info = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
            metadata = Parser().parsestr(wheel.read(info).decode(), headersonly=True)
        name, version = canonicalize_name(metadata["Name"]), metadata["Version"]
        needs = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
        # kiosk's extras are the parts of the release; nobody else's are asked for.
        extras = ("device", "central") if name == "kiosk" else ("",)
        needed = [
            canonicalize_name(need.name)
            for need in needs
            if need.marker is None
            or any(need.marker.evaluate({**machine, "extra": extra}) for extra in extras)
        ]
        yield (
            Component(
                name=name,
                version=version,
                type=ComponentType.APPLICATION if name == "kiosk" else ComponentType.LIBRARY,
                bom_ref=f"{name}=={version}",
                purl=PackageURL("pypi", None, name, version),
                hashes=[sha256_of(path)],
                licenses=licence_of(metadata),
            ),
            needed,
        )


def models(folder: Path) -> Iterator[Component]:
    """Each model with its files; licence and origin from its card."""
    for path in sorted(folder.glob("*/card.yaml")):
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
        source = card["source"]
        files = [
            Component(
                name=file.name,
                type=ComponentType.FILE,
                bom_ref=f"model/{file.parent.name}/{file.name}",
                hashes=[sha256_of(file)],
            )
            for file in sorted(path.parent.iterdir())
            if file.suffix in {".xml", ".bin"}
        ]
        version = source.get("version")
        yield Component(
            name=card["name"],
            version=str(version) if version else None,
            description=f"{card['title']}; made from {source.get('package', card['upstream'])}",
            type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=f"model/{card['name']}",
            licenses=[LicenseFactory().make_from_string(card["licence"])],
            components=files,
        )


def web_assets(listing: Path) -> Iterator[Component]:
    """The libraries inside kiosk's wheel that head office's pages load."""
    for line in listing.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        digest, package, _ = line.split()
        full, _, version = package.rpartition("@")
        group, _, name = full.rpartition("/")
        yield Component(
            name=name,
            group=group or None,
            version=version,
            bom_ref=package,
            purl=PackageURL("npm", group or None, name, version),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            licenses=[LicenseFactory().make_from_string(WEB_LICENCE)],
        )


def debian_packages(index: Path) -> Iterator[tuple[Component, list[str]]]:
    """Each package of a repository's index; Debian states licences in its files, not there."""
    for entry in index.read_text(encoding="utf-8").split("\n\n"):
        if not entry.strip():
            continue
        fields = Parser().parsestr(entry, headersonly=True)
        name, version, arch = fields["Package"], fields["Version"], fields["Architecture"]
        component = Component(
            name=name,
            version=version,
            bom_ref=f"{name}={version}",
            purl=PackageURL("deb", "debian", name, version, {"arch": arch}),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=fields["SHA256"])],
        )
        wanted = f"{fields.get('Pre-Depends', '')}, {fields.get('Depends', '')}".split(",")
        names = [one.split("|")[0].split("(")[0].strip().split(":")[0] for one in wanted]
        yield component, [one for one in names if one]


def write(
    subject: Component,
    parts: list[tuple[Component, list[str]]],
    others: Iterable[Component],
    epoch: int,
    output: Path,
) -> None:
    """Put the document together, check it, and write it.

    Raises:
        ValueError: it is not CycloneDX; that is a fault of this program.
    """
    bom = Bom(components=[*(one for one, _ in parts), *others])
    bom.metadata.component = subject
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    by_name = {one.name: one for one, _ in parts}
    for one, needed in parts:
        bom.register_dependency(one, [by_name[name] for name in needed if name in by_name])
    bom.register_dependency(subject, [one for one, _ in parts])
    # The same content has the same number, so that a rebuilt release is the same file.
    sums = sorted(str(digest.content) for one, _ in parts for digest in one.hashes)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, " ".join([subject.name, *sums]))
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"{output}: not CycloneDX: {wrong}")
    output.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Read the arguments and write the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["release", "debian"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--web-assets", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    if asked.kind == "debian":
        parts = list(debian_packages(asked.packages))
        subject = Component(name=asked.name, type=ComponentType.FILE, bom_ref=asked.name)
        write(subject, parts, [], asked.epoch, asked.output)
        return
    said = json.loads((asked.folder / "manifest.json").read_text(encoding="utf-8"))
    parts = list(wheels(asked.folder / "wheels", said["arch"]))
    others = [*models(asked.folder / "models_ir"), *web_assets(asked.web_assets)]
    name = f"kiosk-{said['version']}-{said['arch']}"
    subject = Component(
        name=name,
        version=said["version"],
        type=ComponentType.DEVICE,
        bom_ref=name,
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    write(subject, parts, others, asked.epoch, asked.output)


if __name__ == "__main__":
    try:
        main()
    except ValueError as bad:
        sys.exit(f"bundle: {bad}")
