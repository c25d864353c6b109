"""The configuration of an AWS that is not the drill's own, and an environment without the caller's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.aws.guards import Sides
from drills.config.load import Config, load
from drills.model.instance import Instance
from tests.support.certificates import RDS, root

HOME = "123456789012"  # moto's account
OTHER = "000000000000"
REGION = "eu-central-1"
AWS_VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
LIVE = f"""
[profiles.live]
kind = "aws"
accounts = ["{HOME}"]
regions = ["{REGION}"]
[targets.orders.restore]
subnet_group = "drill-subnets"
security_group = "sg-0123abcd"
make_parameter_group = true
ca_bundle = "rds.pem"
"""
SIDES = Sides(HOME, REGION, HOME, REGION)


def live(folder: Path, text: str = LIVE, profile: str = "live") -> Config:
    """The configuration in `text`."""
    file = folder / "drill.toml"
    file.write_text(text, encoding="utf-8")
    (folder / "rds.pem").write_text(root(*RDS), encoding="utf-8")
    return load(file, profile=profile, target=None, environment={})


def source(**changes: Any) -> Instance:
    """A source as RDS describes it."""
    base: dict[str, Any] = {
        "id": "orders",
        "arn": f"arn:aws:rds:{REGION}:{HOME}:db:orders",
        "dbi_resource_id": "db-A",
        "status": "available",
        "engine": "postgres",
        "engine_version": "16.4",
        "instance_class": "db.t4g.medium",
        "master_username": "master",
        "subnet_group": "orders-subnets",
        "security_groups": ("sg-000000ff",),
        "parameter_group": "orders-parameters",
    }
    return Instance(**base | changes)


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without anything of the caller's AWS."""
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch
