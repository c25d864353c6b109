"""Manifests in a store: which one a recovery point is compared with, and that none takes the place of one that was edited."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks import manifest
from drills.checks.content.check import Contents
from drills.checks.content.fingerprint import FAST
from drills.checks.content.large_objects import LargeObjects
from drills.checks.content.sequences import Sequences
from drills.checks.manifest import FORMAT, DatabaseManifest, Manifest
from drills.config.manifests import ManifestStore
from drills.errors import DrillError
from drills.evidence.keys import Signer
from drills.evidence.store import FolderStore
from drills.evidence.stored.about import folder_of, is_point, name_of_point, name_of_time, time_of
from drills.evidence.stored.find import ManifestFinder
from drills.evidence.stored.keep import keep_manifest
from drills.recovery.manifest.expected import Expected, judge
from drills.run.context import STORED_NAME
from tests.support.between import at_every_step
from tests.support.clock import NOON
from tests.support.evidence import KEY, OTHER, PUBLIC, SIGNER
from tests.support.points import POINT

assert POINT.data_time is not None
DATA: datetime = POINT.data_time
SECRET = bytes(range(32))
ID = name_of_point(POINT.arn)


class Shop:
    """A target with a store in a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.run = root / "store", root / "run"
        self.root.mkdir()
        self.run.mkdir()
        self.store = FolderStore(self.root)
        self.wanted = ManifestStore(store=str(self.root))

    def take(self, before: timedelta, *, target: str = "orders", point: str = "", signer: Signer | None = SIGNER,
             key: bytes | None = SECRET, **more: Any) -> Path:  # fmt: skip
        """Keep a manifest that was taken so long before the point's data; return its folder."""
        one = DatabaseManifest({}, Sequences(), Contents(FAST), LargeObjects(), None, held_seconds=0.0)
        taken = Manifest(FORMAT, DATA - before, 160000, "PostgreSQL 16", {}, {"orders": one}, **more)
        data = manifest.dump(taken, key).encode()
        place = keep_manifest(self.store, data, taken.taken_at, target=target, point=point, key=key, signer=signer)
        return Path(place.entry)

    def find(self, **changes: Any) -> Expected:
        """What the store has for the point."""
        wanted = self.wanted.model_copy(update=changes)
        return ManifestFinder(self.store, "orders", wanted, KEY, self.run)(POINT)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """An empty store."""
    return Shop(tmp_path)


HOUR = timedelta(hours=1)


def test_the_one_under_the_points_id_goes_before_a_newer_one(shop: Shop) -> None:
    """It is of the backup, where its instant is not more than a minute before the data and it was read of the source itself."""
    shop.take(timedelta(seconds=1))
    entry = shop.take(timedelta(seconds=40), point=POINT.arn)
    found = shop.find()

    assert (found.seen.strength, found.seen.place, found.seen.of_point) == ("at backup", str(entry), True)
    assert (found.key, found.seen.signer) == (SECRET, SIGNER.fingerprint)
    assert found.manifest is not None
    assert judge(found.seen, POINT, shop.wanted).outcome == "met"


def test_without_one_the_newest_from_before_the_data_is_taken(shop: Shop) -> None:
    """Whatever is newer than the data says nothing about them, and the one that was taken names how old it is."""
    shop.take(-HOUR)
    shop.take(5 * HOUR)
    entry = shop.take(3 * HOUR)
    found = shop.find()

    assert (found.seen.strength, found.seen.place) == ("stored", str(entry))
    assert (
        "a manifest (stored), taken 3 h before the recovery point's data"
        in judge(found.seen, POINT, shop.wanted).sentence
    )


@pytest.mark.parametrize(
    ("before", "more"),
    [(timedelta(minutes=2), {}), (timedelta(seconds=5), {"replica": True})],
    ids=["long before", "of a replica"],
)
def test_one_under_the_id_that_is_not_of_the_same_minute_is_worth_what_any_stored_one_is(
    shop: Shop, before: timedelta, more: dict[str, Any]
) -> None:
    """Nobody is accused of what was written meanwhile, or had not reached the replica."""
    shop.take(before, point=POINT.arn, **more)

    assert shop.find().seen.strength == "stored"


def test_what_it_was_compared_with_is_a_part_of_the_runs_evidence(shop: Shop) -> None:
    """With what is signed about it, which openssl and sha256sum check without this project."""
    entry = shop.take(HOUR)
    shop.find()
    raw = shop.run / "raw/manifest"
    (shop.run / "pub.pem").write_text(PUBLIC)
    command = ["openssl", "dgst", "-sha256", "-verify", "pub.pem", "-signature", "raw/manifest/about.json.sig"]
    checked = subprocess.run([*command, "raw/manifest/about.json"], cwd=shop.run, capture_output=True, text=True)
    digest = subprocess.run(["sha256sum", STORED_NAME], cwd=shop.run, capture_output=True, text=True).stdout[:64]

    assert (shop.run / STORED_NAME).read_bytes() == (entry / "manifest.json").read_bytes()
    assert checked.stdout == "Verified OK\n"
    assert json.loads((raw / "about.json").read_text())["sha256"] == digest


# -- what is never taken, and never replaced by a weaker one --------------------------------------------------------------


def edit(shop: Shop, entry: Path) -> None:
    """Another manifest, whole in itself, takes its place."""
    other = shop.take(HOUR, target="elsewhere")
    shutil.copyfile(other / "manifest.json", entry / "manifest.json")


def edit_about(shop: Shop, entry: Path) -> None:
    """The digest is made to fit the edited manifest."""
    edit(shop, entry)
    shutil.copyfile(shop.root / "elsewhere/times" / _only(shop, "elsewhere") / "about.json", entry / "about.json")


def copy_of_another_target(shop: Shop, entry: Path) -> None:
    """One of another target, signed by the right key, is put in its place whole."""
    other = shop.root / "elsewhere/times"
    shop.take(HOUR, target="elsewhere")
    shutil.rmtree(entry)
    shutil.copytree(other / _only(shop, "elsewhere"), entry)


def older_under_its_name(shop: Shop, entry: Path) -> None:
    """An older one of the same target, signed by the right key, is put under its name."""
    older = shop.take(9 * HOUR)
    shutil.rmtree(entry)
    shutil.copytree(older, entry)


def _only(shop: Shop, target: str) -> str:
    (name,) = [each.name for each in (shop.root / target / "times").iterdir()]
    return name


def sign_again(shop: Shop, entry: Path) -> None:
    """The same about.json, signed by a key of the editor's."""
    (entry / "about.json.sig").write_bytes(OTHER.sign((entry / "about.json").read_bytes()))


def other_key(shop: Shop, entry: Path) -> None:
    """The key of its digests is another manifest's."""
    (shop.root / "orders/keys" / f"{entry.name}.key").write_text("00" * 32)


TAMPERING: dict[str, tuple[Callable[[Shop, Path], object], str]] = {
    "edited": (edit, "expected the manifest.json that about.json is of, found another: it was edited"),
    "edited with its digest": (edit_about, "found one that does not fit: it was edited, or another key signed it"),
    "another target's": (copy_of_another_target, 'it is of another target: expected "orders", found "elsewhere"'),
    "an older one": (older_under_its_name, "which its name does not say: it was put there from elsewhere"),
    "signed by another": (sign_again, "found one that does not fit"),
    "unsigned": (
        lambda shop, entry: (entry / "about.json.sig").unlink(),
        "expected a signature by drill.pub.pem, found none",
    ),
    "half gone": (lambda shop, entry: (entry / "manifest.json").unlink(), "found none: it was edited"),
    "with another key": (other_key, "does not fit the key beside it"),
    "no JSON": (lambda shop, entry: (entry / "about.json").write_text("{"), "found one that does not fit"),
}


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERING.values(), ids=TAMPERING)
def test_one_that_was_tampered_with_is_not_used_and_no_older_one_instead(
    shop: Shop, tamper: Callable[[Shop, Path], object], sentence: str
) -> None:
    """The verdict is not verified, with what was found and where, although a whole one lies beside it."""
    shop.take(8 * HOUR)
    entry = shop.take(3 * HOUR)
    tamper(shop, entry)
    found = shop.find()
    verdict = judge(found.seen, POINT, shop.wanted)

    assert (found.manifest, found.key, found.seen.strength) == (None, None, "none")
    assert (verdict.outcome, verdict.requirement, verdict.exit_code) == ("not verified", "required", 12)
    assert sentence in verdict.sentence
    assert str(entry) in verdict.sentence
    assert not (shop.run / STORED_NAME).exists()


def test_a_manifest_of_another_point_under_this_id_is_not_used(shop: Shop) -> None:
    """What is signed names the point that it is of."""
    other = shop.take(timedelta(seconds=5), point=POINT.arn + "-2")
    shutil.copytree(other, shop.root / "orders/points" / ID)

    assert "it is of another recovery point" in shop.find().seen.problem


def test_one_under_the_id_that_is_newer_than_the_data_is_not_used(shop: Shop) -> None:
    """It was taken after the backup, and holds what the backup cannot."""
    shop.take(-timedelta(seconds=1), point=POINT.arn)

    assert "it is newer than the data of the recovery point" in shop.find().seen.problem


@pytest.mark.parametrize(
    ("taken", "sentence"),
    [
        ([], "expected a manifest of the target, found none: drills manifest --target stores one"),
        ([-HOUR, -2 * HOUR], "found 2 that are newer: take one before each backup"),
        ([timedelta(days=8)], "was taken 8 d before them, more than manifests.max_age (7d)"),
    ],
    ids=["none", "newer", "too old"],
)
def test_none_that_fits_is_said_with_the_reason(shop: Shop, taken: list[timedelta], sentence: str) -> None:
    """And is not verified, which keeps a run from passing."""
    for before in taken:
        shop.take(before)

    assert sentence in shop.find().seen.problem


def test_one_that_was_not_stored_to_its_end_is_passed_over_and_counted(shop: Shop) -> None:
    """about.json is written last: a job that was killed before leaves what nobody can use, and what came before it counts."""
    entry = shop.take(5 * HOUR)
    (shop.take(3 * HOUR) / "about.json").unlink()
    found = shop.find()

    assert found.seen.place == str(entry)
    assert "1 that was not stored to its end was passed over" in judge(found.seen, POINT, shop.wanted).sentence


def test_without_its_key_it_is_used_and_that_is_said(shop: Shop) -> None:
    """What could be a secret is then listed as not compared by the checks."""
    shop.take(HOUR)
    shutil.rmtree(shop.root / "orders/keys")
    found = shop.find()

    assert (found.key, found.manifest is not None) == (None, True)
    assert (
        "its key is not there: what could be a secret is not compared" in judge(found.seen, POINT, shop.wanted).sentence
    )


def test_a_weaker_one_than_the_owner_demands_is_not_verified(shop: Shop) -> None:
    """Though the copy is compared with it."""
    shop.take(timedelta(seconds=30))
    found = shop.find(weakest="at backup")
    verdict = judge(found.seen, POINT, shop.wanted.model_copy(update={"weakest": "at backup"}))

    assert found.manifest is not None
    assert verdict.outcome == "not verified"
    assert "expected a manifest taken at the backup" in verdict.sentence


def test_a_point_whose_data_nobody_dates_is_compared_with_nothing(shop: Shop) -> None:
    """Nobody knows whether a manifest is older."""
    shop.take(HOUR)
    undated = dataclasses.replace(POINT, data_time=None)

    assert "it is not known" in ManifestFinder(shop.store, "orders", shop.wanted, KEY, shop.run)(undated).seen.problem


# -- keeping ------------------------------------------------------------------------------------------------------------


def test_in_a_folder_its_key_is_for_its_owner_alone(shop: Shop) -> None:
    """Whoever else may read the manifest: with both, what is digested can be guessed."""
    entry = shop.take(HOUR)
    key = shop.root / "orders/keys" / f"{entry.name}.key"

    assert key.stat().st_mode & 0o777 == 0o600
    assert (entry / "manifest.json").stat().st_mode & 0o044


def test_a_point_has_one_manifest(shop: Shop) -> None:
    """Another one is refused and changes nothing; the same one, of a job that was interrupted, is kept to its end."""
    entry = shop.take(timedelta(seconds=5), point=POINT.arn)
    (entry / "about.json").unlink()
    assert shop.take(timedelta(seconds=5), point=POINT.arn) == entry
    before = {path: path.read_bytes() for path in entry.iterdir()}

    with pytest.raises(DrillError, match="nothing is written over") as refused:
        shop.take(timedelta(seconds=4), point=POINT.arn)
    assert refused.value.exit_code == 12
    assert {path: path.read_bytes() for path in entry.iterdir()} == before
    assert len(before) == 3


@given(st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)))
def test_a_name_says_its_second(at: datetime) -> None:
    """Whatever the fraction is."""
    taken = at.replace(tzinfo=NOON.tzinfo)

    assert time_of(name_of_time(taken, "0a1b2c3d")) == taken.replace(microsecond=0)


@given(st.text(min_size=1))
def test_no_target_leads_out_of_the_store(target: str) -> None:
    """And no two targets have one folder."""
    name = folder_of(target.replace("\ud800", "x") if target.isprintable() else "orders")

    assert name not in (".", "..", "")
    assert "/" not in name


@pytest.mark.parametrize("name", ["", "20261129T031502Z", "20261399T031502Z-0a1b2c3d", "20261129T031502Z-0a1b2c3d.key"])
def test_another_name_is_no_entry(name: str) -> None:
    """What somebody put there besides is passed over."""
    assert time_of(name) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (POINT.arn, True),
        ("arn:aws:rds:eu-central-1:123456789012:snapshot:rds:orders-2026-11-29-03-10", True),
        ("arn:aws-us-gov:rds:us-gov-west-1:123456789012:snapshot:before-release", True),
        ("arn:aws:backup:eu-central-1:123456789012:recovery-point:1EB3B5E7-9EB0-435A-A80B-108B488B0D45", True),
        ("arn:aws:backup:eu-central-1:123456789012:recovery-point:continuous:db-a-1b2c", True),
        ("nonsense", False),
        ("before-release", False),
        ("arn:aws:rds:...:snapshot:awsbackup:job-...", False),
        ("arn:aws:rds:eu-central-1:123456789012:snapshot:", False),
        ("arn:aws:rds:eu-central-1:123456789012:db:orders", False),
        ("arn:aws:rds:eu-central-1:123456789012:auto-backup:ab-1b2c", False),
        (f" {POINT.arn}", False),
        (f"{POINT.arn}\n", False),
    ],
)
def test_a_recovery_point_is_known_by_its_arn(text: str, found: bool) -> None:
    """What a drill looks up: the ARN of a snapshot or of a recovery point, whole; no id alone, and nothing of an instance."""
    assert is_point(text) == found


def test_a_manifest_that_is_kept_twice_at_once_is_kept_once(tmp_path: Path) -> None:
    """No two signatures are alike: whoever is later leaves the one that is there."""
    counted = itertools.count()

    def shop() -> Shop:
        root = tmp_path / str(next(counted))
        root.mkdir()
        return Shop(root)

    def take(shop: Shop) -> Path:
        return shop.take(HOUR, point=POINT.arn)

    for step, shop_, mine, other in at_every_step(shop, lambda shop: shop.root, take, take):
        assert mine == other, step
        assert shop_.find().seen.strength != "none", step
