"""`kiosk schemas`: the published payloads and the campaign file, as JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def schemas(folder: Path) -> None:
    """Write the JSON Schema of every MQTT payload, and of the campaign file, into FOLDER.

    Example: kiosk schemas deploy/schemas
    """
    from kiosk.ads import campaign_schema
    from kiosk.wire import json_schemas

    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in {**json_schemas(), "campaign": campaign_schema()}.items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
        click.echo(path)
