"""The files of `drills init`: drill.toml, a first feature and the drill's policy, from what was found and chosen. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from drills.cli.init.look import Found
from drills.printable import printable

CONFIG, FEATURE, POLICY = "drill.toml", "promises/first.feature", "policies/drill.json"
OF_CLUSTERS = (
    "policies/aurora.json"  # beside POLICY, which has no room for both (6,144 characters, "IAM and AWS STS quotas")
)
WIDTH = 100  # of a comment
_FEATURE = """\
# A promise of your own, beside the shipped ones; `drills steps` lists the lines that it can be written with.
Feature: What the recovery of {instance} must achieve

  Background:
    Given the protected database of the target is lost
    And its recovery point has been restored to a scratch instance

  Scenario: The recovered database answers, and what it holds is not older than is accepted
    Then the "connection" check finds no difference
    And the "data loss" check finds no difference

  # To fill in: a table that is never empty, and a column that says how recent its rows are.
  #
  # Scenario: The order book is not empty
  #   Then the table "shop.orders" has at least 1000 rows
  #
  # Scenario: The newest order is recent
  #   Then the newest "placed_at" in the table "shop.orders" is at most "24h" older than the disaster
"""


@dataclass(frozen=True, slots=True)
class Choices:
    """What was asked for or answered; None for what was neither. `endpoint` and `aws_profile` say where the account is."""

    rto: str | None
    rpo: str | None
    vault: str | None
    subnet_group: str | None
    security_group: str | None
    endpoint: str | None
    aws_profile: str | None
    schema: str
    day: str


@dataclass(frozen=True, slots=True)
class Line:
    """A key of drill.toml with its value, or None and an `example`: a comment, which is to be filled in unless `may_stay` so."""

    key: str
    value: object
    note: str
    example: str = ""
    may_stay: bool = False

    def text(self) -> str:
        """Return the line; one without a value as a comment below its reason."""
        note = printable(" ".join(self.note.split()))
        if self.value is not None:
            return f"{self.key} = {_toml(self.value)}" + (f" # {note}" if note else "")
        why = note if self.may_stay else f"fill in: {note}"
        return "\n".join([*(f"# {each}" for each in textwrap.wrap(why, WIDTH)), f"# {self.key} = {self.example}"])


def lines_of_target(found: Found, choices: Choices) -> list[Line]:
    """Return the lines of the target's own table."""
    instance = found.source.instance
    size = f", {instance.storage_gib} GiB" if instance.storage_gib else ""
    engine, where = ("PostgreSQL", "") if found.source.kind == "instance" else ("Aurora PostgreSQL", "its writer ")
    runs = f", {where}on {instance.instance_class}{size}" if instance.instance_class else ", without an instance"
    return [
        Line(found.source.kind, instance.id, f"{engine} {instance.engine_version}{runs}"),
        _vault(found, choices),
        Line("rto", choices.rto, "usable again this long after the disaster is declared", '"1h"'),
        Line("rpo", choices.rpo, "data this old may be lost", '"24h"'),
        Line("features", [FEATURE.partition("/")[0]], "promises of your own: docs/own-features.md"),
        Line(
            "manifest",
            None,
            "what the copy must contain, taken on the source; without it rows are not compared: drills manifest DSN -o FILE",
            '"manifest.json"',
        ),
    ]


def _vault(found: Found, choices: Choices) -> Line:
    chosen = choices.vault or (found.vaults[0] if len(found.vaults) == 1 else None)
    if chosen:
        count = sum(point.vault == chosen for point in found.points)
        by = f", by plan {', '.join(found.plans)}" if found.plans else ""
        return Line("vault", chosen, f"{count} recovery {'point' if count == 1 else 'points'} of it there{by}")
    snapshots = len(found.points)
    if found.vaults:
        why = f"its plans back it up to {_listed(found.vaults)}"
    elif "plans" in found.unread:
        why = f"the backup plans could not be read ({found.unread['plans']})"
    else:
        why = "no backup plan selects it"
    return Line("vault", None, f"{why}; without one its {snapshots} RDS snapshots are drilled", '"VAULT"')


def lines_of_restore(found: Found, choices: Choices) -> list[Line]:
    """Return the lines of the target's restore table; outside of AWS a drill makes its groups itself."""
    if choices.endpoint:
        subnets, closed = choices.subnet_group, choices.security_group
        why_subnets = why_closed = "outside of AWS a run makes its own, unless one is named"
    else:
        alone = "made for drills alone, not the source's own"
        subnets = choices.subnet_group or _only([name for name in found.subnet_groups if "drill" in name])
        closed = choices.security_group or _only(found.closed_groups)
        why_subnets = f"{alone}; {_seen(found, 'subnet groups', found.subnet_groups, 'of its VPC')}"
        seen = _seen(found, "security groups", found.closed_groups, "like that")
        why_closed = f"{alone}, without any egress rule; {seen}"
    optional = bool(choices.endpoint)
    return [
        Line("subnet_group", subnets, "" if subnets else why_subnets, '"drills"', optional),
        Line("security_group", closed, "" if closed else why_closed, '"sg-0123456789abcdef0"', optional),
        Line("make_parameter_group", True, "each run makes its own, and removes it"),
        *(
            ()
            if choices.endpoint
            else (
                Line(
                    "ca_bundle",
                    None,
                    "the file of https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
                    '"global-bundle.pem"',
                ),
            )
        ),
    ]


def subnet_group(found: Found, choices: Choices) -> str | None:
    """Return the subnet group that copies are to be in, None where that is to be filled in."""
    (line,) = (each for each in lines_of_restore(found, choices) if each.key == "subnet_group")
    return None if line.value is None else str(line.value)


def config(found: Found, choices: Choices) -> str:
    """Return drill.toml."""
    name, target = ("endpoint" if choices.endpoint else "aws"), found.source.instance.id
    if choices.endpoint:
        profile = [Line("endpoint_url", choices.endpoint, ""), Line("region", found.region, "")]
    else:
        profile = [
            Line("accounts", [found.account], "no other account is touched"),
            Line("regions", [found.region], ""),
            *([Line("aws_profile", choices.aws_profile, "")] if choices.aws_profile else []),
        ]
    tables = {
        "drill": [Line("profile", name, ""), Line("target", target, "")],
        f"profiles.{name}": profile,
        f"targets.{target}": lines_of_target(found, choices),
        f"targets.{target}.restore": lines_of_restore(found, choices),
    }
    head = [
        f"#:schema {choices.schema}",
        f"# Written by `drills init` on {choices.day}, from what account {found.account} said in {found.region}.",
        "# What it could not find out is a comment that says what to fill in. Each key: docs/configuration.md.",
        "# No secret belongs here.",
    ]
    blocks = [f"[{table}]\n" + "\n".join(line.text() for line in lines) for table, lines in tables.items()]
    return "\n".join(head) + "\n\n" + "\n\n".join(blocks) + "\n"


def to_fill_in(found: Found, choices: Choices) -> list[str]:
    """Return what is left to fill in, as `table key: why`."""
    target = f"targets.{found.source.instance.id}"
    named = {target: lines_of_target(found, choices), f"{target}.restore": lines_of_restore(found, choices)}
    return [
        f"{table} {line.key}: {line.note}"
        for table, lines in named.items()
        for line in lines
        if line.value is None and not line.may_stay
    ]


def feature(found: Found) -> str:
    """Return the first feature."""
    return _FEATURE.format(instance=found.source.instance.id)


def policy(template: str, found: Found, subnet_group: str | None) -> tuple[str, list[str]]:
    """Return infra/iam/drill.json or aurora.json for the target, and the names in it that are still to be filled in.

    A drill that makes its parameter groups needs none of others, and one of a database without encryption no key.
    """
    document: dict[str, Any] = json.loads(template)
    key = found.source.key
    document["Statement"] = [each for each in document["Statement"] if key or each.get("Resource") != "${key_arn}"]
    for statement in document["Statement"]:
        resources = statement.get("Resource")
        if isinstance(resources, list):
            statement["Resource"] = [each for each in resources if "${parameter_group}" not in each]
    text = json.dumps(document, indent=2) + "\n"
    values = {
        "account": found.account,
        "region": found.region,
        "source": found.source.instance.id,
        "subnet_group": subnet_group,
        "key_arn": key,
    }
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value) if value else text
    return text, [name for name in values if f"${{{name}}}" in text]


def _only(names: Iterable[str]) -> str | None:
    all_of_them = tuple(names)
    return all_of_them[0] if len(all_of_them) == 1 else None


def _seen(found: Found, what: str, names: tuple[str, ...], where: str) -> str:
    if what in found.unread:
        return f"they could not be read ({found.unread[what]})"
    return f"there is {_listed(names)} {where}" if names else f"there is none {where}"


def _listed(names: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _toml(value: object) -> str:
    """Return a text, a truth or a list of texts as TOML, which escapes as JSON does."""
    return json.dumps(value, ensure_ascii=False)
