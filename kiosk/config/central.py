"""Settings of head office: where numbers are gathered, and who may look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Optional
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from kiosk.config.base import FilePath, Seconds, Section


def _database(text: str, info: ValidationInfo) -> str:
    if text.startswith("postgresql://"):
        return text
    if "://" in text:
        raise ValueError("a file name or postgresql://user@host/name is expected")
    folder = (info.context or {}).get("folder")
    path = Path(text).expanduser()
    return str(path if path.is_absolute() or folder is None else Path(folder) / path)


class IngestSettings(Section):
    """The workers that commit what devices send."""

    source: Literal["mqtt", "amqp"] = Field(
        "mqtt", description="where messages are taken from: the broker, or a RabbitMQ queue"
    )
    slot: int = Field(1, ge=1, le=64, description="which worker this is, from 1")
    slots: int = Field(
        1, ge=1, le=64, description="how many workers share the broker's messages; the same in all"
    )
    batch_max: int = Field(1000, ge=1, le=100_000, description="messages of one commit")
    amqp_hosts: list[Annotated[str, Field(pattern=r"^[^\s:/]+:\d{1,5}$")]] = Field(
        ["127.0.0.1:5672"], description="nodes of the RabbitMQ cluster, host:port"
    )
    amqp_queue: str = Field(
        "kiosk-up", pattern=r"^[A-Za-z0-9_.-]{1,100}$", description="the quorum queue"
    )
    amqp_prefetch: int = Field(
        1000, ge=1, le=65535, description="messages that one worker holds uncommitted"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> IngestSettings:
        if self.slot > self.slots:
            raise ValueError("slot is higher than slots")
        return self


class WebSettings(Section):
    """Pages and API."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8770, ge=0, le=65535, description="port to listen on; 0: any free")
    public_url: Optional[Annotated[str, Field(pattern=r"^https?://[^\s/]+$")]] = Field(
        None, description="address as browsers see it, when a proxy stands before it"
    )
    cert_file: Optional[FilePath] = Field(None, description="certificate, for HTTPS of our own")
    key_file: Optional[FilePath] = Field(None, description="its private key")
    session_h: Annotated[float, Field(gt=0, le=24 * 31)] = Field(
        12, description="hours until a sign-in is asked for again"
    )
    sign_in_per_min: int = Field(5, ge=1, description="attempts to sign in, per address")
    requests_per_min: int = Field(600, ge=1, description="requests to the API, per token")
    fewer_than: int = Field(
        10, ge=0, description="counts of passes below this are shown as fewer than it"
    )

    @model_validator(mode="after")
    def _pairs(self) -> WebSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; give both or neither")
        return self


class AlertSettings(Section):
    """From when on a device is in trouble."""

    silent_s: Seconds = Field(300, description="nothing heard of it")
    low_fps: int = Field(5, ge=0, description="peak frames a second below which vision is slow")
    drift_s: Seconds = Field(30, description="its clock is off by this much")
    disk_free_mb: int = Field(500, ge=0, description="less than this is free")
    temperature_c: int = Field(85, ge=0, description="this hot")
    outbox_waiting: int = Field(100, ge=1, description="so many messages wait on it")
    hour_late_s: Seconds = Field(3 * 3600, description="its last hour is older than this")


class FleetBrokerSettings(Section):
    """The broker that `kiosk central run` starts."""

    host: str = Field("0.0.0.0", min_length=1, description="address to listen on")  # noqa: S104
    port: int = Field(8883, ge=1, le=65535, description="port to listen on, with TLS")
    names: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(
        ["localhost", "127.0.0.1"],
        min_length=1,
        description="names and addresses that devices know it by; the first is put in their files",
    )
    certificate_days: int = Field(825, ge=1, le=3650, description="validity of certificates")


class CentralSettings(Section):
    """Head office: who gathers the numbers, and who looks at them."""

    database: Annotated[str, AfterValidator(_database)] = Field(
        "run/central.db",
        validate_default=True,
        description="a file (SQLite), or postgresql://user@host/name; its password comes from"
        " database_password_file or from libpq's own means",
    )
    database_password_file: Optional[FilePath] = Field(
        None, description="file whose content is the database's password"
    )
    folder: FilePath = Field(
        Path("run/central"), description="authority, keys and the broker's files"
    )
    timezone: str = Field(
        "UTC", description="time zone of pages and reports, by days of which sums are kept"
    )
    keep_plays_days: int = Field(400, ge=1, description="how long single plays are kept")
    keep_hours_days: int = Field(1200, ge=1, description="how long hours are kept")
    ingest: IngestSettings = IngestSettings()
    web: WebSettings = WebSettings()
    alerts: AlertSettings = AlertSettings()
    broker: FleetBrokerSettings = FleetBrokerSettings()

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, OSError, ValueError) as bad:
            raise ValueError("no time zone of this name; say one such as Europe/Berlin") from bad
        return name
