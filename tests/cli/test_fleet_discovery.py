"""A fleet that is found by tag among what AWS Backup protects."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.cli.fleet.discovery import NAME, with_targets
from drills.cli.main import main
from drills.config.load import load
from drills.posture.protected import chosen
from tests.support.rds import Instance

Capture = pytest.CaptureFixture[str]
RAW = {
    "drill": {"profile": "endpoint"},
    "targets": {"orders": {"instance": "Orders-Prod", "vault": "vault", "rto": "30m", "manifest": "orders.json"}},
}


def described(name: str, *, engine: str = "postgres", tag: str = "yes") -> dict[str, object]:
    """An instance as RDS describes it."""
    tags = [{"Key": "drill", "Value": tag}, {"Key": "other", "Value": "yes"}]
    return {"DBInstanceIdentifier": name, "DBInstanceArn": f"arn:{name}", "Engine": engine, "TagList": tags}


def test_what_is_protected_and_has_the_tag_is_found() -> None:
    """What has the tag and cannot be drilled is named, and never silently left out."""
    instances = [
        described("b"),
        described("a"),
        described("m", engine="mysql"),
        described("n"),
        described("t", tag="no"),
    ]
    found = chosen(["arn:a", "arn:b", "arn:m", "arn:t", "arn:gone"], instances, "drill", "yes")

    assert found.instances == ("a", "b")
    assert [each.partition(":")[0] for each in found.left_out] == ["m", "n"]
    assert "found mysql" in found.left_out[0]
    assert "not protected" in found.left_out[1]


def test_each_is_like_the_target_that_is_named() -> None:
    """For an instance of its own, without the manifest of another; one that a target has already is not added again."""
    raw = with_targets(RAW, "orders", ("billing", "orders-prod"))

    assert raw["targets"] == {**RAW["targets"], "billing": {"instance": "billing", "vault": "vault", "rto": "30m"}}  # type: ignore[dict-item]
    assert raw["drill"] == RAW["drill"]


@pytest.fixture
def tagged(source: Instance, point: str) -> Iterator[Instance]:
    """The shared source, which has a recovery point, with the tag of a fleet for one test."""
    rds, arn = source.rds, source.described()["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "fleet", "Value": "monthly"}])
    yield source
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["fleet"])


@pytest.mark.sandbox
def test_a_fleet_is_discovered(
    tagged: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """By reading alone; the file that it is drilled by says what was found, and its dry run what it would cost."""
    keys = tagged.sandbox.keys
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    (tmp_path / "drill.toml").write_text(
        f'[profiles.endpoint]\nendpoint_url = "{tagged.sandbox.endpoint}"\n[targets.orders]\nvault = "main"\nrto = "30m"\n'
    )
    monkeypatch.chdir(tmp_path)

    given = ["run", "--all", "--profile", "endpoint", "--dry-run"]
    assert main([*given, "--discover", "fleet=yearly"]) == 12
    assert "expected protected instances with the tag fleet=yearly, found none" in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()
    assert main([*given, "--discover", "fleet=monthly"]) == 0
    assert "source (instance source, profile endpoint)" in capsys.readouterr().out
    assert set(tomllib.loads((tmp_path / NAME).read_text())["targets"]) == {"orders", "source"}
    found = load(tmp_path / NAME, profile=None, target="source", environment={})
    assert (found.target.instance, found.target.vault) == ("source", "main")
