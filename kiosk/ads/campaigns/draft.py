"""A campaign file that was read and not yet judged: its entries, and what to remark on them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from kiosk import strict
from kiosk.ads.campaigns.entries import CampaignEntry, ContractEntry, CreativeEntry
from kiosk.errors import CampaignError

Severity = Literal["error", "warning"]

STAND_INS: dict[str, Any] = {"version": 1, "name": "unnamed"}
"""For required keys that are absent or faulty, so that the rest can be looked at."""


@dataclass(frozen=True)
class Remark:
    """What is wrong with a campaign file, or odd.

    Attributes:
        severity: with an error it is not played.
        line: one-based, in the file.
        key: such as ``creatives[2].file``.
        message: what is wrong and what to do.
    """

    severity: Severity
    line: int
    key: str
    message: str

    def sentence(self, path: Path) -> str:
        """The remark in one line: file, line, key, message."""
        key = f" {self.key}:" if self.key else ""
        return f"{path}:{self.line}:{key} {self.message}"


@dataclass
class Draft:
    """A campaign file's entries by their number in the file, those left out that cannot be read.

    Attributes:
        partial: something is left out, so that nothing can be said about what is missing.
    """

    document: strict.Document
    entry: CampaignEntry
    contracts: dict[int, ContractEntry]
    creatives: dict[int, CreativeEntry]
    partial: bool
    remarks: list[Remark] = field(default_factory=list)

    def error(self, where: strict.Location, message: str) -> None:
        """Remark on something that keeps the campaign from being played."""
        self._remark("error", where, message)

    def warn(self, where: strict.Location, message: str) -> None:
        """Remark on something that is most likely not meant so."""
        self._remark("warning", where, message)

    def _remark(self, severity: Severity, where: strict.Location, message: str) -> None:
        line = self.document.line(where)
        self.remarks.append(Remark(severity, line, strict.dotted(where), message))

    def errors(self) -> list[Remark]:
        """What keeps the campaign from being played."""
        return [one for one in self.remarks if one.severity == "error"]

    def number_of(self, kind: Literal["contracts", "creatives"], name: str) -> int:
        """The place in its list of the first entry of an id."""
        entries: dict[int, Any] = getattr(self, kind)
        return next(number for number, one in entries.items() if one.id == name)


def nearest(word: str, known: Iterable[str], none: str) -> str:
    """The end of a sentence about a word that is not known."""
    names = sorted(known)
    if not names:
        return none
    near = difflib.get_close_matches(word, names, n=1)
    return f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(names)}"


def read_draft(path: Path) -> Draft:
    """Read a campaign file; what is wrong with one entry does not hide what is with another.

    Raises:
        CampaignError: the file as a whole cannot be used.
    """
    document = strict.read(path, CampaignError)
    try:
        entry = strict.validate(document, CampaignEntry, CampaignError)
    except CampaignError as bad:
        return _without_what_is_bad(document, bad)
    return Draft(
        document,
        entry,
        dict(enumerate(entry.contracts)),
        dict(enumerate(entry.creatives)),
        partial=False,
    )


def _without_what_is_bad(document: strict.Document, bad: CampaignError) -> Draft:
    cause = bad.__cause__
    if not isinstance(cause, ValidationError):
        raise bad
    broken = {item["loc"][:2] for item in cause.errors()}
    data, numbers = _cut(document.data, broken)
    try:
        entry = CampaignEntry.model_validate(data)
    except ValidationError:
        raise bad from cause
    return Draft(
        document,
        entry,
        dict(zip(numbers["contracts"], entry.contracts, strict=True)),
        dict(zip(numbers["creatives"], entry.creatives, strict=True)),
        partial=True,
        remarks=[_told(document.path, line) for line in str(bad).splitlines()],
    )


def _cut(
    written: dict[str, Any], broken: Iterable[strict.Location]
) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """What is left of a file without its broken entries, and the numbers of those in lists."""
    gone = set(broken)
    whole = {where[0] for where in gone if len(where) == 1}
    data = {key: value for key, value in written.items() if key not in whole}
    data = STAND_INS | data
    numbers: dict[str, list[int]] = {"contracts": [], "creatives": []}
    for key, kept in numbers.items():
        items = data.get(key)
        if isinstance(items, list):
            kept += [number for number in range(len(items)) if (key, number) not in gone]
            data[key] = [items[number] for number in kept]
    if isinstance(data.get("dayparts"), dict):
        data["dayparts"] = {
            name: windows
            for name, windows in data["dayparts"].items()
            if ("dayparts", name) not in gone
        }
    return data, numbers


def _told(path: Path, sentence: str) -> Remark:
    line, _, rest = sentence.removeprefix(f"{path}:").partition(": ")
    key, _, message = rest.partition(": ")
    if not line.isdecimal():
        return Remark("error", 1, "", sentence)
    return Remark("error", int(line), key, message)
