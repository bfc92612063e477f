"""The one object that the uplink's loop speaks to."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

from kiosk import __version__
from kiosk.clock import Clock, iso
from kiosk.config import Settings
from kiosk.state import Order, Store, place_order
from kiosk.uplink.backoff import Backoff
from kiosk.uplink.desired.campaigns import Campaigns
from kiosk.uplink.desired.certificates import Certificates
from kiosk.uplink.desired.configuration import Configurations
from kiosk.uplink.desired.diagnosis import RecentLines, diagnose
from kiosk.uplink.desired.media import MediaStore
from kiosk.uplink.desired.orders import Answer, Orders
from kiosk.uplink.desired.restarts import LEAD_S, PROCESSES, Restarts
from kiosk.uplink.desired.standing import read_document
from kiosk.uplink.desired.trust import LaterError, RefusedError, public_keys
from kiosk.uplink.session import Publication
from kiosk.wire import (
    DOCUMENT_MAX_BYTES,
    Branch,
    Command,
    DocumentHealth,
    DocumentKind,
    Outcome,
    Reply,
)

log = logging.getLogger(__name__)

DOCUMENTS: dict[str, DocumentKind] = {"down/config": "config", "down/campaigns": "campaign"}
COMMAND = "down/command"

RETRY_MIN_S, RETRY_MAX_S = 5.0, 900.0
"""Between two tries of a download: a shop's line may be down for a minute, a server for a night."""

LATER_S = 60.0
"""Between two tries to write a configuration: somebody may have made room on the disk."""

MESSAGE_MAX = 2 * DOCUMENT_MAX_BYTES + 4096
"""A sealed document, in which each quotation mark takes two signs, and its envelope."""

PACKET_MAX = MESSAGE_MAX + 1024
"""With topic and properties. The broker is told so: what it kept for us and is larger than our
memory would end this process at each start."""


class Desired:
    """Takes what head office wants; every method is quick and belongs to the uplink's loop.

    Made before the connection is: a change of certificate that a power cut interrupted is brought
    to its end here.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        store: Callable[[], Store],
        random: Random,
        retry_s: tuple[float, float] = (RETRY_MIN_S, RETRY_MAX_S),
    ) -> None:
        """Look at what was installed before.

        Args:
            settings: the whole configuration, as :func:`kiosk.config.load_settings` made it.
            clock: the time.
            store: gives the state file that is open now.
            random: draws the waits between two attempts of a download.
            retry_s: the shortest and the longest of them.

        Raises:
            BrokerError: a certificate's change cannot be finished.
        """
        device, desired = settings.device, settings.desired
        self._branch = Branch(device.tenant, device.site, device.name)
        self._settings = settings
        self._clock = clock
        self._store = store
        self._began = clock.monotonic()
        self._certificates = Certificates(settings.broker.tls, self._branch)
        self._certificates.recover()
        self._keys = public_keys(desired.public_keys)
        self._configurations = Configurations(settings)
        self._campaigns = Campaigns(
            desired,
            MediaStore(desired, settings.broker.tls.ca_file),
            Backoff(*retry_s, random),
            clock.monotonic,
        )
        self._orders = Orders(settings, clock, store, self._keys, self._actions())
        self._restarts = Restarts(desired.folder)
        self._documents: dict[str, bytes] = {}
        # A configuration that a full disk kept out, and when it is tried again.
        self._later: tuple[float, bytes] | None = None
        self._replies: deque[Reply] = deque()
        # What cannot be said now, since there is no session.
        self._replies_of_the_next: deque[Reply] = deque()
        self._reconnect = False
        self._recent = RecentLines()
        logging.getLogger().addHandler(self._recent)

    @property
    def topics(self) -> tuple[str, ...]:
        """Full topics to subscribe to with QoS 1; none when there is no key to trust."""
        leaves = (*DOCUMENTS, COMMAND) if self._keys else ()
        return tuple(self._branch.topic(leaf) for leaf in leaves)

    @property
    def packet_max(self) -> int:
        """Bytes of the largest packet that anything of this may come in."""
        return PACKET_MAX

    def on_connected(self) -> None:
        """A session has begun: a new certificate has proved itself."""
        self._replies.extend(self._replies_of_the_next)
        self._replies_of_the_next.clear()
        command = self._certificates.proved()
        if command is not None:
            reply = self._of_certificate(command, "done", "the broker takes the new certificate")
            self._replies.append(reply)

    def on_message(self, leaf: str, payload: bytes) -> None:
        """Take a message of one of the topics (``leaf``: such as ``down/config``) for a look later.

        Never raises, whatever the payload is. An empty one, by which a broker is made to forget
        what lies there, is nobody's word and changes nothing here.
        """
        if len(payload) > MESSAGE_MAX:
            log.warning(
                "event=message_too_large leaf=%s bytes=%d: it is ignored", leaf, len(payload)
            )
        elif leaf == COMMAND:
            self._orders.take(payload)
        elif leaf in DOCUMENTS and payload:
            # Of each kind the last one counts.
            self._documents[leaf] = payload

    def turn(self, now: float) -> Sequence[Publication]:
        """Look after everything; called in each round, connected or not.

        Args:
            now: monotonic seconds.

        Returns:
            Replies to publish. They are not kept: one that cannot be sent is lost.
        """
        if self._later is not None and now >= self._later[0]:
            self._documents.setdefault("down/config", self._later[1])
        while self._documents:
            leaf, payload = self._documents.popitem()
            self._take_document(DOCUMENTS[leaf], payload, now)
        self._campaigns.turn()
        replies = [*self._replies, *self._orders.turn()]
        self._replies.clear()
        self._watch_trial(now)
        self._restarts.turn(now)
        return [Publication(self._branch.topic("up/reply"), reply.encode()) for reply in replies]

    def wants_new_connection(self) -> bool:
        """Whether the connection is to be made anew, at once, with what the files now hold.

        True once; also when there is none just now and the next try is far off.
        """
        wanted, self._reconnect = self._reconnect, False
        return wanted

    def config_health(self) -> DocumentHealth:
        """Which configuration this process runs with."""
        return self._configurations.standing.health()

    def campaign_health(self) -> DocumentHealth:
        """Which campaign the director plays."""
        return self._campaigns.standing.health()

    def close(self) -> None:
        """Stop fetching; a download goes on at the next start."""
        self._restarts.turn(float("inf"))
        self._campaigns.close()
        logging.getLogger().removeHandler(self._recent)

    def _take_document(self, kind: DocumentKind, payload: bytes, now: float) -> None:
        taker = self._configurations if kind == "config" else self._campaigns
        version = None
        if kind == "config":
            self._later = None
        try:
            given = read_document(payload, kind, self._keys, self._branch)
            version = given.document.version
            if kind == "config":
                self._restarts.ask(self._configurations.take(given), now)
            else:
                self._campaigns.take(given)
        except RefusedError as bad:
            if isinstance(bad, LaterError):
                self._later = now + LATER_S, payload
            taker.standing.refuse(version, str(bad))
        except Exception as bad:  # noqa: BLE001 - it lies at the broker and comes with each session
            log.error("event=document_fault kind=%s error=%r: please report it", kind, bad)
            taker.standing.refuse(version, "a fault of this device; see its log")

    def _watch_trial(self, now: float) -> None:
        if not self._certificates.on_trial(now):
            return
        command = self._certificates.given_up(now)
        if command is not None:
            self._reconnect = True
            log.error(
                "event=certificate_given_up id=%s: no session began with the new certificate; the"
                " one before is back; see the broker's log and its authority",
                command,
            )
            why = "no session began with it in time; the one before is back"
            self._replies_of_the_next.append(self._of_certificate(command, "failed", why))

    def _of_certificate(self, command: str, outcome: Outcome, detail: str) -> Reply:
        return self._orders.reply(command, "install-certificate", outcome, Answer(detail))

    # How each command is obeyed.

    def _actions(self) -> dict[str, Callable[[Command], Answer | None]]:
        return {
            "ping": self._ping,
            "identify": self._identify,
            "restart": self._restart,
            "reload-campaign": self._reload_campaign,
            "rotate-certificate": self._rotate_certificate,
            "install-certificate": self._install_certificate,
            "diagnose": self._diagnose,
        }

    def _uptime_s(self) -> float:
        return self._clock.monotonic() - self._began

    def _ping(self, _: Command) -> Answer:
        return Answer(data={"version": __version__, "uptime_s": int(self._uptime_s())})

    def _identify(self, command: Command) -> Answer:
        seconds = self._settings.desired.identify_s
        until = self._clock.utc() + timedelta(seconds=seconds)
        place_order(self._store(), Order("identify", command.id, iso(until)))
        return Answer(f"the screen says which one it is for {seconds:g} s")

    def _restart(self, command: Command) -> Answer:
        wanted = command.args.get("process", "")
        processes = PROCESSES if wanted == "all" else (wanted,)
        if not set(processes) <= set(PROCESSES):
            raise RefusedError("process: vision, director, uplink or all is expected")
        self._restarts.ask(processes, self._clock.monotonic() + LEAD_S)
        return Answer("asked for; it takes some seconds")

    def _reload_campaign(self, command: Command) -> Answer:
        place_order(self._store(), Order("reload-campaign", command.id, iso(command.expires_at)))
        return Answer("the director looks at its campaign again")

    def _rotate_certificate(self, _: Command) -> Answer:
        return Answer("a new key waits for its certificate", {"csr": self._certificates.request()})

    def _install_certificate(self, command: Command) -> None:
        pem = command.args.get("certificate", "")
        self._certificates.install(pem, command.id, self._clock.utc())
        self._reconnect = True

    def _diagnose(self, _: Command) -> Answer:
        documents = {"config": self.config_health(), "campaign": self.campaign_health()}
        found = diagnose(self._settings, self._clock, self._store(), self._uptime_s(), documents)
        return Answer(data=found, lines=tuple(self._recent.lines))
