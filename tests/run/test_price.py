"""The price of a run in its record: before it makes anything, when the source is known, and at its end."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.config.load import Config, load
from drills.model.price import Billed, Part, Price, RunPrice, UnitPrice
from drills.objectives import cost
from drills.run import guard, price, price_list
from drills.run.table import guard as others
from reports.view.price import cost_line, estimate_line
from tests.support.example_record import green_drill

CONFIG = """\
[drill]
profile = "{profile}"
[profiles.live]
kind = "aws"
accounts = ["000000000000"]
regions = ["us-east-1"]
[profiles.elsewhere]
kind = "endpoint"
endpoint_url = "http://localhost:4566"
region = "us-east-1"
[targets.orders]
instance = "orders"
{more}
"""
SOURCE: Any = SimpleNamespace(instance_class="db.t4g.medium", storage_type="gp3", storage_gib=100)
ASKED = (UnitPrice("us-east-1", "hour", "db.t4g.medium", "0.07", "2026-11-20T00:00:00Z"),)


def configured(folder: Path, profile: str, more: str = "") -> Config:
    """A configuration with that profile."""
    path = folder / "drill.toml"
    path.write_text(CONFIG.format(profile=profile, more=more))
    return load(path, profile=None, target=None, environment={})


def test_before_the_source_is_read_storage_and_class_are_unknown(tmp_path: Path) -> None:
    """Unless drill.toml names the class; a copy for each purpose, for as long as the run may take."""
    effective = configured(tmp_path, "live")
    unread = price.estimate(effective)
    named = price.estimate(configured(tmp_path, "live", 'restore = { instance_class = "db.t4g.micro" }'))

    assert unread.usd is None
    assert "the price of an unknown class in us-east-1" in unread.unknown
    assert {each.seconds for each in unread.copies} == {effective.limits.total_seconds}
    assert len(unread.copies) == len(price.purposes(effective)) == 2
    assert float(named.usd or 0) == pytest.approx(0.016 * 2 * effective.limits.total_seconds / 3600)
    assert "the storage, whose size is not known here" in named.unknown


def test_on_aws_the_price_list_is_asked_for_what_the_source_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its class and storage type, in the region of the copy; the answer goes before the table and stays in the record."""
    asked: list[tuple[Any, ...]] = []

    def ask(*given: Any) -> tuple[tuple[UnitPrice, ...], str]:
        asked.append(given[1:])
        return ASKED, "expected one price in the price list of us-east-1 for gp3, found none"

    monkeypatch.setattr(price_list, "ask", ask)
    found = guard._estimate(configured(tmp_path, "live"), SimpleNamespace(), SOURCE)  # type: ignore[arg-type]

    assert asked == [("us-east-1", "db.t4g.medium", "gp3")]
    assert found.asked == ASKED
    assert "found none" in found.note
    assert found.estimated is not None
    assert float(found.estimated.usd or 0) > 0
    assert found.estimated.copies[0].storage_gib == 100


def test_a_cluster_is_estimated_as_it_is_billed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serverless v2 at its most capacity for all of the time; on AWS it is asked about, which a class of RDS's price is not."""
    text = CONFIG.replace('instance = "orders"', 'cluster = "orders"')
    (tmp_path / "drill.toml").write_text(text.format(profile="live", more=""))
    effective = load(tmp_path / "drill.toml", profile=None, target=None, environment={})
    source: Any = SimpleNamespace(
        instance_class="db.serverless", storage_type="aurora", storage_gib=None, scaling=(0.5, 16)
    )
    asked: list[Any] = []

    def ask(clients: object, region: str, parts: tuple[Part, ...]) -> tuple[tuple[UnitPrice, ...], str]:
        asked.extend(parts)
        return (), ""

    monkeypatch.setattr(price_list, "ask_for", ask)
    found = guard._estimate(effective, SimpleNamespace(), source)  # type: ignore[arg-type]

    assert found.estimated is not None
    copies = len(price.purposes(effective))
    assert float(found.estimated.usd or 0) == pytest.approx(0.12 * 16 * copies * effective.limits.total_seconds / 3600)
    assert Part("acu_hour", "Aurora Serverless v2", 16) in asked
    provisioned: Any = SimpleNamespace(**vars(source) | {"instance_class": "db.t3.large", "scaling": None})
    known = price.estimate(effective, provisioned)
    assert float(known.usd or 0) == pytest.approx(0.164 * copies * effective.limits.total_seconds / 3600)
    assert "I/O requests of Aurora, of which it is not known how much there is" in known.unknown
    assert "the storage, whose size is not known here" in known.unknown


def test_elsewhere_the_price_list_is_never_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint is no AWS with prices; the table says what it says."""
    monkeypatch.setattr(price_list, "ask", lambda *_: pytest.fail("it was asked"))
    found = guard._estimate(configured(tmp_path, "elsewhere"), SimpleNamespace(), SOURCE)  # type: ignore[arg-type]

    assert (found.asked, found.note) == ((), "")
    assert found.estimated is not None
    assert found.estimated.usd is not None


VOLUME = """\
[drill]
profile = "{profile}"
[profiles.live]
kind = "aws"
accounts = ["000000000000"]
regions = ["us-east-1"]
[profiles.elsewhere]
kind = "endpoint"
endpoint_url = "http://localhost:4566"
region = "us-east-1"
[targets.disk]
volume = "vol-0123456789abcdef0"
vault = "vault"
restore = {{ backup_role_arn = "arn:aws:iam::000000000000:role/restore" }}
"""
CHARGED = (Part("gib_month", "EBS gp3", 100),)


def of_volume(folder: Path, profile: str) -> Config:
    """A configuration of a volume with that profile."""
    path = folder / "drill.toml"
    path.write_text(VOLUME.format(profile=profile))
    return load(path, profile=None, target=None, environment={}, tables=True)


def test_a_volume_is_estimated_by_what_its_source_is_billed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as the run may take; on AWS by its price list, which is asked elsewhere of nobody."""
    asked = (UnitPrice("us-east-1", "gib_month", "EBS gp3", "0.073"),)
    monkeypatch.setattr(others, "of_source", lambda *_: CHARGED)
    monkeypatch.setattr(price_list, "ask_for", lambda clients, region, parts: (asked, f"{region} {len(parts)}"))
    live = of_volume(tmp_path, "live")
    found = others.estimate_of(live, SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]

    assert (found.asked, found.note) == (asked, "us-east-1 1")
    assert found.estimated is not None
    assert float(found.estimated.usd or 0) == pytest.approx(0.073 * 100 * live.limits.total_seconds / 3600 / 730)
    monkeypatch.setattr(price_list, "ask_for", lambda *_: pytest.fail("it was asked"))
    found = others.estimate_of(of_volume(tmp_path, "elsewhere"), SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
    assert (found.asked, found.note) == ((), "")
    assert found.estimated is not None
    assert float(found.estimated.usd or 0) == pytest.approx(0.08 * 100 * live.limits.total_seconds / 3600 / 730)


def test_a_source_that_cannot_be_read_leaves_the_price_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, and the run goes on."""

    def refused(*_: object) -> tuple[Part, ...]:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DescribeVolumes")

    monkeypatch.setattr(others, "of_source", refused)
    found = others.estimate_of(of_volume(tmp_path, "live"), SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]

    assert found.note.startswith("what vol-0123456789abcdef0 is billed by could not be read: ")
    assert found.estimated is not None
    assert (found.estimated.usd, found.estimated.unknown) == (None, (cost.UNPRICED["ebs-volume"],))


def test_at_the_end_the_price_is_that_of_the_copies_by_the_same_prices() -> None:
    """What was asked before the run is what it is worked out by; a record without an estimate has its price all the same."""
    record = green_drill()
    first = record.restorations[0]
    restored = dataclasses.replace(first, instance_class="db.t4g.medium", storage_type="gp3", storage_gib=100)
    resources = tuple(dataclasses.replace(each, region="us-east-1") for each in record.resources)
    record = dataclasses.replace(record, restorations=(restored, *record.restorations[1:]), resources=resources)
    asked = dataclasses.replace(record, price=RunPrice(asked=ASKED, note="because"))
    found, without = price.at_end(asked), price.at_end(dataclasses.replace(record, price=None))

    assert found.used is not None
    assert found.used.copies == cost.copies_of(record)
    assert (found.asked, found.note) == (ASKED, "because")
    assert without.used is not None
    assert float(found.used.usd or 0) > float(without.used.usd or 0) > 0
    told = cost_line(dataclasses.replace(asked, price=found))
    assert "AWS's price list of 2026-11-20" in told
    assert "db.t4g.medium, 100 GiB of gp3" in told
    assert told.endswith("; because")


def test_a_record_of_before_has_its_price_worked_out_by_the_report() -> None:
    """And no estimate."""
    record = dataclasses.replace(green_drill(), price=None)

    assert cost_line(record).startswith("unknown by the prices of ")
    assert estimate_line(record) == ""


@pytest.mark.parametrize(
    ("copy", "told"),
    [
        (
            Billed("r", "c", 599, "gp3", 100),
            " (9 m 59 s of c, 100 GiB of gp3; an instance is billed for at least 10 m)",
        ),
        (Billed("r", "c", 3600, "gp3", 1234567), " (1 h of c, 1,234,567 GiB of gp3)"),
        (
            Billed("r", "", 0.7, kind="ebs-volume", parts=(Part("gib_month", "EBS gp3", 1),)),
            " (0.7 s of 1 GiB of EBS gp3; a volume is billed for at least 1 m)",
        ),
        (
            Billed(
                *("r", "", 60),
                kind="ebs-volume",
                parts=(Part("iops_month", "EBS gp3", 1000), Part("mibps_month", "EBS gp3", None)),
            ),
            " (1 m of 1,000 IOPS above 3,000 of EBS gp3, unknown MiB/s above 125 of EBS gp3)",
        ),
        (
            Billed("r", "", 60, kind="ebs-volume", parts=(Part("iops_month", "EBS io2", 1000),)),
            " (1 m of 1,000 IOPS of EBS io2)",
        ),
        (
            Billed(
                *("r", "", 9),
                kind="dynamodb-table",
                parts=(Part("gib", "DynamoDB", 4.5361e-05), Part("million_reads", "DynamoDB", 3.2e-6)),
            ),
            " (9.0 s of less than 0.01 GiB of DynamoDB, 4 read units of DynamoDB)",
        ),
        (
            Billed(
                "r",
                "",
                9,
                kind="dynamodb-table",
                parts=(Part("gib", "x", 2.3456), Part("million_io", "x", 9 / 1_000_000)),
            ),
            " (9.0 s of 2.35 GiB of x, 9 I/O requests of x)",
        ),
        (
            Billed("r", "", 9, kind="dynamodb-table", parts=(Part("gib", "x", 0), Part("million_io", "x", None))),
            " (9.0 s of 0 GiB of x, unknown I/O requests of x)",
        ),
    ],
)
def test_what_a_copy_is_billed_by_is_said_in_numbers_that_people_read(copy: Billed, told: str) -> None:
    """As a time, with the least that is billed where it was shorter; what is above what is free as that; no number with an "e"."""
    record = dataclasses.replace(green_drill(), price=RunPrice(used=Price("1", (), (copy,), "D")))

    assert cost_line(record).partition(" by the prices of D")[2] == told
