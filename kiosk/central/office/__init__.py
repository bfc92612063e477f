"""Head office as one command for one shop, and what its owner does by hand.

Comes in: the settings, names of devices to enrol, files to publish. Goes out: a broker that lets in
who is enrolled, the processes that gather and show numbers, and folders for new devices. Everything
that outlives it lies in ``central.folder`` and the database, so it may be stopped at any time.
"""

from kiosk.central.office.enrolment import (
    EnrolledDevice,
    enrol_device,
    enrolled_devices,
    public_key_text,
    revoke_device,
)
from kiosk.central.office.pages import media_origin
from kiosk.central.office.publishing import publish_campaign, publish_config
from kiosk.central.office.running import run_office

__all__ = [
    "EnrolledDevice",
    "enrol_device",
    "enrolled_devices",
    "media_origin",
    "public_key_text",
    "publish_campaign",
    "publish_config",
    "revoke_device",
    "run_office",
]
