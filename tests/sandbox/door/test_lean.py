"""What the sandbox leaves out of moto's start must not change what moto knows."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.paths import CHECKOUT

pytestmark = pytest.mark.sandbox

# each in a process of its own: the module can be imported in one way only
PLAIN = ""
LEAN = "from drills.sandbox.door import lean; lean.load_moto()"
ASKS = """
import hashlib, json
from moto.ec2.models import amis, availability_zones_and_regions as zones, instance_types
from moto.core.base_backend import AccountSpecificBackend
offered = instance_types.INSTANCE_TYPE_OFFERINGS
backend = zones.RegionsAndZonesBackend
session = AccountSpecificBackend.get_session()
def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
print(json.dumps({
    "offerings": {where: {region: digest(offered[where].get(region, [])) for region in offered[where]} for where in offered},
    "nowhere": [offered[where].get("mars-north-1", []) for where in sorted(offered)],
    "regions": [(each.name, each.endpoint, each.opt_in_status) for each in backend.regions],
    "zones": {name: [each.name for each in found] for name, found in backend.zones.items()},
    "partitions": session.get_available_partitions(),
    "services": {
        name: [session.get_available_regions(name, partition) for partition in session.get_available_partitions()]
        for name in ("ec2", "rds", "backup", "ecs", "elbv2", "kms", "iam", "sts", "s3", "docdb", "logs", "nothing")
    },
    "amis": digest(amis.load_resource("ec2/resources/instance_type_offerings/region/eu-central-1.json")),
}))
"""


def said(code: str) -> str:
    """What a process of its own prints that runs this code."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, check=True, cwd=CHECKOUT, timeout=120, text=True).stdout


def answers(first: str) -> dict[str, Any]:
    """What moto's EC2 knows after `first` has been run."""
    return dict(json.loads(said(f"{first}\n{ASKS}")))


def test_a_lean_start_knows_what_a_plain_one_knows() -> None:
    """Offerings, regions, zones and partitions are those that moto 5.2 and boto3 give, and each hook still bites."""
    plain, lean = answers(PLAIN), answers(LEAN)

    assert lean == plain
    assert len(plain["offerings"]["region"]) > 10
    assert len(plain["regions"]) > 10


def test_a_lean_start_reads_no_offerings() -> None:
    """Nothing is read before somebody asks: neither offerings nor the models of services, boto3's session included."""
    look = """
from moto.ec2.models import instance_types
from moto.core import utils
offered = instance_types.INSTANCE_TYPE_OFFERINGS
print([type(each).__name__ for each in offered.values()], sum(len(each._read) for each in offered.values()))
print(utils.get_service_model.cache_info().currsize)
"""

    assert said(f"{LEAN}\n{look}").splitlines() == ["['Offerings', 'Offerings', 'Offerings'] 0", "0"]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("drills.sandbox.server", ("moto", "boto3")),  # else load_moto comes too late
        ("drills.cli.sandbox", ("moto", "boto3", "botocore", "psycopg", "pydantic", "rich", "asyncio")),
        ("drills.sandbox.standalone.keeper", ("moto", "boto3", "botocore", "psycopg", "pydantic", "rich", "asyncio")),
    ],
)
def test_what_starts_a_sandbox_loads_little(module: str, heavy: tuple[str, ...]) -> None:
    """Reading modules is most of the time until a sandbox answers, and most of the memory that it takes."""
    loaded = {name.partition(".")[0] for name in said(f"import sys, {module}; print(*sys.modules)").split()}

    assert "drills" in loaded
    assert not loaded & set(heavy)


def test_what_is_deleted_is_forgotten() -> None:
    """A sandbox that stands for weeks keeps no object of moto of what AWS no longer has, nor the tags of a security group."""
    look = """
import gc, weakref
from drills.sandbox.ec2 import backend as ec2
from moto.ec2.models import ec2_backends
ec2.install()
backend = ec2_backends["123456789012"]["eu-central-1"]
vpc = backend.create_vpc("10.9.0.0/16")
def made():
    group = backend.create_security_group("own", "of the test", vpc_id=vpc.id, tags={"run": "1"})
    print(len(backend.describe_tags({"resource-id": [group.id]})))
    return group.id, weakref.ref(group), weakref.ref(group.egress_rules[0])
name, group, rule = made()
backend.delete_security_group(group_id=name)
gc.collect()
print(group(), rule(), backend.describe_tags({"resource-id": [name]}), name in backend.tags)
"""

    assert said(f"{LEAN}\n{look}").splitlines() == ["1", "None None [] False"]


def test_iam_reads_the_policies_of_aws_when_somebody_needs_one() -> None:
    """No request of another service reads them, nor one for roles; a policy that is asked for is there, and none is lost."""
    look = """
from drills.sandbox import policy_simulator
policy_simulator.install()
from moto.iam.models import get_account_id_from, iam_backends
get_account_id_from("what every service does with a key")
iam = iam_backends["123456789012"]["aws"]
def ours(): return [each.name for each in iam.get_account_authorization_details(["Role", "LocalManagedPolicy"])["managed_policies"]]
def read(): return [partition for partition, each in iam_backends["123456789012"].items() if "managed_policies" in vars(each)]
print(ours(), read())
document = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'
iam.create_policy("of the account's own", "/", document, "own", [])
everything = iam.get_account_authorization_details([])["managed_policies"]
print(ours(), read(), len(everything) > 1000, iam.get_policy("arn:aws:iam::aws:policy/ReadOnlyAccess").name)
"""

    assert said(f"{LEAN}\n{look}").splitlines() == ["[] []", "['own'] ['aws'] True ReadOnlyAccess"]


def test_ec2_reads_the_images_of_aws_when_somebody_needs_one() -> None:
    """No other request reads them; then they are those of moto, each with its snapshot, and images of one's own beside them."""
    look = """
from drills.sandbox.ec2 import backend as ec2
from moto.ec2.models import EC2Backend, ec2_backends
plain = EC2Backend("eu-central-1", "123456789012")
ec2.install()
lean = ec2_backends["123456789012"]["eu-central-1"]
vpc = lean.create_vpc("10.9.0.0/16")
group = lean.create_security_group("own", "of the test", vpc_id=vpc.id)
lean.delete_security_group(group_id=group.id)
print(sorted({"amis", "snapshots"} & set(vars(lean))))
print(set(lean.amis) == set(plain.amis), len(lean.amis) > 1000, len(lean.snapshots) == len(plain.snapshots))
found = lean.describe_images(ami_ids=[min(plain.amis)])
print([each.id for each in found] == [min(plain.amis)], len(lean.volumes) == len(plain.volumes))
"""
    assert said(f"{LEAN}\n{look}").splitlines() == ["[]", "True True True", "True True"]


def test_a_request_is_carried_out_without_a_look_through_the_folders_of_moto() -> None:
    """Which of moto's backends answers a host is found at the first request for it, and then known."""
    look = """
from threading import RLock
from moto import backends
from werkzeug.test import EnvironBuilder
from drills.sandbox.door.calls import read_request
from drills.sandbox.door.moto_app import MotoApp
looks, names = [], backends.list_of_moto_modules
backends.list_of_moto_modules = lambda: looks.append("one") or names()
scope = "AWS4-HMAC-SHA256 Credential=key/20261123/eu-central-1/sts/aws4_request, SignedHeaders=host, Signature=0"
form = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
builder = EnvironBuilder(method="POST", data=form, headers={"Authorization": scope})
body = b"Action=GetCallerIdentity&Version=2011-06-15"
app, request = MotoApp(RLock(), lambda request: None), read_request(builder.get_environ(), body)
print([app.carry_out(request, builder.get_environ(), body)[0] for _ in range(3)], looks)
"""
    assert said(f"{LEAN}\n{look}").splitlines() == ["[200, 200, 200] ['one']"]
