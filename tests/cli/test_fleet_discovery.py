"""A fleet that is found by tag among what AWS Backup protects."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.cli.fleet.discovery import NAME, with_targets
from drills.cli.main import main
from drills.config.load import load
from drills.model.instance import DatabaseKind
from drills.model.parity import NotVerified
from drills.posture.protected import chosen
from tests.support.aurora import create_cluster
from tests.support.rds import Instance

Capture = pytest.CaptureFixture[str]
RAW = {
    "drill": {"profile": "endpoint"},
    "targets": {"orders": {"instance": "Orders-Prod", "vault": "vault", "rto": "30m", "manifest": "orders.json"}},
}


def described(name: str, *, engine: str = "postgres", tag: str = "yes", of: str = "") -> dict[str, object]:
    """An instance as RDS describes it; `of` is the cluster that it belongs to."""
    tags = [{"Key": "drill", "Value": tag}, {"Key": "other", "Value": "yes"}]
    member = {"DBClusterIdentifier": of} if of else {}
    return {"DBInstanceIdentifier": name, "DBInstanceArn": f"arn:{name}", "Engine": engine, "TagList": tags, **member}


def cluster(name: str, *, engine: str = "aurora-postgresql", tag: str = "yes") -> dict[str, object]:
    """A cluster as RDS describes it."""
    tags = [{"Key": "drill", "Value": tag}]
    return {"DBClusterIdentifier": name, "DBClusterArn": f"arn:c:{name}", "Engine": engine, "TagList": tags}


def test_what_is_protected_and_has_the_tag_is_found() -> None:
    """What has the tag and cannot be drilled is named, and never silently left out."""
    instances = [
        described("b"),
        described("a"),
        described("m", engine="mysql"),
        described("n"),
        described("t", tag="no"),
    ]
    found = chosen(["arn:a", "arn:b", "arn:m", "arn:t", "arn:gone"], instances, (), "drill", "yes")

    assert found.databases == (("instance", "a"), ("instance", "b"))
    assert [each.partition(":")[0] for each in found.left_out] == ["m", "n"]
    assert 'found "mysql"' in found.left_out[0]
    assert "not protected" in found.left_out[1]


def test_a_cluster_is_found_and_no_instance_of_it() -> None:
    """An instance of a cluster is no target, with the tag or without; where its cluster lacks the tag that is said."""
    clusters = [cluster("books"), cluster("films", tag="no"), cluster("songs"), cluster("old", engine="aurora-mysql")]
    instances = [
        described("books-1", engine="aurora-postgresql", of="books"),
        described("films-1", engine="aurora-postgresql", of="films"),
        described("old-1", engine="aurora-mysql", of="old"),
    ]
    found = chosen(["arn:c:books", "arn:c:films", "arn:c:old"], instances, clusters, "drill", "yes")

    assert found.databases == (("cluster", "books"),)
    assert found.left_out == (
        'films-1: expected the tag at its cluster, found it at an instance of it alone: tag "films"',
        'old: expected the engine "aurora-postgresql", found "aurora-mysql": it is not drilled',
        "songs: expected a recovery point in AWS Backup, found none: it is not protected",
    )


def test_clusters_that_cannot_be_listed_are_said_and_stop_no_instance() -> None:
    """Who may not call DescribeDBClusters drills instances, and is told what is left out."""
    denied = NotVerified("AccessDenied: needs rds:DescribeDBClusters")
    member = described("books-1", engine="aurora-postgresql", of="books")
    found = chosen(["arn:a"], [described("a"), member], denied, "drill", "yes")

    assert found.databases == (("instance", "a"),)
    assert found.left_out == (f"clusters: expected to list them, found {denied.reason}: none of them is drilled",)


def test_each_is_like_the_target_that_is_named() -> None:
    """For a database of its own, without the manifest of another; one that a target has already is not added again."""
    raw = with_targets(RAW, "orders", [("instance", "billing"), ("instance", "orders-prod")])

    assert raw["targets"] == {**RAW["targets"], "billing": {"instance": "billing", "vault": "vault", "rto": "30m"}}  # type: ignore[dict-item]
    assert raw["drill"] == RAW["drill"]


def test_one_of_another_kind_takes_over_no_group_and_no_class() -> None:
    """A DB parameter group is none for a cluster: it makes its own; and one that is drilled by name alone has drilled others."""
    restore = {"parameter_group": "orders", "instance_class": "db.m6g.large", "subnet_group": "drills"}
    like = {"instance": "orders", "vault": "vault", "only_by_name": True, "restore": restore}
    made = with_targets({"targets": {"orders": like}}, "orders", [("cluster", "books"), ("instance", "films")])[
        "targets"
    ]

    assert made["books"] == {
        "cluster": "books", "vault": "vault", "restore": {"subnet_group": "drills", "make_parameter_group": True}
    }  # fmt: skip
    assert made["films"] == {"instance": "films", "vault": "vault", "restore": restore}
    small = {"targets": {"orders": {**like, "restore": {"instance_class": "db.t4g.micro"}}}}
    assert with_targets(small, "orders", [("cluster", "books")])["targets"]["books"] == {
        "cluster": "books",
        "vault": "vault",
    }


def test_no_target_that_is_there_is_replaced() -> None:
    """A target may have the name of another database, and an instance that of a cluster: each is drilled, by a name of its own."""
    targets = {"orders": {"instance": "orders-prod"}, "books": {"cluster": "Books"}}
    found: list[tuple[DatabaseKind, str]] = [("cluster", "books"), ("instance", "books"), ("instance", "orders")]
    made = with_targets({"targets": targets}, "orders", found)["targets"]

    assert made == {**targets, "books-instance": {"instance": "books"}, "orders-instance": {"instance": "orders"}}


@pytest.fixture
def tagged(source: Instance, point: str) -> Iterator[Instance]:
    """The shared source, which has a recovery point, with the tag of a fleet for one test, as a cluster that has none."""
    rds, arn, tags = source.rds, source.described()["DBInstanceArn"], [{"Key": "fleet", "Value": "monthly"}]
    rds.add_tags_to_resource(ResourceName=arn, Tags=tags)
    bare = create_cluster(source.sandbox, "unprotected", Tags=tags)
    yield source
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["fleet"])
    bare.available()
    bare.remove()


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
    assert "expected protected instances or clusters with the tag fleet=yearly, found none" in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()
    assert main([*given, "--discover", "fleet=monthly"]) == 0
    said = capsys.readouterr().out
    assert "source (instance source, profile endpoint)" in said
    assert "left out: unprotected: expected a recovery point in AWS Backup, found none" in said
    assert set(tomllib.loads((tmp_path / NAME).read_text())["targets"]) == {"orders", "source"}
    found = load(tmp_path / NAME, profile=None, target="source", environment={})
    assert (found.target.instance, found.target.vault) == ("source", "main")
