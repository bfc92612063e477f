"""Planning: what a campaign would do in a simulated shop, before anybody plays it.

Comes in: a campaign, the settings of choosing, a seed. Goes out: a report of contracts, attention
beside other policies, and off-policy estimates with the truth beside them. It plays by the
product's own choice, reads no clock and no camera, and writes nothing; the same seed gives the same
report. Devices do without it.
"""

from kiosk.planning.ope import ESTIMATORS, Estimate, Logged, estimate
from kiosk.planning.plan import first_monday, standard_campaign
from kiosk.planning.report import Report, Weighed, logged_of, simulate
from kiosk.planning.weeks import Job, Played, play
from kiosk.planning.wording import as_text
from kiosk.planning.world import World

__all__ = [
    "ESTIMATORS",
    "Estimate",
    "Job",
    "Logged",
    "Played",
    "Report",
    "Weighed",
    "World",
    "as_text",
    "estimate",
    "first_monday",
    "logged_of",
    "play",
    "simulate",
    "standard_campaign",
]
