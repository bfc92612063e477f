"""Commands: whether one is obeyed, once, and what is answered."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from kiosk.clock import Clock, iso
from kiosk.config import Settings
from kiosk.errors import StateError
from kiosk.state import Store, note_command
from kiosk.uplink.desired.trust import RefusedError, first_fault, opened
from kiosk.uplink.vitals import clock_is_known
from kiosk.wire import Branch, Command, Outcome, Reply, is_for

log = logging.getLogger(__name__)

INBOX_MAX = 32
"""Commands that came and were not looked at yet; nobody gives so many at once."""

ANSWERED_MAX = 256
"""Ids of commands that were answered lately: a broker may deliver the same one again."""

REMEMBERED_FOR = timedelta(hours=1)
"""How long the id of a command is kept after it has expired: by so much a clock may be put back
without its being obeyed again."""

DETAIL_MAX = 500

GOES_WITH = {"install-certificate": "rotate-certificate"}
"""A command that is the second half of another."""

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Answer:
    """What became of a command; raise :class:`RefusedError` for what could not be done."""

    detail: str = ""
    data: Mapping[str, Value] = field(default_factory=dict)
    lines: Sequence[str] = ()


Action = Callable[[Command], Answer | None]
"""Obeys a command; ``None``: it will be answered later."""


class Orders:
    """Commands of head office."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Callable[[], Store],
        keys: Sequence[Ed25519PublicKey],
        actions: Mapping[str, Action],
    ) -> None:
        """Nothing has come yet.

        Args:
            settings: what is allowed, and for how long a command may be valid.
            clock: the time.
            store: gives the state file that is open now.
            keys: whose commands are obeyed.
            actions: by a command's name, how it is obeyed.
        """
        device = settings.device
        self._branch = Branch(device.tenant, device.site, device.name)
        self._settings = settings
        self._clock = clock
        self._store = store
        self._keys = keys
        self._actions = actions
        self._inbox: deque[bytes] = deque()
        self._answered: deque[str] = deque(maxlen=ANSWERED_MAX)

    def take(self, payload: bytes) -> None:
        """Keep a message until the next turn."""
        if len(self._inbox) >= INBOX_MAX:
            log.warning("event=command_refused reason=%s", '"too many at once": give it again')
            return
        self._inbox.append(payload)

    def turn(self) -> list[Reply]:
        """Obey what came; returns one reply for each command that was not answered before."""
        replies = []
        while self._inbox:
            payload = self._inbox.popleft()
            try:
                command = self._command(payload)
            except RefusedError as bad:
                log.warning(
                    'event=command_refused reason="%s": nobody is answered; see who writes to this'
                    " device's topics",
                    bad,
                )
                continue
            if command.id not in self._answered:
                self._answered.append(command.id)
                reply = self._obey(command)
                if reply is not None:
                    replies.append(reply)
        return replies

    def reply(self, command: str, name: str, outcome: Outcome, answer: Answer) -> Reply:
        """The message that answers a command."""
        if outcome == "done":
            log.info('event=command_done name=%s id=%s detail="%s"', name, command, answer.detail)
        else:
            log.warning(
                'event=command_not_done name=%s id=%s outcome=%s reason="%s": head office is told'
                " so; give it again when that is put right",
                name,
                command,
                outcome,
                answer.detail,
            )
        return Reply(
            id=command,
            name=name,
            outcome=outcome,
            detail=answer.detail[:DETAIL_MAX],
            at=self._clock.utc(),
            data=dict(answer.data),
            lines=tuple(line[:DETAIL_MAX] for line in answer.lines),
        )

    def _command(self, payload: bytes) -> Command:
        body = opened(payload, "command", self._keys)
        try:
            return Command.model_validate_json(body)
        except ValidationError as bad:
            raise RefusedError(f"it is no command: {first_fault(bad)}") from bad

    def _obey(self, command: Command) -> Reply | None:
        outcome, detail = self._verdict(command)
        if outcome != "done":
            return self.reply(command.id, command.name, outcome, Answer(detail))
        try:
            if not self._first_time(command):
                log.debug("event=command_repeated id=%s", command.id)
                return None
            answer = self._actions[command.name](command)
        except (RefusedError, StateError, OSError, sqlite3.Error) as bad:
            return self.reply(command.id, command.name, "failed", Answer(str(bad)))
        except Exception as bad:  # noqa: BLE001 - a fault in one command must not end the process
            log.error("event=command_fault name=%s error=%r: please report it", command.name, bad)
            return self.reply(command.id, command.name, "failed", Answer("a fault of this device"))
        if answer is None:
            return None
        return self.reply(command.id, command.name, "done", answer)

    def _verdict(self, command: Command) -> tuple[Outcome, str]:
        """Whether it may be obeyed (``done``), or what is answered instead, and why."""
        allowed = GOES_WITH.get(command.name, command.name) in self._settings.desired.commands
        if not is_for(command.target, self._branch):
            return "not-allowed", f"it is for {command.target}, and this is {self._branch}"
        if command.name not in self._actions:
            return "unknown-command", f"{command.name}: this version does not know it"
        if not allowed:
            return "not-allowed", f"{command.name} is not in this device's desired.commands"
        return self._timely(command)

    def _timely(self, command: Command) -> tuple[Outcome, str]:
        now = self._clock.utc()
        longest_s = self._settings.desired.command_max_age_s
        if not clock_is_known(self._settings, self._clock):
            return "clock-unset", "no time service has set this device's clock"
        if command.expires_at <= now:
            return "expired", f"it was valid until {iso(command.expires_at)}; here it is {iso(now)}"
        if command.expires_at - now > timedelta(seconds=longest_s):
            return "not-allowed", (
                f"it is valid for more than desired.command_max_age_s ({longest_s:g} s), or this"
                " device's clock is behind"
            )
        return "done", ""

    def _first_time(self, command: Command) -> bool:
        until = command.expires_at + REMEMBERED_FOR
        return note_command(self._store(), command.id, iso(until), iso(self._clock.utc()))
