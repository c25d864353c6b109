"""What RDS refuses in a request, by what the request says alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.backup.exceptions import InvalidParameterValueException
from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue, RDSClientError

from drills.sandbox.backup.kinds.protected import AURORA, RDS
from drills.sandbox.backup.metadata import restore_parameters
from drills.sandbox.rds.limits import (
    CERTIFICATES,
    check_accounts,
    check_common,
    check_new_instance,
    check_password,
    check_storage,
    check_tags,
    grown_storage,
)

RIGHT: dict[str, Any] = {
    "master_username": "drills_master",
    "master_user_password": "right!#$%^&*()-_",
    "db_name": "app",
    "allocated_storage": 20,
    "storage_type": "gp3",
}


@pytest.mark.parametrize(
    "more",
    [
        {}, {"db_name": None}, {"db_name": "_a1"}, {"master_user_password": "x" * 128}, {"master_user_password": "x" * 8},
        {"storage_type": "standard", "allocated_storage": 5}, {"storage_type": None, "allocated_storage": None},
        {"master_username": "a" * 63},
    ],
)  # fmt: skip
def test_what_rds_takes_is_taken(more: dict[str, Any]) -> None:
    """The bounds of each limit belong to it."""
    check_new_instance(RIGHT | more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        *[({"master_user_password": f"pass{each}word"}, "may be used") for each in '/@" \té'],
        *[({"master_user_password": each}, "from 8 to 128") for each in ("", "7letter", "x" * 129)],
        *[({"master_username": each}, "reserved word") for each in ("admin", "Admin", "rdsadmin", "pg_x")],
        *[({"master_username": each}, "must begin with a letter") for each in ("", "1a", "a-b", "a" * 64)],
        *[({"db_name": each}, "DBName must begin") for each in ("my-db", "1db", "a b", "a" * 64)],
        ({"allocated_storage": 2}, "Invalid storage size"),
        ({"allocated_storage": 19, "storage_type": "gp2"}, "Invalid storage size"),
        ({"allocated_storage": 4, "storage_type": "standard"}, "Invalid storage size"),
        ({"allocated_storage": 99, "storage_type": None, "iops": 1000}, "Invalid storage size"),
        ({"allocated_storage": 65537}, "Invalid storage size"),
        ({"storage_type": "tape"}, "Invalid storage type"),
    ],
)
def test_what_rds_refuses_is_refused(more: dict[str, Any], said: str) -> None:
    """Master user, password, database and storage, each with RDS's InvalidParameterValue."""
    with pytest.raises(InvalidParameterValue) as refused:
        check_new_instance(RIGHT | more)
    assert said in str(refused.value.message)


def test_a_master_password_has_the_same_limits_when_it_is_changed() -> None:
    """The lengths and characters of CreateDBInstance are those of ModifyDBInstance."""
    check_password("right!#$")
    for wrong in ("7letter", "x" * 129, "pass/word", "pass@word"):
        with pytest.raises(InvalidParameterValue):
            check_password(wrong)


@given(st.integers(20, 65536), st.integers(1, 65536))
def test_storage_grows_by_a_tenth_or_not_at_all(present: int, wanted: int) -> None:
    """A smaller size is refused, the present one changes nothing, and what is between is rounded up to 10 % more."""
    if wanted < present:
        with pytest.raises(InvalidParameterCombination):
            grown_storage(present, wanted)
        return
    grown = grown_storage(present, wanted)
    assert grown == present if wanted == present else grown >= max(wanted, present * 1.1)
    assert grown == wanted or grown < present * 1.1 + 1


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("gp2", 20, 65536), ("gp3", 20, 65536), ("io1", 100, 65536), ("standard", 5, 3072)]
)
def test_each_storage_type_has_its_sizes(kind: str, least: int, most: int) -> None:
    """Both ends belong to the range."""
    check_storage(kind, least)
    check_storage(kind, most)
    for wrong in (least - 1, most + 1):
        with pytest.raises(InvalidParameterValue):
            check_storage(kind, wrong)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"ca_certificate_identifier": "rds-ca-2019"}, "CertificateNotFound"),
        ({"ca_certificate_identifier": "rds-ca-2015"}, "CertificateNotFound"),
        ({"port": 1149}, "InvalidParameterValue"),
        ({"port": 65536}, "InvalidParameterValue"),
        ({"db_port_number": 80}, "InvalidParameterValue"),
        ({"backup_retention_period": 36}, "InvalidParameterValue"),
        ({"backup_retention_period": -1}, "InvalidParameterValue"),
    ],
)
def test_what_no_instance_can_have_is_refused(members: dict[str, Any], code: str) -> None:
    """An authority that is no more, a port and a retention beyond RDS's, each with RDS's code."""
    with pytest.raises(RDSClientError) as refused:
        check_common(members)
    assert refused.value.code == code


@pytest.mark.parametrize("authority", CERTIFICATES)
def test_each_present_authority_is_taken(authority: str) -> None:
    """The three authorities of today, with the ends of the other ranges."""
    for port, days in ((1150, 0), (65535, 35)):
        check_common({"ca_certificate_identifier": authority, "port": port, "backup_retention_period": days})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[(key, "yes") for key in ("aws:x", "AWS:x", "aws:", "rds:x", "", "k" * 129, "a,b", "a(b)", "a\tb", "a\x1bb")],
        *[("key", value) for value in ("aws:x", "rds:x", "v" * 257, "off(M-F,18)", "a;b")],
    ],
)
def test_a_tag_that_no_user_can_give_is_refused(key: str, value: str) -> None:
    """Reserved prefixes, lengths and characters, of keys and values alike."""
    with pytest.raises(InvalidParameterValue):
        check_tags([{"Key": "right", "Value": ""}, {"Key": key, "Value": value}])


def test_a_tag_with_every_character_that_rds_takes_is_taken() -> None:
    """Letters and digits of any script, blanks and eight symbols; a prefix counts only at the beginning."""
    check_tags([{"Key": "Größe_. :/=+-@ ٣ my-aws:x", "Value": "v" * 256}, {"Key": "k" * 128}])


def test_a_snapshot_is_shared_with_accounts_alone() -> None:
    """An account has twelve digits; `all` makes a snapshot public."""
    check_accounts(["111122223333", "all"])
    for wrong in ("nobody", "1111", "ALL", ""):
        with pytest.raises(InvalidParameterValue):
            check_accounts([wrong])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Port", "abc"), ("Port", "80"), ("Port", "70000"), ("AllocatedStorage", "many"), ("Iops", ""),
        ("MultiAZ", "perhaps"), ("DeletionProtection", "1"), ("PubliclyAccessible", ""), ("VpcSecurityGroupIds", "{"),
        ("VpcSecurityGroupIds", '"sg-1"'), ("VpcSecurityGroupIds", "[1]"), ("CACertificateIdentifier", "rds-ca-2019"),
    ],
)  # fmt: skip
def test_restore_metadata_that_rds_could_not_read_are_refused(key: str, value: str) -> None:
    """Each value is read by its type, and one that cannot be is named."""
    with pytest.raises(InvalidParameterValueException) as refused:
        restore_parameters(RDS, {"DBInstanceIdentifier": "copy", key: value})
    assert key in str(refused.value.message)


def test_restore_metadata_become_parameters() -> None:
    """Lists are JSON, flags true or false, keys in any case; the port belongs to the sandbox."""
    given = {"dbinstanceidentifier": "copy", "Port": "5432", "MultiAZ": "True", "VpcSecurityGroupIds": '["sg-1"]',
             "CACertificateIdentifier": "rds-ca-ecc384-g1"}  # fmt: skip
    assert restore_parameters(RDS, given) == {
        "db_instance_identifier": "copy",
        "port": 5432,
        "multi_az": True,
        "vpc_security_group_ids": ["sg-1"],
        "ca_certificate_identifier": "rds-ca-ecc384-g1",
    }


def test_restore_metadata_of_a_cluster_become_its_parameters() -> None:
    """They name a cluster and none of an instance's settings; what RDS could not read is refused."""
    given = {
        "DBClusterIdentifier": "copy",
        "Engine": "aurora-postgresql",
        "AvailabilityZones": '["a", "b"]',
        "DBInstanceClass": "x",
    }
    assert restore_parameters(AURORA, given) == {
        "db_cluster_identifier": "copy",
        "engine": "aurora-postgresql",
        "availability_zones": ["a", "b"],
    }
    for wrong in ({"DBInstanceIdentifier": "copy"}, {"DBClusterIdentifier": "copy", "Port": "80"}):
        with pytest.raises(InvalidParameterValueException):
            restore_parameters(AURORA, wrong)
