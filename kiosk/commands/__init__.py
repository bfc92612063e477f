"""The commands, one module per group; each only reads its arguments and calls a room's door."""

from __future__ import annotations

from kiosk.commands.aim import aim
from kiosk.commands.bench import bench
from kiosk.commands.campaign import campaign
from kiosk.commands.central import central
from kiosk.commands.demo import demo
from kiosk.commands.doctor import doctor
from kiosk.commands.models import models
from kiosk.commands.plays import plays
from kiosk.commands.privacy import privacy
from kiosk.commands.processes import director, run, uplink, vision
from kiosk.commands.schemas import schemas
from kiosk.commands.screen import screen
from kiosk.commands.simulating import simulate
from kiosk.commands.stats import stats
from kiosk.commands.status import status
from kiosk.commands.suggest import suggest
from kiosk.commands.why import why

campaign.add_command(simulate)

COMMANDS = (
    demo, run, vision, director, screen, uplink, central, models, bench, campaign, doctor, privacy,
    aim, suggest, stats, plays, status, why, schemas,
)  # fmt: skip
