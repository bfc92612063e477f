"""`kiosk central`: head office."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Optional

import click

from kiosk.commands.access import token, user
from kiosk.commands.options import settings_of, with_settings
from kiosk.config import Settings
from kiosk.errors import BadInputError
from kiosk.service import set_up_logging, stop_on_signals

NAMES = "TENANT/SITE/DEVICE"


def _settings(arguments: dict[str, Any], process: str) -> Settings:
    settings = settings_of(arguments["config"], arguments["overrides"])
    set_up_logging(process, settings.log.level)
    return settings


@click.group()
def central() -> None:
    """Head office: gather what the devices send, show it, and say what they should run."""


@central.command("run")
@with_settings
def run(**arguments: Any) -> None:
    """Run all of head office for one shop: broker, ingest, pages and API.

    Makes what it needs at the first start: certificates, keys, the broker's configuration, a
    database. Prints the address of the pages and, once, the first operator's password.

    Example: kiosk central run --set central.broker.names='[office.example]'
    """
    from kiosk.central.office import run_office

    settings = _settings(arguments, "office")
    run_office(settings, stop_on_signals(), click.echo)


@central.command("ingest")
@with_settings
def ingest(**arguments: Any) -> None:
    """Write what devices publish into the database, and acknowledge it to them.

    Several may share the work, each with a slot of its own.

    Example: kiosk central ingest --set central.database=postgresql://kiosk@db/kiosk
    """
    from kiosk.central.ingest import run_ingest

    run_ingest(_settings(arguments, "central"))


@central.command("web")
@with_settings
def web(**arguments: Any) -> None:
    """Serve pages, API and metrics.

    Example: kiosk central web --set central.web.port=8080
    """
    from kiosk.central.web import serve

    serve(_settings(arguments, "web"))


@central.command("enrol")
@click.argument("names", metavar=NAMES)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the device's certificate, key and settings; made, or empty.",
)
@click.option("--again", is_flag=True, help="The device has some already; those are revoked.")
@with_settings
def enrol(names: str, out: Path, again: bool, **arguments: Any) -> None:
    """Let a device in: write what it needs into a folder.

    Example: kiosk central enrol acme/shop-1/kiosk-1 --out /media/usb/kiosk-1
    """
    from kiosk.central.office import enrol_device, media_origin

    settings = settings_of(arguments["config"], arguments["overrides"])
    branch = enrol_device(settings, names, out, again=again)
    click.echo(f"{branch} is enrolled; {out} goes to the device, and is secret")
    if media_origin(settings) is None:
        click.echo(
            "its desired.media_origins is empty, so it takes no campaign: the pages have no HTTPS"
            " (central.web.cert_file or public_url); or write there where media will be"
        )


@central.command("revoke")
@click.argument("names", metavar=NAMES)
@click.option(
    "--keep",
    metavar="NUMBER",
    help="Not this certificate, but those before it; the whole number, in hexadecimal.",
)
@with_settings
def revoke(names: str, keep: Optional[str], **arguments: Any) -> None:
    """Shut a device out, a stolen one for instance.

    Example: kiosk central revoke acme/shop-1/kiosk-1
    """
    from kiosk.central.office import revoke_device

    settings = settings_of(arguments["config"], arguments["overrides"])
    count = revoke_device(settings, names, keep=keep)
    click.echo(f"{names}: {count} certificate{'' if count == 1 else 's'} revoked")


@central.command("devices")
@with_settings
def devices(**arguments: Any) -> None:
    """List the certificates that devices were given, each with its end and number.

    One that was renewed by rotate-certificate is valid until its end.

    Example: kiosk central devices
    """
    from kiosk.central.office import enrolled_devices

    for one in enrolled_devices(settings_of(arguments["config"], arguments["overrides"])):
        state = (
            f"revoked {one.revoked:%Y-%m-%d}" if one.revoked else f"until {one.expires:%Y-%m-%d}"
        )
        click.echo(f"{one.branch}  {state}  number {one.serial[:12]}")


@central.command("key")
@with_settings
def key(**arguments: Any) -> None:
    """Print the public key by which devices know head office's word (desired.public_keys).

    Example: kiosk central key > office.pub
    """
    from kiosk.central.office import public_key_text

    settings = settings_of(arguments["config"], arguments["overrides"])
    click.echo(public_key_text(settings), nl=False)


@central.group("publish")
def publish() -> None:
    """Sign what devices should run, and have it sent to them."""


def _with_document(command: Any) -> Any:
    command = click.option(
        "--none", "nothing", is_flag=True, help="Take back what was published: the device's own."
    )(command)
    command = click.option(
        "--target",
        required=True,
        metavar=NAMES,
        callback=_target,
        help="Which devices; * stands for any one name, such as 'acme/*/*'.",
    )(command)
    return click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))(
        command
    )


def _target(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if re.fullmatch(r"([A-Za-z0-9_-]{1,64}|\*)(/([A-Za-z0-9_-]{1,64}|\*)){2}", text) is None:
        raise BadInputError(
            f"--target {text}: three names are expected, such as acme/shop-1/kiosk-1 or 'acme/*/*'"
        )
    return text


def _known(settings: Settings, target: str) -> str:
    from kiosk.central.office import enrolled_devices
    from kiosk.wire import is_for

    found = {
        one.branch
        for one in enrolled_devices(settings)
        if one.revoked is None and is_for(target, one.branch)
    }
    return f"which means {len(found)} of the devices that were enrolled here"


def _checked(file: Optional[Path], nothing: bool) -> Optional[Path]:
    if (file is None) != nothing:
        raise BadInputError("a FILE or --none is expected, and not both")
    return file


@publish.command("config")
@_with_document
@with_settings
def publish_configuration(
    file: Optional[Path], target: str, nothing: bool, **arguments: Any
) -> None:
    """Have devices run with these sections of a configuration.

    Example: kiosk central publish config evening.yaml --target 'acme/*/*'
    """
    from kiosk.central.office import publish_config

    settings = settings_of(arguments["config"], arguments["overrides"])
    version = publish_config(settings, _checked(file, nothing), target)
    click.echo(f"configuration {version} for {target}, {_known(settings, target)}")


@publish.command("campaign")
@click.option(
    "--origin",
    metavar="URL",
    help="Where the media will be found; by default the pages of head office.",
)
@_with_document
@with_settings
def publish_adverts(
    file: Optional[Path], target: str, nothing: bool, origin: Optional[str], **arguments: Any
) -> None:
    """Have devices play this campaign.

    Its media are copied to central.folder/media, which a web server has to offer under the origin.

    Example: kiosk central publish campaign spring.yaml --target 'acme/*/*'
    """
    from kiosk.central.office import publish_campaign

    settings = settings_of(arguments["config"], arguments["overrides"])
    version = publish_campaign(settings, _checked(file, nothing), target, origin)
    click.echo(f"campaign {version} for {target}, {_known(settings, target)}")


@central.command("bench")
@click.option(
    "--devices",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Of the fleet; 0 times the pages only.",
)
@click.option(
    "--database",
    default="postgresql",
    show_default=True,
    help="postgresql or sqlite, of the bench's own; or the URL of an empty one.",
)
@click.option(
    "--broker",
    type=click.Choice(["mosquitto", "rabbitmq"]),
    default="mosquitto",
    show_default=True,
    help="Of the bench's own.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Ingest processes."
)
@click.option(
    "--connections",
    type=click.IntRange(min=0),
    default=0,
    help="Of all devices together; 0: one each, to a limit.",
)
@click.option("--no-troubles", is_flag=True, help="Drop, kill and restart nothing.")
@click.option(
    "--history-days",
    type=click.IntRange(min=0),
    default=0,
    help="Of the past on which the pages are timed.",
)
@click.option(
    "--history-devices",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="That have a past.",
)
@click.option(
    "--requests",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="Of each page; 0: no pages.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Of everything that is drawn.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings
def bench(no_troubles: bool, as_json: bool, **arguments: Any) -> None:
    """Play an hour of a fleet against a real broker and database, and check every cell of it.

    Connections drop, a worker is killed, the database restarts; then what is there is compared with
    what was sent, and the pages are timed. All of it on loopback.

    Example: kiosk central bench --devices 200 --json
    """
    from kiosk.bench import fleet_bench_text, run_fleet_bench

    database = arguments["database"]
    if database not in ("postgresql", "sqlite") and not database.startswith("postgresql://"):
        raise BadInputError(
            f"--database {database}: postgresql, sqlite or postgresql://user@host/name is expected"
        )
    settings = settings_of(arguments.pop("config"), arguments.pop("overrides"))
    set_up_logging("bench", "error")
    found = run_fleet_bench(
        settings, lambda line: click.echo(line, err=True), troubles=not no_troubles, **arguments
    )
    click.echo(json.dumps(found) if as_json else fleet_bench_text(found))


central.add_command(user)
central.add_command(token)
