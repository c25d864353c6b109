"""What RDS refuses in a request for a new instance."""

from __future__ import annotations

from typing import Any

import pytest
from moto.backup.exceptions import InvalidParameterValueException
from moto.rds.exceptions import InvalidParameterValue

from drills.sandbox.backup.restores import restore_parameters
from drills.sandbox.rds.limits import check_new_instance

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
    ],
)
def test_what_rds_refuses_is_refused(more: dict[str, Any], said: str) -> None:
    """Master user, password, database and storage, each with RDS's InvalidParameterValue."""
    with pytest.raises(InvalidParameterValue) as refused:
        check_new_instance(RIGHT | more)
    assert said in str(refused.value.message)


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
        restore_parameters({"DBInstanceIdentifier": "copy", key: value})
    assert key in str(refused.value.message)


def test_restore_metadata_become_parameters() -> None:
    """Lists are JSON, flags true or false, keys in any case; the port belongs to the sandbox."""
    given = {"dbinstanceidentifier": "copy", "Port": "5432", "MultiAZ": "True", "VpcSecurityGroupIds": '["sg-1"]',
             "CACertificateIdentifier": "rds-ca-ecc384-g1"}  # fmt: skip
    assert restore_parameters(given) == {
        "db_instance_identifier": "copy",
        "port": 5432,
        "multi_az": True,
        "vpc_security_group_ids": ["sg-1"],
        "ca_certificate_identifier": "rds-ca-ecc384-g1",
    }
