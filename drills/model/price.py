"""The price of a run: what was estimated before it began, and what its copies came to, with where the prices are from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drills.model.instance import ResourceKind

SupportYears = Literal["years_1_and_2", "year_3", "unknown"]
# charged by the hour, by the month, or once
UnitKind = Literal[
    "hour",
    "acu_hour",
    "rcu_hour",
    "wcu_hour",
    "gib_month",
    "iops_month",
    "mibps_month",
    "gib",
    "million_io",
    "million_reads",
]


@dataclass(frozen=True, slots=True)
class Part:
    """What is charged of a copy by a price of its own: how much of which unit, such as GiB of "EBS gp3"; None where not known."""

    kind: UnitKind
    name: str
    amount: float | None


@dataclass(frozen=True, slots=True)
class Billed:
    """A copy as it is billed: where, of which class, for how many seconds; storage in GiB, None where its size is not known.

    `extended_support` is the stretch of Extended Support that is charged, None where none is. `parts` are what is charged beside
    these; what is no instance has no class, and is billed by them alone: without any nothing is known of it.
    """

    region: str
    instance_class: str
    seconds: float
    storage_type: str = ""
    storage_gib: float | None = None
    extended_support: SupportYears | None = None
    instance_id: str = ""
    kind: ResourceKind = "db-instance"
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """A price in US dollars that AWS's price list gave: such as of an hour of a class, or of a month of a GiB.

    `published` is the publication date of the list, as it stands there.
    """

    region: str
    kind: UnitKind
    name: str
    usd: str
    published: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars as a decimal number, None where nothing is known and never 0 for that; `unknown` is what is not in it, and why.

    `copies` are what it was worked out of. `prices_of` is the day of the table's prices.
    """

    usd: str | None
    unknown: tuple[str, ...]
    copies: tuple[Billed, ...]
    prices_of: str


@dataclass(frozen=True, slots=True)
class RunPrice:
    """What a run was estimated to cost at most, and what it cost; None until that is known.

    `asked` are the prices that AWS's price list gave for this run, which go before the table's; `note` says why it gave none.
    """

    estimated: Price | None = None
    used: Price | None = None
    asked: tuple[UnitPrice, ...] = ()
    note: str = ""
