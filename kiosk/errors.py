"""The ways in which kiosk fails, as a small tree.

Every error carries one sentence (what and where) and, where there is one, a hint (what to do).
The command line prints both and exits with ``exit_code``.
"""

from __future__ import annotations


class KioskError(Exception):
    """Something that a person can act on; ``str()`` is one clear sentence."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class BadInputError(KioskError):
    """A file, key or argument that the user wrote is wrong."""

    exit_code = 2


class ConfigError(BadInputError):
    """The configuration cannot be used."""


class CampaignError(BadInputError):
    """A campaign file or one of its media cannot be used."""


class ModelError(KioskError):
    """A model is missing, altered, or not what its card says."""


class SourceError(KioskError):
    """A camera or a video cannot be opened, or stopped delivering."""


class CameraAwayError(SourceError):
    """A camera or stream is not there now, or not free; it may be later."""


class AcceleratorError(KioskError):
    """No configured inference device can run the models."""


class StateError(KioskError):
    """The state file cannot be used."""


class StateUnavailableError(StateError):
    """The state file cannot be opened now; another try may succeed."""


class NewerStateError(StateError):
    """A newer kiosk wrote the state file: starting again does not help."""

    exit_code = 2


class BrokerError(KioskError):
    """The MQTT broker cannot be reached or refuses us."""


class AlreadyRunningError(StateError):
    """Another process of the same kind has the state file."""

    exit_code = 2


class PortInUseError(KioskError):
    """Another program listens where we should."""

    exit_code = 2


class NoiseError(KioskError):
    """The noise on published counts cannot be drawn; they stay on the device."""
