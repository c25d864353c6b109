"""`drills manifest --target`: what is refused before the source is read, and what is stored of a manifest that was taken before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drills.checks import manifest
from drills.checks.content.check import Contents
from drills.checks.content.fingerprint import FAST, STABLE, STRONG, Algorithm
from drills.checks.content.large_objects import LargeObjects
from drills.checks.content.sequences import Sequences
from drills.checks.manifest import FORMAT, DatabaseManifest, Manifest
from drills.cli.main import main, parse
from drills.cli.manifest.command import algorithm_of
from drills.cli.manifest.kept import open_kept
from drills.config.load import load
from drills.config.manifests import ManifestStore
from drills.evidence.keys import generate_pem
from drills.evidence.store import FolderStore
from drills.evidence.stored.find import ManifestFinder
from tests.support.evidence import KEY, PRIVATE, PUBLIC, SIGNER
from tests.support.points import POINT

NOWHERE = "host=127.0.0.1 port=1 dbname=orders"
CONFIG = """
[targets.orders]
instance = "orders"
[targets.orders.manifests]
store = "store"
public_key = "manifests.pub.pem"
[targets.other]
instance = "other"
"""
SECRET = bytes(range(32))
assert POINT.data_time is not None
DATA = POINT.data_time


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, a store, the key that it asks for and another, and a manifest that was taken before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    (tmp_path / "store").mkdir()
    (tmp_path / "drill.toml").write_text(CONFIG)
    (tmp_path / "manifests.pub.pem").write_text(PUBLIC)
    for name, pem in (("manifests.pem", PRIVATE), ("other.pem", generate_pem())):
        (tmp_path / name).write_text(pem)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "taken.json"
    path.write_text(manifest.dump(Manifest(FORMAT, DATA, 160000, "PostgreSQL 16", {}, {}), SECRET))
    manifest.write_key(path, SECRET)
    return tmp_path


TARGET = ("--target", "orders")
SIGNED = (*TARGET, "--key", "manifests.pem")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((NOWHERE, *TARGET), 2, "--key: expected the key whose public key is manifests.pub.pem, found none"),
        ((NOWHERE, *TARGET, "--key", "other.pem"), 2, "found another"),
        ((NOWHERE, *TARGET, "--key", "absent.pem"), 2, "absent.pem: expected a signing key, found no file"),
        ((NOWHERE, "--target", "other"), 2, "targets.other.manifests: expected the store of the target, found none"),
        ((NOWHERE, "--target", "nobody"), 2, '--target: expected the name of a target, found "nobody"'),
        ((NOWHERE, *SIGNED, "--store", "absent"), 2, "expected the folder of a store, found none: make or mount it"),
        ((NOWHERE, *SIGNED, "--store", "https://x/y"), 2, "--store: expected a folder, or a bucket and a prefix"),
        ((NOWHERE, *SIGNED, "--store", "s3://bucket/x"), 2, "expected the address of a sandbox on this machine"),
        ((NOWHERE, "--store", "store"), 2, "--store: expected --target NAME beside it, found none"),
        ((NOWHERE, "--point", "arn:x"), 2, "--point: expected --target NAME beside it, found none"),
        ((NOWHERE, *SIGNED, "--point", "nonsense"), 2, "--point: expected the ARN of a recovery point"),
        ((NOWHERE, "--json"), 2, "--json: expected --target NAME beside it, found none"),
        (("--from", "taken.json"), 2, "--from: expected --target NAME beside it, found none"),
        ((NOWHERE, "--from", "taken.json", *SIGNED), 2, "expected DSN, or --from FILE in place of it, found both"),
        (SIGNED, 2, "expected DSN, or --from FILE in place of it, found none"),
        (("--from", "absent.json", *SIGNED), 2, "--from: expected a manifest, found absent.json: No such file"),
        ((NOWHERE, *SIGNED), 12, "expected to connect to the DSN's database"),
    ],
)
def test_what_a_drill_would_refuse_is_refused_before_the_source_is_read(
    folder: Path, arguments: tuple[str, ...], code: int, sentence: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """One sentence, nothing in the store; only where all of it is right the source is asked."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    assert main(["manifest", *arguments]) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert list((folder / "store").iterdir()) == []


def stored(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The facts of a manifest that was stored."""
    assert main(["manifest", "--from", "taken.json", *arguments, "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_what_the_manifest_lacks_is_in_its_facts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json has each table that could not be read, and why, by its database."""
    unread = {"public.t": "needs SELECT on public.t"}
    one = DatabaseManifest({}, Sequences(), Contents(FAST, unreadable=unread), LargeObjects(), None)
    taken = Manifest(FORMAT, DATA, 160000, "PostgreSQL 16", {}, {"orders": one})
    (folder / "taken.json").write_text(manifest.dump(taken, SECRET))

    assert stored(SIGNED, capsys)["unread"] == {"orders": unread}


def test_one_that_was_taken_before_is_stored_under_its_point_and_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its key apart and its own instant, signed; a second one of the point is refused."""
    facts = stored((*SIGNED, "--point", POINT.arn), capsys)
    store = FolderStore(folder / "store")
    run = folder / "run"
    run.mkdir()
    found = ManifestFinder(store, "orders", ManifestStore(store="store"), KEY, run)(POINT)

    assert (facts["target"], facts["point"], facts["signed_by"]) == ("orders", POINT.arn, SIGNER.fingerprint)
    assert Path(facts["key"]).read_text() == f"{SECRET.hex()}\n"
    assert Path(facts["entry"]).parts[-3:-1] == ("orders", "points")
    assert (found.seen.strength, found.seen.problem, found.key) == ("at backup", "", SECRET)
    other = Manifest(FORMAT, DATA, 170000, "PostgreSQL 17", {}, {})
    (folder / "taken.json").write_text(manifest.dump(other, SECRET))
    assert main(["manifest", "--from", "taken.json", *SIGNED, "--point", POINT.arn]) == 12
    assert "nothing is written over" in capsys.readouterr().err


def test_without_a_key_that_is_asked_for_it_is_stored_and_said_to_be_unsigned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever can write to the store can then edit it."""
    assert main(["manifest", "--from", "taken.json", "--target", "other", "--store", "store"]) == 0
    assert "not signed: whoever can write there can edit it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "configured", "algorithm"),
    [
        (SIGNED, "", FAST),
        (SIGNED, "strength = 128", STRONG),
        ((*SIGNED, "--strength", "64"), "strength = 128", FAST),
        ((*SIGNED, "--portable"), "strength = 128", STABLE),
        (("--strength", "128"), "", STRONG),
        ((), "strength = 128", FAST),
    ],
)
def test_the_command_line_says_how_rows_are_hashed_and_else_the_target(
    folder: Path, arguments: tuple[str, ...], configured: str, algorithm: Algorithm
) -> None:
    """A portable manifest has a method of its own; without a target drill.toml is not asked."""
    (folder / "drill.toml").write_text(CONFIG.replace('store = "store"', f'store = "store"\n{configured}'))
    options = parse(["manifest", NOWHERE, *arguments])

    assert algorithm_of(options, open_kept(options)) == algorithm


def test_a_file_and_a_store_are_two_expectations(folder: Path) -> None:
    """A target that names both is refused: which of them a copy is compared with would be a guess."""
    (folder / "drill.toml").write_text(
        CONFIG.replace('instance = "orders"', 'instance = "orders"\nmanifest = "taken.json"')
    )

    with pytest.raises(Exception, match="expected manifest or manifests, found both"):
        load(None, profile=None, target="orders", environment={})
