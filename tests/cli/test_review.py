"""`drills evidence review`: what a person decided, about which bundle, and what nobody has mended yet."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from drills.cli.main import main
from drills.evidence.chain_check import verify_chain
from drills.evidence.check import check_stamp
from drills.evidence.folder import read_chain
from drills.evidence.keys import generate_pem, read_signer
from drills.evidence.numbers import SharedChain
from drills.evidence.review import ReviewRecord, findings_of, why_no_retest
from drills.evidence.seal import Seal
from drills.evidence.store import FolderStore
from drills.model.record import Failure, RunRecord
from tests.support.between import at_every_step
from tests.support.evidence import KEY, PRIVATE, PUBLIC
from tests.support.example_record import failing_drill, green_drill
from tests.support.ledger import CHAIN, kept
from tests.support.plain import verify_by_hand
from tests.support.tsa import Authority, tsa

__all__ = ["tsa"]

OTHER_PRIVATE = generate_pem()
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
    assert [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()[2:]] == rest
    others = [word for each in rest for word in ("--finding", each, "--action", "mended")]
    assert review(chain / "0001-a", *others) == 0

    one, two = reviews(chain)
    assert (one.corrections[0].ticket, one.corrections[0].retest, one.not_corrected) == ("OPS-1", "b", tuple(rest))
    assert (two.number, two.not_corrected) == (2, ())
    assert verify_chain(chain, KEY) == ()


@pytest.fixture
def store(chain: Path) -> Path:
    """The folder of a store that keeps what is written of the chain."""
    folder = chain.parents[2] / "store"
    folder.mkdir()
    (chain.parents[2] / "drill.toml").write_text(f'[targets.orders]\n[evidence]\nstore = "{folder}"\n')
    return folder


def test_two_who_review_on_two_machines_write_two_reviews(
    chain: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The store has the number of who was first; the other writes nothing, fetches that one, and has the next number."""
    other = Path(shutil.copytree(chain, tmp_path / "other" / CHAIN))
    assert review(chain) == 0
    assert review(other) == 12
    assert f"{store} has another one of that name: fetch it" in capsys.readouterr().err
    assert reviews(other) == []

    SharedChain(FolderStore(store), CHAIN).fetch(other.parent)
    assert review(other) == 0
    assert [each.number for each in reviews(other)] == [1, 2]
    assert verify_chain(other, KEY) == ()
    SharedChain(FolderStore(store), CHAIN).fetch(chain.parent)
    assert verify_chain(chain, KEY) == ()
    assert len(reviews(chain)) == 2


def test_a_review_is_in_no_store_without_its_signature(chain: Path, store: Path) -> None:
    """Whoever reads the store while it is written finds both, or none, or a signature that waits."""

    def unsigned(_: Path) -> list[Path]:
        found = (store / CHAIN / "reviews").glob("*.json")
        return [path for path in found if not path.name.startswith(".") and not Path(f"{path}.sig").exists()]

    for step, _, code, found in at_every_step(lambda: store, lambda store: store, lambda _: review(chain), unsigned):
        assert (code, found) == (0, []), step
    assert len(reviews(chain)) > 3


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


ABORTED = dataclasses.replace(FAILED, code=12, all_codes=(12,), interrupted_by="SIGTERM", aborted_in="restore")


def test_what_is_reviewed_is_said(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run, its number, when it began and what became of it."""
    assert (review(chain), review(chain / "0001-a")) == (0, 0)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("reviewed: ")]
    assert said == [
        "reviewed: run b, number 2, begun 2026-11-23 12:00:00 UTC: passed",
        "reviewed: run a, number 1, begun 2026-11-23 12:00:00 UTC: verification failed",
    ]


@pytest.mark.parametrize(
    ("record", "became"),
    [
        (ABORTED, "aborted in phase restore: interrupted by SIGTERM"),
        (FAILED, "verification failed"),
        (dataclasses.replace(FAILED, code=12, all_codes=(12,)), "could not run"),
        (dataclasses.replace(green_drill(), profile="sandbox", simulated=True, partial=True), "passed, counts nowhere"),
    ],
)
def test_a_run_that_did_not_pass_is_accepted_by_its_name_alone(
    chain: Path, capsys: pytest.CaptureFixture[str], record: RunRecord, became: str
) -> None:
    """As the newest of its chain it is refused, with what to type; it can be rejected so."""
    kept(chain, "c", record=record)
    assert review(chain) == 2
    said = capsys.readouterr().err
    assert (became in said, f"{chain / '0003-c'}, in the place of the chain" in said) == (True, True)
    assert reviews(chain) == []
    assert (review(chain / "0003-c"), review(chain, "--verdict", "rejected")) == (0, 0)
    assert [each.verdict for each in reviews(chain)] == ["accepted", "rejected"]


@pytest.mark.parametrize(
    ("record", "finding", "why"),
    [
        (ABORTED, FINDINGS[0], "it came to no verdict: aborted in phase restore"),
        (dataclasses.replace(green_drill(), code=12, all_codes=(12,)), FINDINGS[0], "no verdict: could not run"),
        (FAILED, FINDINGS[0], "catalog: missed"),
        (FAILED, "rto", "rto: missed"),
        (dataclasses.replace(green_drill(), verdicts=()), "rto", "rto: not judged"),
    ],
)
def test_a_retest_is_a_run_that_passed_what_had_failed(
    chain: Path, capsys: pytest.CaptureFixture[str], record: RunRecord, finding: str, why: str
) -> None:
    """One that was aborted, or failed the same check or objective, shows nothing and is refused."""
    kept(chain, "c", record=dataclasses.replace(record, profile="sandbox", simulated=True))
    assert review(chain / "0001-a", "--finding", finding, "--action", "mended", "--retest", "c") == 2
    assert why in capsys.readouterr().err
    assert review(chain / "0001-a", "--finding", finding, "--action", "mended", "--retest", "b") == 0


def test_a_retest_of_a_phase_that_failed_got_past_it() -> None:
    """The phase ended in it, without a failure."""
    failed = dataclasses.replace(FAILED, failures=(Failure("AWS refused", 12, "restore"),))
    assert why_no_retest("restore", failed, green_drill()) == ""
    again = dataclasses.replace(green_drill(), failures=(Failure("AWS refused again", 12, "restore"),))
    assert why_no_retest("restore", failed, again) == "AWS refused again"
    assert "no phase" in why_no_retest("restore", failed, dataclasses.replace(green_drill(), phases=()))


def test_a_retest_that_was_changed_is_none(chain: Path) -> None:
    """It is verified as the reviewed bundle is: 11."""
    (chain / "0002-b" / "summary.md").write_text("better")
    assert review(chain / "0001-a", "--finding", FINDINGS[0], "--action", "mended", "--retest", "b") == 11


def test_nobody_puts_a_name_below_what_does_not_verify(chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that was changed, or that another key signed, gets no review: 11."""
    monkeypatch.setenv("OTHER", generate_pem())
    assert review(chain, key="env:OTHER") == 11
    (chain / "0002-b" / "summary.md").write_text("better")
    assert review(chain) == 11
    assert reviews(chain) == []


def test_a_reviewer_may_sign_with_a_key_of_their_own(
    chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bundle is verified with the chain's public key, and a reader takes the reviewer's only where it is given."""
    monkeypatch.setenv("OTHER", OTHER_PRIVATE)
    own = ("--verdict", "accepted", "--name", "A. Weber", "--role", "auditor", "--reviewer-key", "env:OTHER")
    assert main(["evidence", "review", str(chain), *own]) == 2
    assert "name it with --public-key" in capsys.readouterr().err
    Path("drill.pub.pem").write_text(PUBLIC)
    Path("weber.pub.pem").write_text(read_signer("env:OTHER", {"OTHER": OTHER_PRIVATE}).public_pem)
    assert main(["evidence", "review", str(chain), *own, "--public-key", "drill.pub.pem"]) == 0
    assert "drills evidence verify --reviewer-key" in capsys.readouterr().out

    given = ["evidence", "verify", str(chain), "--key", "drill.pub.pem"]
    capsys.readouterr()
    assert main(given) == 11
    assert "give the public key that you have from that reviewer with --reviewer-key" in capsys.readouterr().out
    assert main([*given, "--reviewer-key", "weber.pub.pem"]) == 0
    assert main(["evidence", "verify", str(chain), "--unsigned", "--reviewer-key", "weber.pub.pem"]) == 2
    newest = chain / "0002-b"
    text = (newest / "VERIFY.md").read_text()
    key = Path("drill.pub.pem").absolute()
    assert "BAD SIGNATURE: reviews/0002-review-1.json" in verify_by_hand(text, newest, key).text
    assert verify_by_hand(text, newest, key, reviewer=Path("weber.pub.pem").absolute()).accepted
    toml = Path("drill.toml")
    toml.write_text(f'{toml.read_text()}[evidence]\nreviewer_keys = ["weber.pub.pem"]\npublic_key = "drill.pub.pem"\n')
    main(["ledger", "check", "--max-age", "1d"])
    assert "does not verify" not in capsys.readouterr().out


def test_a_run_from_before_there_was_a_key_is_reviewed_with_one(tmp_path: Path, chain: Path) -> None:
    """Its sums are verified; the chain goes on to verify."""
    folder = tmp_path / "elsewhere" / CHAIN
    kept(folder, "a", seal=Seal())
    kept(folder, "b")

    assert review(folder / "0001-a") == 0
    assert verify_chain(folder, KEY) == ()


def test_a_review_is_stamped_as_the_runs_are(chain: Path, tsa: Authority) -> None:
    """By the authority of the configuration, whichever option names the key."""
    toml = Path("drill.toml")
    toml.write_text(f'{toml.read_text()}[evidence]\nkey = "absent.pem"\ntimestamp_url = "{tsa.url}"\n')

    assert review(chain) == 0
    assert isinstance(check_stamp(chain / "reviews/0002-review-1.json.sig", tsa.certificate), datetime)


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


def test_a_run_whose_profile_is_gone_is_reviewed_with_a_key(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What drill.toml has no more is needed where no key is given: the sentence names the file to give, and no --profile."""
    chain = chain.with_name("standing-orders")
    kept(chain, "c", record=dataclasses.replace(FAILED, profile="standing"))
    said = ("--verdict", "accepted", "--name", "A. Weber", "--role", "auditor")
    assert main(["evidence", "review", str(chain), *said]) == 2
    error = capsys.readouterr().err
    assert '--config: expected a file with the profile "standing", which run c was made with' in error
    assert "--profile:" not in error
    assert review(chain / "0001-c") == 0
    assert [each.run_id for each in reviews(chain)] == ["c"]
