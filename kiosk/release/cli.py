"""The command line: one sentence and a hint when something is wrong, never a traceback."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from kiosk import __version__
from kiosk.errors import KioskError
from kiosk.release.bundle import MANIFEST, open_bundle, read_manifest, verify
from kiosk.release.install import PYTHON, install
from kiosk.release.layout import ROLES, Layout
from kiosk.release.machine import Machine
from kiosk.release.records import describe
from kiosk.release.switch import Trial, activate, await_outcome, confirm, rollback
from kiosk.release.upkeep import overview, prune, remove

Answer = tuple[dict[str, Any], str]
"""What a command has to say: to a program, and to a person."""

PRIORITIES = {logging.WARNING: 4, logging.ERROR: 3}


class _FailedError(KioskError):
    """A command that ran to its end, and whose end is not a good one."""

    def __init__(self, values: dict[str, Any], message: str) -> None:
        super().__init__(message, "kiosk-release list shows what is installed")
        self.values = values


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 failed, 2 something that was given is wrong."""
    given = _parser().parse_args(arguments)
    _set_up_logging()
    try:
        _check_rights(given)
        values, said = given.run(given)
    except KioskError as bad:
        _fail(given, bad)
    except OSError as bad:
        what = f"{bad.filename}: " if bad.filename else ""
        _fail(given, KioskError(f"{what}{bad.strerror}", "is the disk full, or read-only?"))
    except KeyboardInterrupt:
        sys.exit(130)
    _print(json.dumps(values) if given.json else said)


def _fail(given: argparse.Namespace, bad: KioskError) -> NoReturn:
    if given.json:
        extra = bad.values if isinstance(bad, _FailedError) else {}
        _print(json.dumps({"changed": False, **extra, "error": str(bad), "hint": bad.hint}))
    sys.stderr.write(f"kiosk-release: {bad}\n")
    if bad.hint:
        sys.stderr.write(f"  hint: {bad.hint}\n")
    sys.exit(bad.exit_code)


def _check_rights(given: argparse.Namespace) -> None:
    if given.needs_root and given.root == Path("/") and os.geteuid() != 0:
        raise KioskError(
            f"kiosk-release {given.command} is for root", "put sudo before the same command"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kiosk-release",
        description="Installs releases of kiosk, switches between them, and goes back by itself.",
    )
    parser.add_argument("--version", action="version", version=f"kiosk-release {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(
        name: str, what: str, example: str, run: Callable[..., Answer], root: bool = True
    ) -> Any:
        command = commands.add_parser(
            name,
            help=what,
            description=what,
            epilog=f"Example: kiosk-release {example}",
        )
        command.add_argument("--json", action="store_true", help="answer as one JSON object")
        command.add_argument(
            "--root", type=Path, default=Path("/"), help="folder that stands for / (images, tests)"
        )
        command.set_defaults(run=run, needs_root=root)
        return command

    command = add(
        "verify",
        "prove that a bundle is whole and was signed by head office",
        "verify kiosk-1.4.0-x86_64.tar",
        _verify,
        root=False,
    )
    command.add_argument("bundle", type=Path)
    command.add_argument("--key", type=Path, help="public key (default: the one on this machine)")
    command = add(
        "install",
        "install a bundle beside what runs",
        "install kiosk-1.4.0-x86_64.tar --activate --wait",
        _install,
    )
    command.add_argument("bundle", type=Path)
    command.add_argument("--role", choices=ROLES, default="device")
    command.add_argument("--activate", action="store_true", help="and switch to it")
    command.add_argument("--python", default=PYTHON, help="interpreter of the release")
    _add_trial(command)
    command = add(
        "activate", "switch to an installed release, on trial", "activate 1.4.0 --wait", _activate
    )
    command.add_argument("version")
    _add_trial(command)
    command = add(
        "confirm",
        "run the trial of the present release to its end (kiosk-confirm.service does)",
        "confirm",
        _confirm,
    )
    command.add_argument(
        "--wait", type=_seconds, metavar="S", help="trial's length, in place of activate's"
    )
    add(
        "rollback", "go back to the release before, and mark this one as bad", "rollback", _rollback
    )
    add("list", "show the releases on this machine", "list --json", _list, root=False)
    command = add("prune", "remove old releases", "prune --keep 2", _prune)
    command.add_argument("--keep", type=_count, required=True, metavar="N", help="how many stay")
    add(
        "remove",
        "take the product off this machine; settings and state stay",
        "remove",
        _remove,
    )
    return parser


def _add_trial(command: argparse.ArgumentParser) -> None:
    usual = Trial()
    command.add_argument("--wait", action="store_true", help="until the trial's end")
    command.add_argument(
        "--force", action="store_true", help="also if it was rolled back here before"
    )
    command.add_argument(
        "--deadline-s",
        type=_seconds,
        default=usual.deadline_s,
        metavar="S",
        help="within which it has to do its work (default: %(default)g)",
    )
    command.add_argument(
        "--settle-s",
        type=_seconds,
        default=usual.settle_s,
        metavar="S",
        help="during which it then must not restart (default: %(default)g)",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 to 3600 seconds")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def _verify(given: argparse.Namespace) -> Answer:
    key = given.key or Layout(given.root).key
    with open_bundle(given.bundle) as bundle:
        sums = verify(bundle, key)
        values: dict[str, Any] = {"ok": True, "files": len(sums)}
        # What is signed in the same way, such as the Debian packages, has no manifest.
        if MANIFEST in sums:
            values |= describe(read_manifest(bundle))
    return values, f"{given.bundle}: whole and signed, {len(sums)} files"


def _install(given: argparse.Namespace) -> Answer:
    layout = Layout(given.root)
    version, changed = install(layout, given.bundle, given.role, given.python)
    said = (
        f"release {version} is installed" if changed else f"release {version} is already installed"
    )
    values = {"changed": changed, "version": version, "result": _result(changed)}
    if not given.activate:
        return values, said
    more, then = _switch(given, layout, version)
    changed = changed or more["changed"]
    return {**more, "changed": changed, "result": _result(changed)}, f"{said}\n{then}"


def _activate(given: argparse.Namespace) -> Answer:
    return _switch(given, Layout(given.root), given.version)


def _switch(given: argparse.Namespace, layout: Layout, version: str) -> Answer:
    machine = Machine(layout)
    changed = activate(
        layout, machine, version, Trial(given.deadline_s, given.settle_s), given.force
    )
    values = {"changed": changed, "version": version, "result": _result(changed)}
    if not changed:
        return values, f"release {version} runs already"
    if not layout.is_booted():
        return values, f"release {version} will run, and be on trial, from the next boot on"
    if not given.wait:
        return values, f"release {version} is on trial; journalctl -fu kiosk-confirm follows it"
    entry = await_outcome(layout, machine)
    values["outcome"] = entry.outcome
    if entry.outcome != "confirmed":
        raise _FailedError(values, _sentence(entry.outcome, version, entry.previous, entry.reason))
    return values, f"release {version} runs and is confirmed"


def _confirm(given: argparse.Namespace) -> Answer:
    layout = Layout(given.root)
    entry = confirm(layout, Machine(layout), given.wait)
    if entry is None:
        return {"changed": False, "outcome": None}, "nothing is on trial"
    values = {"changed": True, "version": entry.version, "outcome": entry.outcome}
    if entry.outcome != "confirmed":
        raise _FailedError(
            values, _sentence(entry.outcome, entry.version, entry.previous, entry.reason)
        )
    return values, f"release {entry.version} is confirmed"


def _rollback(given: argparse.Namespace) -> Answer:
    layout = Layout(given.root)
    machine = Machine(layout)
    pending = rollback(layout, machine)
    values = {"changed": True, "version": pending.from_, "from": pending.to}
    entry = await_outcome(layout, machine) if layout.is_booted() else None
    if entry and entry.reason != pending.rollback:
        raise _FailedError(
            values, _sentence(entry.outcome, pending.to, pending.from_, entry.reason)
        )
    return values, f"release {pending.from_} runs again; {pending.to} is marked as bad"


def _list(given: argparse.Namespace) -> Answer:
    values = overview(Layout(given.root))
    lines = [
        f"{'*' if each['current'] else ' '} {each['version']:<16} {each['role']:<8} "
        f"{each['state']:<12} {each['reason']}".rstrip()
        for each in values["releases"]
    ]
    return values, "\n".join(lines) or "no release is installed"


def _prune(given: argparse.Namespace) -> Answer:
    removed = prune(Layout(given.root), given.keep)
    said = f"removed {', '.join(removed)}" if removed else "nothing to remove"
    return {"changed": bool(removed), "removed": removed}, said


def _remove(given: argparse.Namespace) -> Answer:
    layout = Layout(given.root)
    values: dict[str, Any] = {"changed": remove(layout, Machine(layout))}
    said = "kiosk was removed" if values["changed"] else "kiosk is not installed here"
    if layout.product.exists():
        values["mount_point"] = str(layout.product)
        said += f"; {layout.product} is empty and stays, because it is a mount point"
    return values, said


def _result(changed: bool) -> str:
    return "changed" if changed else "unchanged"


def _sentence(outcome: str, version: str, previous: str | None, reason: str) -> str:
    if outcome == "rolled_back":
        return f"release {version} was rolled back to {previous}: {reason}"
    if outcome == "unhealthy":
        return f"release {version} does not do its work, and none was before it: {reason}"
    return f"the switch to release {version} did not come about: {reason}"


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _set_up_logging() -> None:
    """To standard error; under systemd with the prefix from which the journal takes a priority."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Prefixed("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _Prefixed(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if "JOURNAL_STREAM" not in os.environ:
            return text
        return f"<{PRIORITIES.get(record.levelno, 6)}>{text}"
