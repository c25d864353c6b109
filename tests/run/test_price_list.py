"""AWS's price list: what is asked of it, what is taken from its answer, and what is said where it gives no price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.guarded import permits
from drills.errors import DrillError
from drills.model.price import Billed, Part, UnitKind, UnitPrice
from drills.objectives.cost import of_aurora
from drills.objectives.parts import RESTORE, RESTORE_OF_ANY
from drills.run import price_list

REGION = "eu-central-1"


def product(usd: str, unit: str, engine: str = "PostgreSQL", **attributes: str) -> dict[str, Any]:
    """A product as the list has it, in its form aws_v1, with a term on demand and one that is reserved."""
    rate = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}}
    reserved = {"unit": unit, "pricePerUnit": {"USD": "0.0001"}}
    return {
        "product": {"productFamily": "Database", "attributes": {"databaseEngine": engine, **attributes}, "sku": "A"},
        "serviceCode": "AmazonRDS",
        "terms": {
            "OnDemand": {"A.B": {"priceDimensions": {"A.B.C": rate}, "termAttributes": {}}},
            "Reserved": {"A.D": {"priceDimensions": {"A.D.C": reserved}}},
        },
        "publicationDate": "2026-11-20T00:00:00Z",
    }


CLASS, STORAGE = product("0.1580000000", "Hrs"), product("0.1370000000", "GB-Mo")


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    """Clients whose price list answers as it is told; botocore's model checks requests and answers."""
    pricing = boto3.client("pricing", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    opened: list[tuple[str, str]] = []

    def client(service: str, region: str) -> Any:
        opened.append((service, region))
        return pricing

    with Stubber(pricing) as stubber:
        yield SimpleNamespace(client=client, opened=opened), stubber
        stubber.assert_no_pending_responses()


def asked_for(**fields: str) -> dict[str, Any]:
    """The request for these attributes."""
    every = {"deploymentOption": "Single-AZ", "regionCode": REGION} | fields
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in every.items()]
    return {"ServiceCode": "AmazonRDS", "FormatVersion": "aws_v1", "Filters": filters}


OF_CLASS = asked_for(productFamily="Database Instance", databaseEngine="PostgreSQL", instanceType="db.m6g.large")
OF_STORAGE = asked_for(productFamily="Database Storage", volumeType="General Purpose-GP3")


def test_a_class_and_a_storage_type_are_asked_for(stubbed: tuple[Any, Stubber]) -> None:
    """In us-east-1, page by page, in requests that botocore's model takes; the price on demand is taken and no reserved one."""
    clients, stubber = stubbed
    stubber.add_response("get_products", {"PriceList": [], "NextToken": "more"}, OF_CLASS)
    stubber.add_response("get_products", {"PriceList": [json.dumps(CLASS)]}, OF_CLASS | {"NextToken": "more"})
    other = product("0.2", "GB-Mo", "MySQL")
    stubber.add_response("get_products", {"PriceList": [json.dumps(each) for each in (other, STORAGE)]}, OF_STORAGE)

    found, note = price_list.ask(clients, REGION, "db.m6g.large", "gp3")

    assert clients.opened == [("pricing", "us-east-1")]
    assert note == ""
    assert found == (
        UnitPrice(REGION, "hour", "db.m6g.large", "0.158", "2026-11-20T00:00:00Z"),
        UnitPrice(REGION, "gib_month", "gp3", "0.137", "2026-11-20T00:00:00Z"),
    )


def test_a_caller_that_may_not_ask_is_told_and_has_no_price(stubbed: tuple[Any, Stubber]) -> None:
    """A sentence with the right that is lacking; nothing is raised, since a price is no reason to stop a drill."""
    clients, stubber = stubbed
    stubber.add_client_error("get_products", "AccessDeniedException", "not authorized to perform: pricing:GetProducts")

    found, note = price_list.ask(clients, REGION, "db.m6g.large", "gp3")

    assert found == ()
    assert note.startswith("AWS's price list could not be asked (pricing:GetProducts): ")
    assert "AccessDeniedException" in note


def test_without_a_client_there_is_no_price() -> None:
    """Of clients that were given by hand, none can be opened."""

    def client(*_: str) -> Any:
        raise DrillError("expected clients of a session")

    assert price_list.ask(SimpleNamespace(client=client), REGION, "c", "")[1].endswith(  # type: ignore[arg-type]
        "expected clients of a session"
    )


def test_what_the_list_has_no_name_for_is_not_asked(stubbed: tuple[Any, Stubber]) -> None:
    """A storage type whose attribute no public source shows, and a class that is not known."""
    assert price_list.ask(stubbed[0], REGION, "", "io2") == ((), "")


def of_ebs(usd: str, unit: str, usage: str) -> dict[str, Any]:
    """A product of EBS as the list has it."""
    return product(usd, unit, usagetype=f"EUC1-EBS:{usage}")


def test_the_parts_of_a_volume_are_asked_for_once_each(stubbed: tuple[Any, Stubber]) -> None:
    """By service, family and type; of what is answered the usage type is taken, and a GiB/s is 1,024 MiB/s."""
    clients, stubber = stubbed
    answers = {
        "Storage": [of_ebs("0.0952", "GB-Mo", "VolumeUsage.gp3")],
        "System Operation": [of_ebs("0.006", "IOPS-Mo", "VolumeP-IOPS.gp3"), of_ebs("9", "IOs", "VolumeIOUsage")],
        "Provisioned Throughput": [of_ebs("48.7424", "GiBps-mo", "VolumeP-Throughput.gp3")],
    }
    for family, listed in answers.items():
        fields = {"regionCode": REGION, "productFamily": family, "volumeApiName": "gp3"}
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]
        request = {"ServiceCode": "AmazonEC2", "FormatVersion": "aws_v1", "Filters": filters}
        stubber.add_response("get_products", {"PriceList": [json.dumps(each) for each in listed]}, request)
    parts = [Part(kind, "EBS gp3", 5) for kind in ("gib_month", "iops_month", "mibps_month", "gib_month")]

    found, note = price_list.ask_for(clients, REGION, [*parts, Part("iops_month", "EBS io2 above 32,000", 1)])

    assert note == ""
    assert [(each.kind, each.name, each.usd) for each in found] == [
        ("gib_month", "EBS gp3", "0.0952"),
        ("iops_month", "EBS gp3", "0.006"),
        ("mibps_month", "EBS gp3", "0.0476"),
    ]


@pytest.mark.parametrize(
    ("storage", "mode", "named"), [("aurora", "", ""), ("aurora-iopt1", "IOOptimized", " I/O-Optimized")]
)
def test_a_cluster_is_asked_about_by_its_class_and_serverless_by_its_capacity(
    stubbed: tuple[Any, Stubber], storage: str, mode: str, named: str
) -> None:
    """Of Aurora PostgreSQL, and of what is I/O-Optimized no other price than its own."""
    clients, stubber = stubbed
    engine = {"databaseEngine": "Aurora PostgreSQL"}
    of_class = [
        product(f"0.{n}", "Hrs", usagetype=f"EUC1-InstanceUsage{of}:db.r5.2xl")
        for n, of in ((1, ""), (2, "IOOptimized"))
    ]
    of_acus = [
        product(f"0.{n}", "ACU-Hr", usagetype=f"EUC1-Aurora:ServerlessV2{of}Usage")
        for n, of in ((1, ""), (2, "IOOptimized"))
    ]
    for answer, family, more in (
        (of_class, "Database Instance", {"instanceType": "db.r5.2xlarge"}),
        (of_acus, "ServerlessV2", {}),
    ):
        fields = {"regionCode": REGION, "productFamily": family} | engine | more
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]
        request = {"ServiceCode": "AmazonRDS", "FormatVersion": "aws_v1", "Filters": filters}
        stubber.add_response("get_products", {"PriceList": [json.dumps(each) for each in answer]}, request)
    usd = "0.2" if mode else "0.1"

    for name, kind, said in (
        ("db.r5.2xlarge", "hour", f"db.r5.2xlarge of Aurora{named}"),
        ("db.serverless", "acu_hour", f"Aurora Serverless v2{named}"),
    ):
        found, note = price_list.ask_about(clients, of_aurora(Billed(REGION, name, 1, storage), 4))
        assert note == ""
        assert [(each.kind, each.name, each.usd) for each in found] == [(kind, said, usd)]


def test_an_instance_is_asked_about_by_its_class_and_its_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ever; what has no class is asked about by its parts alone."""
    monkeypatch.setattr(price_list, "ask", lambda clients, *named: ((), f"{named}"))
    assert price_list.ask_about(SimpleNamespace(), Billed(REGION, "c", 1, "gp3"))[1] == f"('{REGION}', 'c', 'gp3')"  # type: ignore[arg-type]
    nothing = Billed(REGION, "", 1, kind="ebs-volume")
    assert price_list.ask_about(SimpleNamespace(), nothing) == ((), "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "name", "usage", "unit", "usd", "ours"),
    [
        ("gib", RESTORE, "RestoreDataSize-Bytes", "GB", "0.183", "0.183"),
        ("gib_month", "DynamoDB", "TimedStorage-ByteHrs", "GB-Mo", "0.306", "0.306"),
        ("million_reads", "DynamoDB", "ReadRequestUnits", "ReadRequestUnits", "0.0000001525", "0.1525"),
        ("rcu_hour", "DynamoDB", "ReadCapacityUnit-Hrs", "ReadCapacityUnit-Hrs", "0.000159", "0.000159"),
        ("wcu_hour", "DynamoDB", "WriteCapacityUnit-Hrs", "WriteCapacityUnit-Hrs", "0.000793", "0.000793"),
        ("gib_month", "EFS Standard", "TimedStorage-ByteHrs", "GB-Mo", "0.36", "0.36"),
        ("gib_month", "EFS One Zone", "TimedStorage-Z-ByteHrs", "GB-Mo", "0.192", "0.192"),
    ],
)
def test_a_part_of_a_table_or_a_file_system_has_its_price(
    stubbed: tuple[Any, Stubber], kind: UnitKind, name: str, usage: str, unit: str, usd: str, ours: str
) -> None:
    """In our unit; that of the other table class, which has the same name behind it, is not taken, nor what is free."""
    clients, stubber = stubbed
    listed = [
        product(amount, unit, usagetype=named)
        for amount, named in (
            (usd, f"EUC1-{usage}"),
            ("0.5", f"EUC1-IA-{usage}"),
            ("0.6", f"IA-{usage}"),
            ("0", f"EUC1-{usage}"),
        )
    ]
    stubber.add_response("get_products", {"PriceList": [json.dumps(each) for each in listed]})
    asked = Part(kind, RESTORE_OF_ANY if name == RESTORE else name, 1)  # before a point is chosen
    found, note = price_list.ask_for(clients, REGION, [asked])

    assert note == ""
    assert [(each.kind, each.name, each.usd) for each in found] == [(kind, name, ours)]


def test_what_no_source_shows_the_list_to_have_is_not_asked(stubbed: tuple[Any, Stubber]) -> None:
    """The restores that AWS Backup charges, and a table class whose names are not known here."""
    parts = [
        Part("gib", "EFS restore", 1),
        Part("gib", "AWS Backup restore of DynamoDB", 1),
        Part("gib_month", "DynamoDB Standard-IA", 1),
        Part("million_io", "Aurora", None),
    ]
    assert price_list.ask_for(stubbed[0], REGION, parts) == ((), "")


def test_a_part_that_may_not_be_asked_for_is_told(stubbed: tuple[Any, Stubber]) -> None:
    """As of an instance: nothing is raised."""
    clients, stubber = stubbed
    stubber.add_client_error("get_products", "AccessDeniedException", "no")
    found, note = price_list.ask_for(clients, REGION, [Part("gib_month", "EBS gp3", 5)])

    assert found == ()
    assert note.startswith("AWS's price list could not be asked (pricing:GetProducts): ")


def test_a_usage_type_is_that_of_the_region_and_no_longer_one() -> None:
    """io2 has three of them, and the prefix of us-east-1 is none."""
    names = [
        "EBS:VolumeP-IOPS.io2",
        "EUC1-EBS:VolumeP-IOPS.io2",
        "EUC1-EBS:VolumeP-IOPS.io2.tier2",
        "XEBS:VolumeP-IOPS.io2",
    ]
    found = price_list.of_usage([product("1", "IOPS-Mo", usagetype=each) for each in names], "EBS:VolumeP-IOPS.io2")

    assert [each["product"]["attributes"]["usagetype"] for each in found] == names[:2]


@pytest.mark.parametrize(
    ("products", "found"),
    [
        ([], "none"),
        ([product("0.1", "Quantity")], "none"),
        ([product("0.0000000000", "Hrs")], "none"),
        ([product("a lot", "Hrs")], "none"),
        ([product("NaN", "Hrs")], "none"),
        ([product("0.1", "Hrs", "MySQL")], "none"),
        ([{"terms": None}, {}], "none"),
        ([CLASS, product("0.3", "Hrs")], "2"),
    ],
)
def test_no_price_is_guessed(products: list[dict[str, Any]], found: str) -> None:
    """Where none fits, or more than one, it is said, and there is none."""
    said = price_list.price_of(products, REGION, "hour", "c")

    assert said == f"expected one price in the price list of {REGION} for c, found {found}"


@given(st.decimals("0.0001", 1000, places=10), st.sampled_from(["PostgreSQL", "Any"]))
def test_a_price_is_the_number_that_the_list_has(amount: Any, engine: str) -> None:
    """Under PostgreSQL's own name or for any engine, however often it is listed."""
    listed = product(f"{amount:f}", "GB-Mo", engine)
    found = price_list.price_of([listed, listed, product("9", "GB-Mo", "MySQL")], REGION, "gib_month", "gp3")

    assert isinstance(found, UnitPrice)
    assert float(found.usd) == float(amount)


def test_the_list_is_read_by_clients_that_only_read() -> None:
    """GetProducts changes nothing."""
    assert permits.is_read(price_list.RIGHT)
