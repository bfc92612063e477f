"""Carries what head office wants to its devices, from the database to the broker.

Comes in: orders of operators, configurations and campaigns, devices' requests for a certificate.
Goes out: signed commands, once each, and the newest document that means a device, kept at the
broker on that device's own topic. What the broker has not confirmed is sent again after a crash;
devices do the same command or document once. Never decides what a device should do.
"""

from kiosk.central.courier.orders import ORDERS, VALID_S, order_command
from kiosk.central.courier.papers import Draft, file_sealed, forget_deliveries, publish_document
from kiosk.central.courier.rounds import Courier

__all__ = [
    "ORDERS",
    "VALID_S",
    "Courier",
    "Draft",
    "file_sealed",
    "forget_deliveries",
    "order_command",
    "publish_document",
]
