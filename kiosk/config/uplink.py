"""Settings of the wire: state file, broker, and what head office may want."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Optional

from pydantic import Field, model_validator

from kiosk.config.base import FilePath, Seconds, Section


class StateSettings(Section):
    """The one file that outlives a power cut."""

    path: FilePath = Field(Path("run/state.db"), description="plays, counts and outbox (SQLite)")


class TlsSettings(Section):
    """Certificates; all empty means no TLS, which only a loopback broker should see."""

    system_ca: bool = Field(
        False, description="TLS with the authorities that this machine trusts, instead of ca_file"
    )
    ca_file: Optional[FilePath] = Field(None, description="who signed the broker's certificate")
    cert_file: Optional[FilePath] = Field(None, description="this device's certificate")
    key_file: Optional[FilePath] = Field(None, description="this device's private key")

    @model_validator(mode="after")
    def _pairs(self) -> TlsSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; give both or neither")
        if self.system_ca and self.ca_file is not None:
            raise ValueError("system_ca and ca_file exclude each other; give one")
        return self

    @property
    def wanted(self) -> bool:
        """Whether the connection is encrypted at all."""
        return self.system_ca or self.ca_file is not None or self.cert_file is not None


class BrokerSettings(Section):
    """Where the MQTT broker is, and who we are to it."""

    host: str = Field("127.0.0.1", min_length=1, description="name or address of the broker")
    port: int = Field(1883, ge=1, le=65535, description="its port")
    protocol: Literal["5", "3.1.1"] = Field(
        "5",
        description="version of MQTT; 3.1.1 for AWS IoT, RabbitMQ 3 or NATS, which then cannot say"
        " that they refuse a message",
    )
    username: Optional[str] = Field(None, description="who we say we are")
    password_file: Optional[FilePath] = Field(
        None, description="file whose content is the password"
    )
    tls: TlsSettings = TlsSettings()
    keepalive_s: int = Field(30, ge=5, le=3600, description="MQTT keep-alive")
    connect_timeout_s: Seconds = Field(10, description="how long a connection may take")
    backoff_min_s: Seconds = Field(1, description="first wait after a lost connection")
    backoff_max_s: Seconds = Field(60, description="longest wait after a lost connection")
    auth_retry_s: Seconds = Field(
        300, description="wait after the broker refused who we are, so as not to hammer it"
    )

    @model_validator(mode="after")
    def _order(self) -> BrokerSettings:
        if self.backoff_min_s > self.backoff_max_s:
            raise ValueError("backoff_min_s is longer than backoff_max_s")
        return self


class HomeAssistantSettings(Section):
    """Discovery by Home Assistant, on the same broker."""

    discovery: bool = Field(False, description="publish this device's sensors for Home Assistant")
    prefix: str = Field(
        "homeassistant",
        pattern=r"^[A-Za-z0-9_/-]{1,100}$",
        description="its discovery topic; the broker's access list has to allow it",
    )


class UplinkSettings(Section):
    """How the outbox is emptied."""

    poll_s: Seconds = Field(0.5, description="between two looks into the outbox")
    max_inflight: int = Field(20, ge=1, le=1000, description="messages sent and not yet answered")
    ack_timeout_s: Seconds = Field(
        120, description="wait for central's acknowledgement before a message is sent again"
    )
    health_s: Seconds = Field(60, description="between two health messages")
    state_max_mb: int = Field(
        200,
        ge=10,
        description="size of the state file above which health stays unsent and it is told; plays"
        " and hours are never dropped",
    )
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()


class RunSettings(Section):
    """`kiosk run`: the three processes as children of one command."""

    restart_budget: int = Field(5, ge=0, description="restarts of one child in the window")
    restart_window_s: Seconds = Field(60, description="the window of the budget")
    stop_timeout_s: Seconds = Field(10, description="patience with a child that should stop")
