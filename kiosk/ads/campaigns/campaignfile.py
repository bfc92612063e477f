"""Reading a campaign file: from what is written to what is decided with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

from kiosk.ads.campaigns.campaign import (
    Campaign,
    Contract,
    Creative,
    Frequency,
    Goal,
    GroupSize,
    Impressions,
    Plays,
    ShareOfVoice,
    Targeting,
)
from kiosk.ads.campaigns.checks import (
    ADULTS_ONLY,
    NEVER_BY_AGE_OR_GENDER,
    categories_of,
    check_categories,
    check_content,
    check_media,
    check_names,
)
from kiosk.ads.campaigns.conflicts import check_conflicts
from kiosk.ads.campaigns.draft import Draft, Remark, read_draft
from kiosk.ads.campaigns.entries import (
    DAYS,
    ContractEntry,
    CreativeEntry,
    DayName,
    Daypart,
    FlightEntry,
    FrequencyEntry,
    GoalEntry,
    TargetingEntry,
    WindowEntry,
)
from kiosk.ads.campaigns.expectations import check_expectations
from kiosk.ads.campaigns.rest import NO_REST, Rest
from kiosk.ads.campaigns.times import Times, Window
from kiosk.errors import CampaignError

NamedWindows = Mapping[str, tuple[WindowEntry, ...]]


@dataclass(frozen=True)
class Examination:
    """A campaign file and what there is to say about it.

    Attributes:
        campaign: ``None`` when there are errors.
        remarks: by line.
    """

    path: Path
    campaign: Campaign | None
    remarks: tuple[Remark, ...]

    def of(self, severity: str) -> list[Remark]:
        """The errors, or the warnings."""
        return [one for one in self.remarks if one.severity == severity]


def load_campaign(path: Path) -> Campaign:
    """Read and check a campaign file.

    Of the media only headers are read: ``sha256`` is for whoever shows them.

    Raises:
        CampaignError: file, line, key and what to do, one sentence per fault.
    """
    draft = read_draft(path)
    campaign = _judged(draft)
    faults = sorted(draft.errors(), key=lambda one: one.line)
    if faults:
        raise CampaignError("\n".join(one.sentence(path) for one in faults))
    return campaign


def examine_campaign(path: Path, today: date, rest: Rest = NO_REST) -> Examination:
    """Read a campaign file and check it as closely as can be, its media's content as well.

    Args:
        path: the file.
        today: the day by the store's clock; flights that ended before are remarked on.
        rest: of the screen that it is checked for; none: of no screen in particular.

    Raises:
        CampaignError: it is no campaign file at all.
    """
    draft = read_draft(path)
    campaign = _judged(draft)
    check_content(draft, path.parent)
    if not draft.errors():
        check_expectations(draft, campaign, today, rest)
    remarks = sorted(draft.remarks, key=lambda one: (one.line, one.key))
    return Examination(path, None if draft.errors() else campaign, tuple(remarks))


def _judged(draft: Draft) -> Campaign:
    folder = draft.document.path.parent
    check_names(draft)
    check_categories(draft)
    check_media(draft, folder)
    campaign = _campaign(draft, folder)
    check_conflicts(draft, campaign)
    if not draft.partial and not campaign.rotation:
        draft.remarks.append(
            Remark(
                "error",
                draft.document.line(("creatives",)),
                "creatives",
                "no creative is untargeted, for all ages, at any time and without a contract;"
                " add one, so that there is always something to play",
            )
        )
    return campaign


def _campaign(draft: Draft, folder: Path) -> Campaign:
    named = draft.entry.dayparts
    entries = {one.id: one for one in reversed(draft.contracts.values())}
    return Campaign(
        draft.entry.name,
        tuple(_creative(one, folder, entries, named) for one in draft.creatives.values()),
        {one.id: _contract(one, named) for one in draft.contracts.values()},
    )


def _contract(entry: ContractEntry, named: NamedWindows) -> Contract:
    return Contract(
        entry.id,
        entry.advertiser,
        entry.category,
        _goal(entry.goal),
        _times(entry.flight, entry.dayparts, named),
        entry.priority,
        entry.exclusive,
        entry.separation_plays,
        _frequency(entry.frequency),
    )


def _creative(
    entry: CreativeEntry,
    folder: Path,
    contracts: Mapping[str, ContractEntry],
    named: NamedWindows,
) -> Creative:
    contract = contracts.get(entry.contract) if entry.contract is not None else None
    return Creative(
        entry.id,
        entry.kind,
        (folder / entry.file).resolve(),
        entry.duration_s,
        entry.category or (contract.category if contract is not None else "general"),
        entry.weight,
        entry.all_ages and not categories_of(entry, contracts) & ADULTS_ONLY,
        _targeting(entry.targeting),
        entry.contract,
        _times(entry.flight, entry.dayparts, named),
        _frequency(entry.frequency),
        entry.sha256,
        bool(categories_of(entry, contracts) & NEVER_BY_AGE_OR_GENDER.keys()),
    )


def _goal(entry: GoalEntry | None) -> Goal | None:
    if entry is None:
        return None
    if entry.share_of_voice is not None:
        return ShareOfVoice(entry.share_of_voice)
    if entry.impressions is not None:
        return Impressions(entry.impressions)
    if entry.plays_per_hour is not None:
        return Plays(entry.plays_per_hour, "hour")
    if entry.plays_per_day is not None:
        return Plays(entry.plays_per_day, "day")
    return Plays(entry.plays or 0, "flight")


def _targeting(entry: TargetingEntry) -> Targeting:
    group = GroupSize(entry.group.min, entry.group.max) if entry.group is not None else None
    return Targeting(entry.age, entry.gender, entry.mood, group, entry.looking)


def _frequency(entry: FrequencyEntry) -> Frequency:
    return Frequency(entry.max_per_hour, entry.min_gap_s)


def _times(flight: FlightEntry | None, dayparts: Iterable[Daypart], named: NamedWindows) -> Times:
    entries: list[WindowEntry] = []
    for one in dayparts:
        entries += named.get(one, ()) if isinstance(one, str) else (one,)
    windows = tuple(dict.fromkeys(_window(one) for one in entries))
    if flight is None:
        return Times(windows=windows)
    return Times(flight.first, flight.last, windows)


def _window(entry: WindowEntry) -> Window:
    return window_of(entry.days, entry.begin, entry.end)


def window_of(days: Iterable[DayName], begin: str, end: str) -> Window:
    """A stretch of the week as files write it.

    Args:
        days: on which it begins.
        begin: such as ``07:30``.
        end: the same, or ``24:00``.
    """
    return Window(frozenset(DAYS.index(day) for day in days), _time(begin), _time(end))


def _time(clock_time: str) -> time:
    hour, minute = clock_time.split(":")
    return time(int(hour) % 24, int(minute))
