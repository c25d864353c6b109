"""With how many connections a copy is read: the processors of its class, or of this machine."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import moto.ec2
import pytest

from drills.objectives.processors import processors_for, processors_of
from tests.support.guarded import source


@pytest.mark.parametrize(
    ("instance_class", "processors"),
    [
        ("db.t2.micro", 1),
        ("db.t4g.micro", 2),
        ("db.t3.2xlarge", 8),
        ("db.m6gd.large", 2),
        ("db.r6g.16xlarge", 64),
        ("db.x2iedn.32xlarge", 128),
        ("db.serverless", None),
        ("db.r5.4xlarge.tpc2.mem8x", None),
        ("db.x2g.metal", None),
        ("", None),
    ],
)
def test_a_class_says_how_many_processors_it_has(instance_class: str, processors: int | None) -> None:
    """The sizes of RDS's classes are multiples of each other; what the table does not tell is not guessed."""
    assert processors_of(instance_class) == processors


def test_the_sizes_are_those_of_ec2() -> None:
    """Each EC2 type of a family that RDS may have has the vCPUs that the class of its name is said to have."""
    table = Path(moto.ec2.__file__).parent / "resources" / "instance_types.json.gz"
    types = json.loads(gzip.decompress(table.read_bytes()))
    told = {
        name: each["VCpuInfo"]["DefaultVCpus"] for name, each in types.items() if name != "c4.8xlarge"
    }  # not in RDS
    known = {name: processors_of(f"db.{name}") for name in told}
    known = {name: number for name, number in known.items() if number is not None}

    assert len(known) > 500
    assert known == {name: told[name] for name in known}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_copy_on_this_machine_has_the_machines_processors(host: str) -> None:
    """A sandbox's class is a name and nothing more; elsewhere the class counts, and one that is not known is not guessed."""
    assert processors_for(source(host=host, instance_class="db.r6g.16xlarge")) == os.cpu_count()
    assert processors_for(source(host="copy.abc.eu-central-1.rds.amazonaws.com", instance_class="db.m5.xlarge")) == 4
    assert processors_for(source(host="copy.example.com", instance_class="db.serverless")) is None
