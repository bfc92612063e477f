"""The process: one loop over the broker's socket, the outbox, and what head office wants."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from random import Random, SystemRandom

from kiosk import __version__
from kiosk.clock import Clock, SystemClock
from kiosk.config import Settings
from kiosk.service import Heartbeat, stop_on_signals
from kiosk.uplink.carrier import Carrier
from kiosk.uplink.desired import Desired
from kiosk.uplink.homeassistant import discovery, node_name
from kiosk.uplink.link import Link
from kiosk.uplink.session import Incoming, Publication, Session
from kiosk.uplink.vitals import Cap, health_message, read_kept
from kiosk.wire import Branch, Status

log = logging.getLogger(__name__)

FAREWELL_S = 2.0
"""How long a stopping process waits for the broker to take its `offline`."""

MAX_FAULTS = 10
"""Different faults that are told; what fails in yet another way each time says nothing new."""


class Uplink:
    """Carries what a device says to head office, and what head office wants to the device."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        pause: Callable[[float], object],
        random: Random,
        heartbeat: Heartbeat,
    ) -> None:
        """Open the state file; the first :meth:`turn` connects.

        Args:
            settings: the whole configuration.
            clock: the time.
            pause: waits that many seconds, or less when the process is asked to stop.
            random: draws the waits.
            heartbeat: is fed by each sound look into the outbox and each answer of the broker.

        Raises:
            StateError: the state file cannot be used.
            BrokerError: the password or a certificate cannot be read.
        """
        self._settings = settings
        self._clock = clock
        device = settings.device
        self._branch = Branch(device.tenant, device.site, device.name)
        self._began = clock.monotonic()
        self._since = clock.utc()
        self._health_due = self._began
        self._faults: set[str] = set()
        self._descriptions: deque[Publication] = deque()
        self._cap = Cap(settings.uplink.state_max_mb)
        self._carrier = Carrier(
            settings, self._branch, clock=clock, random=random, heartbeat=heartbeat
        )
        self._desired = Desired(
            settings, clock=clock, store=lambda: self._carrier.store, random=random
        )
        session = Session(
            client_id=f"kiosk.{device.tenant}.{device.site}.{device.name}",
            subscriptions=(self._branch.topic("down/ack"), *self._desired.topics),
            packet_max=self._desired.packet_max,
            will=self._will,
        )
        self._link = Link(settings.broker, session, self, clock=clock, pause=pause, random=random)

    def turn(self) -> None:
        """One round: what the broker said, what it means for the outbox, what to send next."""
        self._link.turn(self._settings.uplink.poll_s)
        self._send_descriptions()
        self._carrier.turn(self._link)
        self._do_as_wanted()
        self._send_health()

    def close(self) -> None:
        """Say that the device is offline, and leave."""
        self._desired.close()
        self._link.close(self._status("offline", self._clock.utc()), FAREWELL_S)
        self._carrier.close()

    def on_connected(self) -> None:
        """Publish the birth message."""
        self._link.publish(self._status("online", self._since))
        if self._settings.uplink.home_assistant.discovery:
            self._describe()
        self._desired.on_connected()

    def on_lost(self) -> None:
        """What was on its way will be sent again."""
        self._descriptions.clear()
        self._carrier.lost()

    def on_answer(self, mid: int, refusal: str | None) -> None:
        """Remember the broker's answer until the next write."""
        self._carrier.answered(mid, refusal)

    def on_message(self, message: Incoming) -> None:
        """Head office's acknowledgement, or what it wants."""
        leaf = message.topic.removeprefix(self._branch.topic(""))
        if leaf == "down/ack":
            self._carrier.acknowledged(message.payload)
        else:
            self._desired.on_message(leaf, message.payload)

    def _describe(self) -> None:
        # Which topics, for the broker's access list has to name them and none of another device.
        publications = discovery(self._settings, self._branch)
        log.info(
            "event=discovery_sent below=%s/+/%s/+/config sensors=%d",
            self._settings.uplink.home_assistant.prefix,
            node_name(self._branch),
            len(publications),
        )
        self._descriptions = deque(publications)

    def _send_descriptions(self) -> None:
        # As many as the broker takes: all of them at once are more than some allow.
        while self._descriptions and self._link.room:
            self._link.publish(self._descriptions.popleft())

    def _do_as_wanted(self) -> None:
        try:
            replies = self._desired.turn(self._clock.monotonic())
        except Exception as bad:
            # It is told, and numbers go on.
            if repr(bad) not in self._faults and len(self._faults) < MAX_FAULTS:
                self._faults.add(repr(bad))
                log.exception("event=desired_failed: documents and commands suffer; report it")
            return
        for reply in replies:
            self._link.publish(reply)
        if self._desired.wants_new_connection():
            self._link.begin_anew()

    def _send_health(self) -> None:
        now = self._clock.monotonic()
        if now < self._health_due or not self._link.connected:
            return
        self._health_due = now + self._settings.uplink.health_s
        kept = self._carrier.ask(read_kept)
        if kept is None or self._cap.exceeded(kept.outbox):
            return
        health = health_message(
            kept,
            self._settings,
            self._clock,
            now - self._began,
            (self._desired.config_health(), self._desired.campaign_health()),
        )
        self._link.publish(Publication(self._branch.topic("up/health"), health.encode(), qos=0))

    def _will(self) -> Publication:
        # Made for each connection: nobody can know now when it will end, only when it began.
        self._since = self._clock.utc()
        return self._status("offline", self._since)

    def _status(self, state: str, since: datetime) -> Publication:
        status = Status(
            state="online" if state == "online" else "offline", version=__version__, since=since
        )
        return Publication(self._branch.topic("status"), status.encode(), retain=True)


def run(settings: Settings, clock: Clock | None = None) -> None:
    """Carry the outbox to the broker until SIGTERM or SIGINT.

    Args:
        settings: the whole configuration.
        clock: the time; by default the machine's.

    Raises:
        StateError: the state file cannot be used at the start.
        BrokerError: the password or a certificate cannot be read at the start.
    """
    clock = clock or SystemClock()
    stop = stop_on_signals()
    heartbeat = Heartbeat(clock.monotonic)
    uplink = Uplink(
        settings, clock=clock, pause=stop.wait, random=SystemRandom(), heartbeat=heartbeat
    )
    while not stop.is_set():
        uplink.turn()
    heartbeat.stopping()
    uplink.close()
