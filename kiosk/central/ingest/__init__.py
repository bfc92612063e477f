"""Takes what devices send from the broker, has it committed, and acknowledges it.

Comes in: messages of every device's branch, over MQTT, or from a queue of RabbitMQ. Goes out: rows
by way of the store, and to each device how far it may forget. It never answers for what is not
committed, and no message, however bad, keeps others from being committed.
"""

from kiosk.central.ingest.start import run_ingest

__all__ = ["run_ingest"]
