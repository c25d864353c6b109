"""`drills evidence review`: what a person decided, about which bundle, and what nobody has mended yet."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drills.cli.main import main
from drills.evidence.folder import read_chain, verify_chain
from drills.evidence.keys import generate_pem, load_public_key
from drills.evidence.review import ReviewRecord, findings_of
from tests.support.evidence import PRIVATE, PUBLIC
from tests.support.example_record import failing_drill
from tests.support.ledger import CHAIN, kept

KEY = load_public_key(PUBLIC.encode(), "drill.pub.pem")
FAILED = dataclasses.replace(failing_drill(), profile="sandbox", simulated=True)
FINDINGS = findings_of(FAILED)


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chain with a run that failed and one that passed after it."""
    (tmp_path / "drill.toml").write_text('[profiles.aws]\nregions = ["eu-central-1"]\n[targets.orders]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", PRIVATE)
    folder = tmp_path / "reports/evidence" / CHAIN
    kept(folder, "a", record=FAILED)
    kept(folder, "b")
    return folder


def review(folder: Path, *options: str, key: str = "env:KEY") -> int:
    """The exit code of a review by one person."""
    said = ("--verdict", "accepted", "--name", "A. Weber", "--role", "head of operations", "--key", key)
    return main(["evidence", "review", str(folder), *said, *options])


def reviews(chain: Path) -> list[ReviewRecord]:
    """The reviews of the chain."""
    return [each.record for each in read_chain(chain)[0].reviews]


def test_a_review_names_the_bundle_that_it_is_about(chain: Path) -> None:
    """The newest one of a chain, by the digest of its list, signed; the chain verifies with it."""
    assert review(chain) == 0
    (found,) = reviews(chain)

    assert (found.name, found.run_id, found.verdict, found.reviewer) == ("0002-review-1", "b", "accepted", "A. Weber")
    assert found.bundle == read_chain(chain)[0].bundles[-1].digest
    assert verify_chain(chain, KEY) == ()


def test_each_finding_has_its_corrective_action(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What has none is listed, until a later review has it."""
    first, *rest = FINDINGS
    correction = ("--finding", first, "--action", "mended", "--ticket", "OPS-1", "--retest", "b")
    assert review(chain / "0001-a", *correction) == 0
    assert [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()[1:]] == rest
    others = [word for each in rest for word in ("--finding", each, "--action", "mended")]
    assert review(chain / "0001-a", *others) == 0

    one, two = reviews(chain)
    assert (one.corrections[0].ticket, one.corrections[0].retest, one.not_corrected) == ("OPS-1", "b", tuple(rest))
    assert (two.number, two.not_corrected) == (2, ())
    assert verify_chain(chain, KEY) == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--finding", "nothing", "--action", "x"), "expected a finding of 0001-a, found nothing; there are"),
        (("--finding", FINDINGS[0]), "expected --action behind it"),
        (
            ("--finding", FINDINGS[0], "--action", "x", "--retest", "a"),
            "expected a later sealed run of the chain, found a",
        ),
    ],
)
def test_a_correction_is_of_this_bundle(
    chain: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], sentence: str
) -> None:
    """Its finding stands in the record, and what tested it again came later; else nothing is written."""
    assert review(chain / "0001-a", *options) == 2
    assert sentence in capsys.readouterr().err
    assert reviews(chain) == []


def test_nobody_puts_a_name_below_what_does_not_verify(chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that was changed, or that another key signed, gets no review: 11."""
    monkeypatch.setenv("OTHER", generate_pem())
    assert review(chain, key="env:OTHER") == 11
    (chain / "0002-b" / "summary.md").write_text("better")
    assert review(chain) == 11
    assert reviews(chain) == []


def test_what_is_no_bundle_of_a_chain_is_refused(chain: Path, tmp_path: Path) -> None:
    """2, and what to name."""
    assert review(tmp_path) == 2


def test_a_signed_run_is_reviewed_with_a_key(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A review that is not signed would leave the chain unverified: nothing is written, and the option is named."""
    said = ("--verdict", "accepted", "--name", "A. Weber", "--role", "owner")

    assert main(["evidence", "review", str(chain), *said]) == 2
    assert "--key" in capsys.readouterr().err
    assert verify_chain(chain, KEY) == ()


@pytest.mark.parametrize("option", ["--role", "--plan-version"])
def test_a_review_is_text(chain: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes that are no text could not be read back, so that they are refused before anything is written."""
    assert review(chain, option, "bad\udcff") == 2
    assert f"{option}: expected text in UTF-8" in capsys.readouterr().err
    assert reviews(chain) == []
