"""Sealed manifests: one that was edited, or that nobody signed, is compared with nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drills.checks import manifest
from drills.checks.manifest import FORMAT, Manifest, dump
from drills.cli import cutover
from drills.cli.main import main
from drills.cli.restore import one as restore
from drills.cli.validate import one as validate
from drills.clock import SystemClock
from drills.config.load import load
from drills.errors import ConfigError
from drills.evidence.manifests import sign_manifest, signature_path
from drills.model.record import RunRecord
from drills.record import Journal
from drills.recovery import validation
from tests.support.clock import NOON
from tests.support.evidence import OTHER, PRIVATE, PUBLIC, SIGNER

NOWHERE = "host=127.0.0.1 port=1 dbname=orders"
CONFIG = """
[evidence]
public_key = "drill.pub.pem"
[profiles.aws]
accounts = ["123456789012"]
regions = ["eu-central-1"]
[targets.orders]
vault = "drills-vault"
manifest = "orders.json"
"""


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest that is signed, and a configuration that demands it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    path = tmp_path / "orders.json"
    path.write_text(dump(Manifest(FORMAT, SystemClock().now(), 150000, "PostgreSQL 15", {}, {})))
    sign_manifest(path, path.read_bytes(), SIGNER)
    (tmp_path / "drill.pub.pem").write_text(PUBLIC)
    (tmp_path / "drill.toml").write_text(CONFIG)
    return path


def edit(path: Path) -> None:
    """Another manifest, whole in itself, takes the place of the one that was signed."""
    path.write_text(dump(Manifest(FORMAT, SystemClock().now(), 160000, "PostgreSQL 16", {}, {})))


def sign_again(path: Path) -> None:
    """The edited one is signed with a key of the editor's."""
    edit(path)
    sign_manifest(path, path.read_bytes(), OTHER)


TAMPERING: list[tuple[Callable[[Path], None], str]] = [
    (edit, "found one that does not fit: it was edited, or another key signed it"),
    (sign_again, "found one that does not fit"),
    (lambda path: signature_path(path).unlink(), "found none in orders.json.sig"),
]
IDS = ["edited", "signed by another", "unsigned"]


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERING, ids=IDS)
def test_by_hand_such_a_manifest_is_refused(
    stored: Path, tamper: Callable[[Path], None], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """12 before any server is asked, although each of these is whole by its own digest."""
    tamper(stored)

    assert main(["verify", NOWHERE, "--against", "orders.json", "--public-key", "drill.pub.pem"]) == 12
    said = capsys.readouterr().err
    assert f"orders.json: expected a signature by drill.pub.pem, {sentence}" in said
    assert "drills manifest --key" in said


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERING, ids=IDS)
def test_a_run_is_refused_before_anything_is_restored(
    stored: Path, tamper: Callable[[Path], None], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where [evidence] has a public key, the target's stored manifest has to be signed by it."""
    tamper(stored)

    assert main(["run", "--profile", "aws"]) == 12
    said = capsys.readouterr().err
    assert "expected a signature by drill.pub.pem" in said
    assert not (stored.parent / "reports").exists()


def test_a_manifest_that_is_signed_goes_on_to_the_server(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing whole is accused: what fails then is the connection."""
    assert main(["verify", NOWHERE, "--against", "orders.json", "--public-key", "drill.pub.pem"]) == 12
    said = capsys.readouterr().err
    assert "signature" not in said
    assert "is not authenticated" not in said  # which is about the HMAC, and a signature is worth more


def test_a_signature_needs_a_file_to_lie_beside(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is not signed, and that is said before the source is read."""
    (stored.parent / "drill.pem").write_text(PRIVATE)

    assert main(["manifest", NOWHERE, "--key", "drill.pem"]) == 2
    assert "--key: expected --output FILE beside it" in capsys.readouterr().err


def forge(path: Path, form: int) -> str:
    """A manifest is taken with its key; another one, whole in itself and of that format, takes its place without an HMAC."""
    whole = Manifest(FORMAT, SystemClock().now(), 150000, "PostgreSQL 15", {}, {})
    path.write_text(dump(whole, manifest.write_key(path)))
    path.write_text(dump(dataclasses.replace(whole, format=form)))
    return f"{path.name} has no HMAC, and a key lies beside it: it was edited"


@pytest.mark.parametrize("form", [FORMAT, 4])
def test_a_manifest_that_its_key_did_not_write_is_refused_wherever_one_is_named(
    stored: Path, form: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 before a run, a validation or a cut-over begins; a restore goes on, and says that it compares nothing."""
    (stored.parent / "drill.toml").write_text(CONFIG.replace('public_key = "drill.pub.pem"', ""))
    sentence = forge(stored, form)
    config = load(Path("drill.toml"), profile="aws", target="orders", environment={})
    reached: Any = SimpleNamespace(config=config)
    journal = Journal.create(stored.parent, RunRecord(1, "20260101-120000-abcd", "aws", False, NOON, "0"), origin=0.0)
    setup: Any = SimpleNamespace(target=config.target, journal=journal)
    monkeypatch.setattr(validation, "check_job", lambda _: None)
    monkeypatch.setattr(cutover, "open_cutover_session", lambda _: SimpleNamespace(config=config))

    assert main(["run", "--profile", "aws"]) == 2
    for action in ("plan", "run"):
        assert main(["cutover", action]) == 2
    assert capsys.readouterr().err.count(sentence) == 3
    with pytest.raises(ConfigError, match=sentence):
        validate.validate(reached, SimpleNamespace(has_result=False))  # type: ignore[arg-type]
    assert not (stored.parent / "reports").exists()
    assert restore._expected(setup, config) == (None, None)
    assert sentence in journal.record.notes[-1]
    assert "cannot be used, so that nothing is compared with it" in journal.record.notes[-1]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("absent.pem", "absent.pem: expected a signing key, found no file"),
        ("env:lower", "and never the key itself"),
        ("arn:aws:kms:eu-central-1:123456789012:alias/drill", "an alias can be moved"),
        (PRIVATE, "and never the key itself"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_before_the_source_is_read(
    stored: Path, key: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a key that was given in place of its name is not repeated."""
    assert main(["manifest", NOWHERE, "-o", "new.json", "--key", key]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert PRIVATE.splitlines()[1] not in said
