"""Which worker it is that settings ask for."""

from __future__ import annotations

from kiosk.central.ingest.mqtt import run_mqtt
from kiosk.config import Settings


def run_ingest(settings: Settings) -> None:
    """Gather and acknowledge until SIGTERM or SIGINT.

    Raises:
        StateError: the database cannot be used at the start.
        BrokerError: the password or a certificate cannot be read at the start.
    """
    if settings.central.ingest.source == "amqp":
        # Only who takes from a queue pays for that library.
        from kiosk.central.ingest.amqp import run_amqp  # noqa: PLC0415

        run_amqp(settings)
    else:
        run_mqtt(settings)
