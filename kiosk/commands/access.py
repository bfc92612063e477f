"""`kiosk central user` and `kiosk central token`: who may look, and who may act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import settings_of, with_settings

ROLE = click.Choice(["viewer", "operator"])


@contextmanager
def _database(arguments: dict[str, Any]) -> Iterator[Any]:
    from kiosk.central.store import open_database

    engine = open_database(settings_of(arguments["config"], arguments["overrides"]).central)
    try:
        yield engine
    finally:
        engine.dispose()


@click.group("user")
def user() -> None:
    """Who may sign in."""


def _with_password(command: Any) -> Any:
    return click.option(
        "--password-file",
        type=click.File("r"),
        help="Read it from there (- is standard input) instead of asking.",
    )(command)


def _password(file: Any) -> str:
    if file is not None:
        return str(file.read()).rstrip("\r\n")
    return str(click.prompt("password", hide_input=True, confirmation_prompt=True))


@user.command("add")
@click.argument("name")
@click.option("--role", type=ROLE, default="viewer", show_default=True, help="What they may do.")
@_with_password
@with_settings
def user_add(name: str, role: str, password_file: Any, **arguments: Any) -> None:
    """Let somebody in.

    Example: kiosk central user add ada --role operator
    """
    from kiosk.central.web import add_user

    with _database(arguments) as engine:
        add_user(engine, name, role, _password(password_file), SystemClock())
    click.echo(f"{name} may sign in as {role}")


@user.command("password")
@click.argument("name")
@_with_password
@with_settings
def user_password(name: str, password_file: Any, **arguments: Any) -> None:
    """Give somebody another password; their sessions end.

    Example: kiosk central user password ada
    """
    from kiosk.central.web import set_password

    with _database(arguments) as engine:
        set_password(engine, name, _password(password_file), SystemClock())
    click.echo(f"{name} has another password")


@user.command("disable")
@click.argument("name")
@with_settings
def user_disable(name: str, **arguments: Any) -> None:
    """Let somebody in no more.

    Example: kiosk central user disable ada
    """
    from kiosk.central.web import disable_user

    with _database(arguments) as engine:
        disable_user(engine, name, SystemClock())
    click.echo(f"{name} may not sign in any more")


@user.command("list")
@with_settings
def user_list(**arguments: Any) -> None:
    """List who may sign in.

    Example: kiosk central user list
    """
    from kiosk.central.web import list_users

    with _database(arguments) as engine:
        for one in list_users(engine):
            click.echo(f"{one.name}  {'disabled' if one.disabled else one.role}")


@click.group("token")
def token() -> None:
    """Which programs may ask the API."""


@token.command("create")
@click.argument("name")
@click.option("--role", type=ROLE, default="viewer", show_default=True, help="What it may do.")
@with_settings
def token_create(name: str, role: str, **arguments: Any) -> None:
    """Let a program in; its token is printed this once.

    Example: kiosk central token create prometheus
    """
    from kiosk.central.web import create_token

    with _database(arguments) as engine:
        click.echo(create_token(engine, name, role, SystemClock()))


@token.command("revoke")
@click.argument("name")
@with_settings
def token_revoke(name: str, **arguments: Any) -> None:
    """Let a program in no more.

    Example: kiosk central token revoke prometheus
    """
    from kiosk.central.web import revoke_token

    with _database(arguments) as engine:
        revoke_token(engine, name, SystemClock())
    click.echo(f"{name} is revoked")


@token.command("list")
@with_settings
def token_list(**arguments: Any) -> None:
    """List the tokens, without their secrets.

    Example: kiosk central token list
    """
    from kiosk.central.web import list_tokens

    with _database(arguments) as engine:
        for one in list_tokens(engine):
            click.echo(f"{one.name}  {'revoked' if one.revoked else one.role}")
