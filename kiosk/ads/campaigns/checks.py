"""What is wrong within a campaign file: names, references, media, and what law forbids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from kiosk.ads.campaigns.draft import Draft, nearest
from kiosk.ads.campaigns.entries import ContractEntry, CreativeEntry, Daypart
from kiosk.ads.campaigns.house import CARD_ID
from kiosk.ads.campaigns.media import digest_of, fault_of, oddity_of

NEVER_BY_AGE_OR_GENDER = {
    "jobs": "employment discrimination law forbids it (US Title VII and ADEA,"
    " EU 2000/78/EC and 2006/54/EC)",
    "housing": "housing discrimination law forbids it (US Fair Housing Act)",
    "credit": "credit discrimination law forbids it (US Equal Credit Opportunity Act)",
}
"""Categories that are never targeted by age or gender, and why. Age stands in all three: where the
Fair Housing Act names families with children instead, age would stand in for them."""

ADULTS_ONLY = frozenset({"alcohol", "gambling"})
"""Categories that never play when a minor may be in view, whatever the file says."""


def check_names(draft: Draft) -> None:
    """No id twice, and every reference leads somewhere."""
    _twice(draft, "contracts", draft.contracts)
    _twice(draft, "creatives", draft.creatives)
    for number, creative in draft.creatives.items():
        if creative.id == CARD_ID:
            draft.error(
                ("creatives", number, "id"), f"{CARD_ID} is the card of our own; take another name"
            )
    # Also those that are faulty in themselves: their names are known.
    contracts = {
        str(one["id"])
        for one in _listed(draft.document.data.get("contracts"))
        if isinstance(one, dict) and "id" in one
    }
    dayparts = draft.document.data.get("dayparts")
    named = [str(name) for name in dayparts] if isinstance(dayparts, dict) else []
    for number, contract in draft.contracts.items():
        _dayparts(draft, ("contracts", number), contract.dayparts, named)
    for number, creative in draft.creatives.items():
        _dayparts(draft, ("creatives", number), creative.dayparts, named)
        if creative.contract is not None and creative.contract not in contracts:
            end = nearest(creative.contract, contracts, "there are none under contracts")
            draft.error(
                ("creatives", number, "contract"), f"unknown contract {creative.contract!r}; {end}"
            )
    _unused(draft)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _twice(
    draft: Draft,
    kind: Literal["contracts", "creatives"],
    entries: Mapping[int, ContractEntry | CreativeEntry],
) -> None:
    seen: dict[str, int] = {}
    for number, entry in entries.items():
        line = draft.document.line((kind, number))
        if entry.id in seen:
            draft.error((kind, number), f"id {entry.id!r} is taken (line {seen[entry.id]})")
        seen.setdefault(entry.id, line)


def _dayparts(
    draft: Draft, where: tuple[str, int], wanted: Iterable[Daypart], known: list[str]
) -> None:
    for index, one in enumerate(wanted):
        if isinstance(one, str) and one not in known:
            end = nearest(one, known, "none is named under dayparts")
            draft.error((*where, "dayparts", index), f"unknown day-part {one!r}; {end}")


def _unused(draft: Draft) -> None:
    if draft.partial:
        return
    delivering = {creative.contract for creative in draft.creatives.values()}
    for number, contract in draft.contracts.items():
        if contract.id not in delivering:
            draft.error(
                ("contracts", number),
                f"no creative has contract: {contract.id}; add one, or remove the contract",
            )
    lists = [entry.dayparts for entry in draft.contracts.values()]
    lists += [entry.dayparts for entry in draft.creatives.values()]
    used = {one for dayparts in lists for one in dayparts if isinstance(one, str)}
    for name in draft.entry.dayparts:
        if name not in used:
            draft.warn(("dayparts", name), "nothing uses this day-part")


def categories_of(creative: CreativeEntry, contracts: Mapping[str, ContractEntry]) -> set[str]:
    """A creative's own category and its contract's: the rules of both hold."""
    contract = contracts.get(creative.contract) if creative.contract is not None else None
    both = (creative.category, contract.category if contract is not None else None)
    return {category for category in both if category is not None}


def check_categories(draft: Draft) -> None:
    """Restricted categories: what law forbids, and what is not for minors."""
    contracts = {one.id: one for one in draft.contracts.values()}
    for number, creative in draft.creatives.items():
        categories = categories_of(creative, contracts)
        by = [key for key in ("age", "gender") if getattr(creative.targeting, key)]
        for category in sorted(categories & NEVER_BY_AGE_OR_GENDER.keys()):
            for key in by:
                why = NEVER_BY_AGE_OR_GENDER[category]
                draft.error(
                    ("creatives", number, "targeting", key),
                    f"{category} may not be targeted by {key}: {why}; remove it",
                )
        for category in sorted(categories & ADULTS_ONLY):
            if creative.all_ages and "all_ages" in creative.model_fields_set:
                draft.warn(
                    ("creatives", number, "all_ages"),
                    f"{category} is never for all ages; taken as false",
                )


def check_media(draft: Draft, folder: Path) -> None:
    """Every medium is there, is of its kind, and can be held in memory."""
    for number, creative in draft.creatives.items():
        fault = fault_of(folder / creative.file, creative.file, creative.kind)
        if fault is not None:
            draft.error(("creatives", number, "file"), fault)


def check_content(draft: Draft, folder: Path) -> None:
    """Every medium that was found is what sha256 says; reads each of those whole, once."""
    digests: dict[Path, str] = {}
    for number, creative in draft.creatives.items():
        path = folder / creative.file
        if fault_of(path, creative.file, creative.kind) is not None:
            continue
        oddity = oddity_of(path, creative.file, creative.kind)
        if oddity is not None:
            draft.warn(("creatives", number, "file"), oddity)
        if creative.sha256 is None:
            continue
        try:
            found = digests.get(path) or digest_of(path)
        except OSError as bad:
            draft.error(("creatives", number, "file"), f"{creative.file}: {bad.strerror}")
            continue
        digests[path] = found
        if found != creative.sha256:
            draft.error(
                ("creatives", number, "sha256"),
                f"{creative.file} is another file: its sha256 is {found}",
            )
