"""Settings of the wire: state file, broker, and the central place."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from pydantic import Field, model_validator

from kiosk.config.base import FilePath, Seconds, Section


class StateSettings(Section):
    """The one file that outlives a power cut."""

    path: FilePath = Field(Path("run/state.db"), description="plays, counts and outbox (SQLite)")


class TlsSettings(Section):
    """Certificates; all empty means no TLS, which only a loopback broker should see."""

    ca_file: Optional[FilePath] = Field(None, description="who signed the broker's certificate")
    cert_file: Optional[FilePath] = Field(None, description="this device's certificate")
    key_file: Optional[FilePath] = Field(None, description="this device's private key")

    @model_validator(mode="after")
    def _pairs(self) -> TlsSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; give both or neither")
        return self


class BrokerSettings(Section):
    """Where the MQTT broker is, and who we are to it."""

    host: str = Field("127.0.0.1", min_length=1, description="name or address of the broker")
    port: int = Field(1883, ge=1, le=65535, description="its port")
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


class UplinkSettings(Section):
    """How the outbox is emptied."""

    poll_s: Seconds = Field(0.5, description="between two looks into the outbox")
    max_inflight: int = Field(20, ge=1, le=1000, description="messages sent and not yet answered")
    ack_timeout_s: Seconds = Field(
        120, description="wait for central's acknowledgement before a message is sent again"
    )
    health_s: Seconds = Field(60, description="between two health messages")


class CentralSettings(Section):
    """Head office: who gathers the numbers."""

    database: FilePath = Field(Path("run/central.db"), description="where they are kept (SQLite)")


class RunSettings(Section):
    """`kiosk run`: the three processes as children of one command."""

    restart_budget: int = Field(5, ge=0, description="restarts of one child in the window")
    restart_window_s: Seconds = Field(60, description="the window of the budget")
    stop_timeout_s: Seconds = Field(10, description="patience with a child that should stop")
