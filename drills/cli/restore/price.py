"""What an hour of a copy costs that stays."""

from __future__ import annotations

from drills.aws.databases.kinds import CLUSTER
from drills.config.load import AwsProfile, Config
from drills.model.price import Billed, UnitPrice
from drills.objectives import cost
from drills.recovery.setup import Setup
from drills.run import price_list

HOUR = 3600.0  # seconds


def of_an_hour(config: Config, setup: Setup) -> str:
    """Return what an hour of the copy costs, in words; "" before RDS has said of which class it is.

    On AWS the price list is asked, where the role may; what it does not say is taken from the table.
    """
    copy = next((each for each in setup.journal.record.restorations if each.instance_class), None)
    if copy is None:
        return ""
    support = cost.support_charged(copy.engine, setup.journal.clock.now())
    region = setup.scratch_clients.region
    billed = Billed(region, copy.instance_class, HOUR, copy.storage_type, copy.storage_gib, support)
    billed = cost.of_aurora(billed) if setup.kind is CLUSTER else billed
    asked: tuple[UnitPrice, ...] = ()
    note = ""
    if isinstance(config.profile, AwsProfile):
        asked, note = price_list.ask_about(setup.scratch_clients, billed)
    told = cost.told(cost.price_of([billed], asked), simulated=config.simulated, asked=asked)
    return told + (f"; {note}" if note else "")
