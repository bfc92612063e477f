"""From one release to another and, if it does not do its work, back.

The order of the steps is what makes a power cut harmless: what is going to be done is on the disk
before it is done, and each step may be done twice.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from kiosk.errors import BadInputError, KioskError
from kiosk.release.files import alone, point
from kiosk.release.health import Limits, Progress, Verdict, judge
from kiosk.release.layout import CONFIRM_UNIT, TARGETS, Layout, Role
from kiosk.release.links import copy_udev_rules, make_links
from kiosk.release.machine import Machine
from kiosk.release.records import (
    Entry,
    Pending,
    close,
    installed,
    last_outcomes,
    now,
    previous_of,
    read_history,
    read_pending,
)

log = logging.getLogger(__name__)

POLL_S = 1.0
GONE_LOOKS = 5
"""That often the trial may be seen not to run before it counts as lost."""


@dataclass(frozen=True)
class Trial:
    """How long a release has to prove itself, in seconds."""

    deadline_s: float = 180.0
    settle_s: float = 20.0


def activate(layout: Layout, machine: Machine, version: str, trial: Trial, force: bool) -> bool:
    """Switch to a release, and have its trial begin.

    Returns:
        Whether anything changed; False if it runs already.

    Raises:
        BadInputError: it is not installed, or did not prove itself before.
        KioskError: another switch is not over yet.
    """
    release = installed(layout, version)
    with alone(layout.product):
        if (pending := read_pending(layout)) and _over_already(layout, pending) is None:
            return _go_on(layout, machine, pending, version)
        before = layout.current_version()
        if before == version:
            # What a power cut left out between the switch and its trial is done now.
            _take_effect(layout, machine, release.role)
            return False
        bad = last_outcomes(layout).get(version)
        if bad and bad.outcome == "rolled_back" and not force:
            raise BadInputError(
                f"release {version} was rolled back on {bad.ended[:10]}: {bad.reason}",
                "install a newer one; --force tries this one again",
            )
        make_links(layout)
        # From here on a boot takes up what a power cut interrupts.
        machine.enable(CONFIRM_UNIT)
        machine.make_accounts(layout.release(version))
        machine.make_folders(layout.release(version))
        Pending(
            from_=before,
            to=version,
            role=release.role,
            began=now(),
            deadline_s=trial.deadline_s,
            settle_s=trial.settle_s,
            baseline=machine.baseline(release.role),
            boot=layout.boot() if layout.is_booted() else "",
        ).write(layout)
        point(layout.current, f"releases/{version}")
        _take_effect(layout, machine, release.role)
    if layout.is_booted():
        machine.start_confirmation()
    return True


def _take_effect(layout: Layout, machine: Machine, role: Role) -> None:
    """Have systemd and udev go by the release that is current now, at each boot too."""
    copy_udev_rules(layout)
    machine.reload()
    machine.enable(TARGETS[role])


def _go_on(layout: Layout, machine: Machine, pending: Pending, version: str) -> bool:
    """Take up a trial whose process was lost together with the one that began it."""
    if pending.to == version and pending.rollback is None and not machine.confirms():
        _take_effect(layout, machine, pending.role)
        machine.start_confirmation()
        return True
    raise KioskError(
        f"release {pending.to} is still on trial",
        "wait for it, or call kiosk-release rollback first",
    )


def await_outcome(layout: Layout, machine: Machine) -> Entry:
    """Wait for the end of the trial that runs on its own.

    Raises:
        KioskError: nobody runs it.
    """
    pending = read_pending(layout)
    lost = 0
    while layout.pending.exists():
        lost = 0 if machine.confirms() else lost + 1
        if lost >= GONE_LOOKS:
            raise KioskError(
                "the trial does not run", "journalctl -u kiosk-confirm says why it ended"
            )
        time.sleep(POLL_S / 2)
    history = read_history(layout)
    began = pending.began if pending else history[-1].began if history else ""
    for entry in reversed(history):
        if entry.began == began:
            return entry
    raise KioskError("nothing is known of the trial", f"see {layout.history}")


def confirm(layout: Layout, machine: Machine, deadline_s: float | None = None) -> Entry | None:
    """Run the trial to its end: confirm the release, or go back.

    Args:
        layout: this machine.
        machine: the same.
        deadline_s: instead of what `activate` was told.

    Returns:
        What became of it; None if nothing was on trial.
    """
    # `activate` holds the lock until everything is in place.
    with alone(layout.product, wait=True):
        pending = read_pending(layout)
        if pending is None:
            return None
        if entry := _over_already(layout, pending):
            return entry
        pending = _count_boot(layout, pending)
    if deadline_s is not None:
        pending = replace(pending, deadline_s=deadline_s)
    if pending.rollback:
        return _go_back(layout, machine, pending, whole=True)
    progress, whole = _try(layout, machine, pending)
    if progress.verdict is Verdict.HEALTHY:
        log.info("event=release_confirmed version=%s from=%s", pending.to, pending.from_)
        return close(layout, pending, "confirmed")
    reason = "; ".join(progress.troubles[:3])
    if pending.from_ is None:
        return _unhealthy(layout, pending, reason)
    return _go_back(layout, machine, _noted(layout, pending.undone(reason)), whole)


def _noted(layout: Layout, pending: Pending) -> Pending:
    """Write down how it stands; what cannot be written keeps no screen from its way back."""
    try:
        return pending.write(layout)
    except OSError as bad:
        log.error('event=release_note_lost reason="%s"', bad)
        return pending


def _try(layout: Layout, machine: Machine, pending: Pending) -> tuple[Progress, bool]:
    """Have everything run the new release, and watch it.

    Returns:
        How it does, and whether anything but the first service runs it.
    """
    if not pending.boot or pending.boot != layout.boot():
        # After a boot everything runs the new release, and nothing has to be restarted. Power may
        # have been cut before everything went by it.
        _take_effect(layout, machine, pending.role)
        machine.start(pending.role)
        return _watch(layout, machine, pending), True
    first = machine.restart_first(pending.role)
    if first:
        progress = _watch(layout, machine, pending, first)
        if progress.verdict is not Verdict.HEALTHY:
            return progress, False
    machine.restart_others(pending.role, pending.baseline.units)
    return _watch(layout, machine, pending), True


def rollback(layout: Layout, machine: Machine) -> Pending:
    """Have the release before take over; it happens in the trial's own process.

    Raises:
        KioskError: there is nothing to go back to.
    """
    with alone(layout.product):
        pending = read_pending(layout)
        if pending is None:
            current = layout.current_version()
            previous = previous_of(layout, current)
            if current is None or previous is None:
                raise KioskError(
                    "there is no earlier release to go back to",
                    "kiosk-release activate VERSION switches to any that is installed",
                )
            role = installed(layout, previous).role
            trial = Trial()
            pending = Pending(
                from_=previous,
                to=current,
                role=role,
                began=now(),
                deadline_s=trial.deadline_s,
                settle_s=trial.settle_s,
                baseline=machine.baseline(role),
                boot=layout.boot(),
            )
        if pending.from_ is None:
            raise KioskError(
                f"release {pending.to} is the first: there is none to go back to",
                "install and activate another; kiosk-release remove takes everything away",
            )
        pending = pending.undone("asked for").write(layout)
    if layout.is_booted():
        machine.start_confirmation()
    else:
        _go_back(layout, machine, pending, whole=True)
    return pending


def _over_already(layout: Layout, pending: Pending) -> Entry | None:
    """Tidy up after a power cut just before a switch began, or just after its end."""
    for entry in read_history(layout):
        if entry.began == pending.began:
            return close(layout, pending, entry.outcome, entry.reason)
    if pending.rollback is None and layout.current_version() != pending.to:
        copy_udev_rules(layout)
        return close(layout, pending, "interrupted", "power was cut before the switch")
    return None


def _count_boot(layout: Layout, pending: Pending) -> Pending:
    boot = layout.boot()
    if boot == pending.boot or boot in pending.boots:
        return pending
    pending = replace(pending, boots=(*pending.boots[-9:], boot))
    if len(pending.boots) > 1 and pending.from_ is not None:
        pending = pending.undone("the machine started twice before it was confirmed")
    return _noted(layout, pending)


def _watch(layout: Layout, machine: Machine, pending: Pending, only: str | None = None) -> Progress:
    """Look again and again, until it is clear how the release does."""
    limits = Limits(pending.deadline_s, 0.0 if only else pending.settle_s)
    # One service is looked at by itself: the checks speak of all of them.
    baseline = replace(pending.baseline, checks={}) if only else pending.baseline
    began, progress = time.monotonic(), Progress()
    while True:
        seen = machine.look(pending.role, time.monotonic() - began, only)
        troubles = progress.troubles
        progress = judge(baseline, limits, progress, seen)
        if progress.troubles != troubles:
            log.info("waiting for release %s: %s", pending.to, "; ".join(progress.troubles))
        if progress.verdict is not Verdict.WAIT:
            return progress
        present = read_pending(layout)
        if present and present.rollback and not pending.rollback:
            return replace(progress, verdict=Verdict.UNHEALTHY, troubles=(present.rollback,))
        machine.wait(min(POLL_S, pending.settle_s / 2))


def _go_back(layout: Layout, machine: Machine, pending: Pending, whole: bool) -> Entry:
    """Switch back; the reason is on the disk already, so that a power cut does not end this.

    Args:
        layout: this machine.
        machine: the same.
        pending: the switch.
        whole: whether anything but the first service runs the release that is left.
    """
    assert pending.from_ is not None, "checked by whoever decides to go back"  # noqa: S101
    with alone(layout.product, wait=True):
        point(layout.current, f"releases/{pending.from_}")
        try:
            _take_effect(layout, machine, pending.role)
        except OSError as bad:
            log.error('event=release_note_lost reason="%s"', bad)
    reason = pending.rollback or ""
    log.warning(
        'event=release_rolled_back version=%s to=%s reason="%s"', pending.to, pending.from_, reason
    )
    if not layout.is_booted():
        return close(layout, pending, "rolled_back", reason)
    # Its accounts are there: no release takes any away.
    with suppress(KioskError):
        machine.make_folders(layout.release(pending.from_))
    machine.restart_first(pending.role)
    if whole:
        machine.restart_others(pending.role, pending.baseline.units)
    progress = _watch(layout, machine, pending)
    if progress.verdict is not Verdict.HEALTHY:
        troubles = "; ".join(progress.troubles[:3])
        log.error(
            'event=release_rollback_unhealthy version=%s reason="%s"', pending.from_, troubles
        )
        reason = f"{reason}; and {pending.from_} does not do its work either: {troubles}"
    return _closed(layout, pending, reason)


def _closed(layout: Layout, pending: Pending, reason: str) -> Entry:
    try:
        return close(layout, pending, "rolled_back", reason)
    except OSError as bad:
        # The next boot finds that the release is not current, and closes it then.
        log.error('event=release_note_lost reason="%s"', bad)
        return Entry(pending.to, pending.from_, "rolled_back", reason, pending.began, now())


def _unhealthy(layout: Layout, pending: Pending, reason: str) -> Entry:
    log.error('event=release_unhealthy version=%s reason="%s"', pending.to, reason)
    return close(layout, pending, "unhealthy", reason)
