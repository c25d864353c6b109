"""What a client may send: reads, a few writes by name, and the rest under a permit that the guard alone gives."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from drills.aws.guarded import permits
from drills.errors import Refused

DELETE = "rds:DeleteDBInstance"
ROLES: tuple[permits.Role, ...] = ("reads", "scratch", "cutover", "backup", "validator", "evidence", "tells", "stage")
NOT_SENT = "expected {} to be sent by what may change things, found {}: it was not sent, nothing was changed"


def refusal_of(operation: str, role: permits.Role) -> str:
    """What a client of that role is told, "" where it may send the operation now."""
    try:
        permits.check(operation, role)
    except Refused as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("operation", "read"),
    [
        ("rds:DescribeDBInstances", True),
        ("rds:ListTagsForResource", True),
        ("sts:GetCallerIdentity", True),
        ("s3:HeadBucket", True),
        ("iam:SimulatePrincipalPolicy", True),
        (DELETE, False),
        ("s3:HeadOther", False),
        ("rds:describeDBInstances", False),
        ("rds:Delete:GetThings", False),
        ("GetThings", False),
    ],
)
def test_a_read_is_known_by_the_begin_of_its_name(operation: str, read: bool) -> None:
    """By what follows the service, and three more by their whole names; everything else counts as a write."""
    assert permits.is_read(operation) is read


@pytest.mark.parametrize("role", ROLES)
def test_every_client_reads(role: permits.Role) -> None:
    """No role and no permit is needed for what changes nothing."""
    assert refusal_of("rds:DescribeDBInstances", role) == ""
    assert refusal_of("s3:HeadObject", role) == ""


def test_only_a_scene_is_set_without_a_permit() -> None:
    """Whatever the operation; every other role is refused it, with the reason that holds for the role."""
    of_role = {
        "reads": 'a client that may not ("reads")',
        "scratch": "no permit of the guard",
        "cutover": "no permit of the guard",
        "backup": 'a client that may not ("backup")',
        "validator": "no permit of the guard",
        "evidence": 'a client that may not ("evidence")',
        "tells": 'a client that may not ("tells")',
    }

    assert refusal_of("rds:DeleteDBCluster", "stage") == ""
    assert refusal_of(DELETE, "stage") == ""
    assert {role: refusal_of(DELETE, role) for role in ROLES if role != "stage"} == {
        role: NOT_SENT.format(DELETE, found) for role, found in of_role.items()
    }


def test_a_permit_is_for_one_operation_in_its_block_alone() -> None:
    """Inner permits take the place of the outer one and give it back; an error ends a permit as well."""
    other = "rds:DeleteDBSnapshot"

    def fail_under(operation: str) -> None:
        with permits.permit(operation):
            assert allowed() == (False, True)
            raise ZeroDivisionError

    def allowed() -> tuple[bool, bool]:
        return refusal_of(DELETE, "scratch") == "", refusal_of(other, "scratch") == ""

    assert allowed() == (False, False)
    with permits.permit(DELETE):
        assert allowed() == (True, False)
        with pytest.raises(ZeroDivisionError):
            fail_under(other)
        assert allowed() == (True, False)
        assert refusal_of(DELETE, "reads") != ""
    assert allowed() == (False, False)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("sandboxed", [True, False])
def test_the_role_that_may_send_everything_is_the_sandboxs(role: permits.Role, sandboxed: bool) -> None:
    """Every other role is one of an AWS account too."""
    if role == "stage" and not sandboxed:
        with pytest.raises(Refused) as caught:
            permits.check_role(role, sandboxed=sandboxed)
        assert str(caught.value) == (
            "expected a sandbox to set a scene in, found another profile: nothing is staged in an AWS account"
        )
    else:
        permits.check_role(role, sandboxed=sandboxed)


@pytest.mark.parametrize("event", ["provide-client-params", "before-call"])
def test_a_held_client_is_asked_first_at_both_of_botocores_events(event: str) -> None:
    """Before a request is built and before it leaves: nothing that was registered earlier comes before the guard."""
    client: Any = boto3.client("rds", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    asked: list[str] = []
    client.meta.events.register(event, lambda event_name, **_: asked.append(event_name))
    permits.hold(client, "scratch")
    model = client.meta.service_model.operation_model("DeleteDBInstance")

    with pytest.raises(Refused) as caught:
        client.meta.events.emit(f"{event}.rds.DeleteDBInstance", model=model, params={"headers": {}}, context={})
    assert (str(caught.value), asked) == (NOT_SENT.format(DELETE, "no permit of the guard"), [])
    with permits.permit(DELETE):
        client.meta.events.emit(f"{event}.rds.DeleteDBInstance", model=model, params={"headers": {}}, context={})
    assert asked == [f"{event}.rds.DeleteDBInstance"]


def test_a_client_that_is_held_twice_may_send_what_both_roles_may() -> None:
    """A later role never widens an earlier one."""
    client: Any = boto3.client("rds", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    model = client.meta.service_model.operation_model("DeleteDBInstance")
    for role in ("scratch", "reads"):
        permits.hold(client, role)
        with permits.permit(DELETE):
            if role == "scratch":
                client.meta.events.emit(
                    "before-call.rds.DeleteDBInstance", model=model, params={"headers": {}}, context={}
                )
                continue
            with pytest.raises(Refused) as caught:
                client.meta.events.emit(
                    "before-call.rds.DeleteDBInstance", model=model, params={"headers": {}}, context={}
                )
    assert str(caught.value) == NOT_SENT.format(DELETE, 'a client that may not ("reads")')
