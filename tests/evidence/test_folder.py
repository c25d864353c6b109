"""A chain as it lies in a folder: numbers are never taken twice, and what is damaged is named."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, DrillError
from drills.evidence.chain_check import notes_of, verify_chain
from drills.evidence.folder import begin, next_sequence, read_chain
from drills.evidence.keys import load_public_key
from drills.evidence.seal import Seal
from tests.support.evidence import KEY, OTHER, PUBLIC, SIGNED, Raises
from tests.support.ledger import CHAIN, draft, kept, opening, sealed, started
from tests.support.plain import verify_by_hand


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """The folder of a chain with three runs."""
    folder = tmp_path / CHAIN
    for run in ("a", "b", "c"):
        kept(folder, run)
    return folder


def test_a_chain_verifies(chain: Path) -> None:
    """With the key and without; each start names the bundle before it."""
    assert verify_chain(chain, KEY) == ()
    assert verify_chain(chain, None) == ()
    found, _ = read_chain(chain)
    assert [each.record.sequence for each in found.starts] == [1, 2, 3]
    assert [each.record.previous_is for each in found.starts] == ["", "bundle", "bundle"]


def test_two_runs_at_once_each_get_a_number(tmp_path: Path) -> None:
    """However many there are, none is taken twice and none left out."""
    folder = tmp_path / CHAIN
    with ThreadPoolExecutor(6) as pool:
        begun = list(pool.map(lambda run: begin(folder, draft(opening(f"r{run}")), SIGNED, SystemClock()), range(12)))

    assert sorted(each.record.sequence for each in begun) == list(range(1, 13))
    assert verify_chain(folder, KEY) == ()  # all of them go on
    for each in begun:
        os.close(each.held)
    assert [each.kind for each in verify_chain(folder, KEY)] == ["start"] * 12


def test_a_run_that_goes_on_has_no_result_yet(tmp_path: Path) -> None:
    """Until its last process has ended; from then on its start has no result."""
    begun = started(tmp_path / CHAIN, opening("a"), running=True)

    assert verify_chain(tmp_path / CHAIN, KEY) == ()
    os.close(begun.held)
    (found,) = verify_chain(tmp_path / CHAIN, KEY)
    assert found.sentence.startswith("no result: 0001-a")


def test_a_number_is_not_given_again(chain: Path) -> None:
    """Not where the newest start was removed, nor where its bundle was."""
    (chain / "starts" / "0003-c.json").unlink()

    assert next_sequence(chain) == 4
    shutil.rmtree(chain / "0003-c")
    assert next_sequence(chain) == 4  # its signature is still there


@pytest.mark.parametrize(
    ("damage", "kind", "file"),
    [
        (lambda chain: (chain / "0002-b" / "summary.md").write_text("well"), "changed", "0002-b/summary.md"),
        (lambda chain: (chain / "0002-b" / "summary.md").unlink(), "missing", "0002-b/summary.md"),
        (lambda chain: (chain / "0002-b" / "more.txt").touch(), "added", "0002-b/more.txt"),
        (lambda chain: (chain / "starts" / "more.txt").touch(), "added", "starts/more.txt"),
        (lambda chain: (chain / "more.txt").touch(), "added", "more.txt"),
        (lambda chain: (chain / "starts" / "more.json.sig").touch(), "added", "starts/more.json.sig"),
        (lambda chain: (chain / "0004-d").symlink_to("0003-c"), "added", "0004-d"),
        (lambda chain: (chain / "starts" / "0002-b.json.sig").unlink(), "unsigned", "starts/0002-b.json"),
        (lambda chain: (chain / "starts" / "0002-b.json").write_text("{}"), "chain", "starts/0002-b.json"),
        (lambda chain: (chain / "0002-b" / "SHA256SUMS").unlink(), "chain", "0002-b"),
        (lambda chain: shutil.rmtree(chain / "0002-b"), "start", "starts/0002-b.json"),
        (lambda chain: (chain / "starts" / "0002-b.json").unlink(), "start", "0002-b/start.json"),
    ],
)  # fmt: skip
def test_damage_is_named(chain: Path, damage: object, kind: str, file: str) -> None:
    """Whatever part of the chain it is in."""
    assert callable(damage)
    damage(chain)

    assert (kind, file) in [(each.kind, each.file) for each in verify_chain(chain, KEY)]


def test_another_key_fits_nothing(chain: Path) -> None:
    """Each record and each bundle is named."""
    found = verify_chain(chain, load_public_key(OTHER.public_pem.encode(), "other"))

    assert [each.kind for each in found] == ["signature"] * 6


@pytest.mark.parametrize("seal", [Seal(Raises(OSError)), SIGNED])
def test_a_run_whose_evidence_cannot_be_written_is_refused(tmp_path: Path, seal: Seal) -> None:
    """One sentence before anything is begun, and nothing is left that could be taken for a start."""
    folder = tmp_path / CHAIN
    if seal is SIGNED:
        folder.write_text("no folder")
    with pytest.raises(DrillError, match="the run was not begun") as error:
        begin(folder, draft(opening("a")), seal, SystemClock())

    assert error.value.exit_code == COULD_NOT_RUN
    assert not list(tmp_path.rglob("*.json"))


def test_simulated_runs_never_stand_beside_those_on_aws(chain: Path) -> None:
    """Not even where a profile of that name came to be of another kind."""
    other = dataclasses.replace(draft(opening("d")), simulated=False)

    with pytest.raises(DrillError, match=r"found a simulated run of target .* where this is a run on AWS"):
        begin(chain, other, SIGNED, SystemClock())


def test_nothing_is_added_behind_an_entry_that_does_not_verify(chain: Path) -> None:
    """Where the public key is configured."""
    sums = chain / "0003-c" / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("summary.md", "summary.txt"))

    with pytest.raises(DrillError, match=r"expected the entry 0003-c .* to verify"):
        begin(chain, draft(opening("d")), SIGNED, SystemClock(), KEY)
    assert not (chain / "starts" / "0004-d.json").exists()


def test_signed_runs_may_follow_unsigned_ones(tmp_path: Path) -> None:
    """The first of them says so and holds what was before; by the library and by the commands of VERIFY.md it is no fault."""
    folder, key = tmp_path / CHAIN, tmp_path / "drill.pub.pem"
    key.write_text(PUBLIC)
    for run in "ab":
        kept(folder, run, seal=Seal())
    begun = begin(folder, draft(opening("c")), SIGNED, SystemClock(), KEY)
    os.close(begun.held)
    sealed(folder, begun, opening("c"))
    newest = kept(folder, "d").folder

    assert [each.record.unsigned_before for each in read_chain(folder)[0].starts] == [0, 0, 2, 0]
    assert verify_chain(folder, KEY) == ()
    assert "the first 2 of 4 entries are not signed" in notes_of(folder, read_chain(folder)[0])[0]
    outcome = verify_by_hand((newest / "VERIFY.md").read_text(), newest, key)
    assert outcome.accepted, outcome.text
    assert "NOTE: the first 2 entries are not signed" in outcome.text
    (folder / "0001-a" / "summary.md").write_text("better")
    assert [each.file for each in verify_chain(folder, KEY)] == ["0001-a/summary.md"]


@pytest.mark.parametrize("stripped", [("0001-a",), ("0001-a", "0002-b"), ("0001-a", "0002-b", "0003-c")])
def test_a_signature_that_was_taken_away_is_no_run_without_a_key(
    chain: Path, tmp_path: Path, stripped: tuple[str, ...]
) -> None:
    """However many of the oldest ones have none: the first signed start says how many there were."""
    text, key = (chain / "0003-c" / "VERIFY.md").read_text(), tmp_path / "drill.pub.pem"
    key.write_text(PUBLIC)
    for name in stripped:
        (chain / "starts" / f"{name}.json.sig").unlink()

    found = [each.file for each in verify_chain(chain, KEY) if each.kind == "unsigned"]
    assert found == [f"starts/{name}.json" for name in stripped]
    outcome = verify_by_hand(text, chain / "0003-c", key)
    assert not outcome.accepted
    assert "UNSIGNED: " in outcome.text


def test_a_signed_chain_goes_on_with_its_key_alone(chain: Path) -> None:
    """Neither a run without a key nor one with another: the sentence names both ways out, and nothing is begun."""
    for seal, said in ((Seal(), "found none: set key in"), (Seal(OTHER), "set the key that signed it, or")):
        with pytest.raises(DrillError, match=said) as error:
            begin(chain, draft(opening("d")), seal, SystemClock())
        assert r"name another [evidence] folder" in str(error.value)
    assert len(list((chain / "starts").iterdir())) == 6


def test_a_chain_without_its_signatures_is_no_unsigned_one(chain: Path) -> None:
    """Nobody makes the signed runs ones from before there was a key: nothing is begun behind them."""
    for path in chain.rglob("*.sig"):
        path.unlink()

    with pytest.raises(DrillError, match=r"to verify, found: expected a signature in SHA256SUMS\.sig"):
        begin(chain, draft(opening("d")), SIGNED, SystemClock())


def test_a_chain_in_a_folder_of_another_name_is_told(chain: Path) -> None:
    """A copy may lie anywhere, and is never taken for what the name of its folder says."""
    copy = chain.with_name("aws-orders")
    chain.rename(copy)

    assert verify_chain(copy, KEY) == ()
    (note,) = notes_of(copy, read_chain(copy)[0])
    assert note.startswith("the folder is called aws-orders; its entries are of the chain sandbox-orders")
    assert "a simulated run of target" in note


def test_a_start_of_a_newer_version_is_named(chain: Path) -> None:
    """It is not guessed what it may mean."""
    path = chain / "starts" / "0003-c.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))

    assert any("use a newer one" in each.sentence for each in verify_chain(chain, None))


def test_a_run_that_was_sealed_after_the_next_one_began_fits(tmp_path: Path) -> None:
    """By the library and by the commands of VERIFY.md: what the next start names is the start record."""
    folder, key = tmp_path / CHAIN, tmp_path / "drill.pub.pem"
    key.write_text(PUBLIC)
    kept(folder, "a")
    run = opening("b")
    begun = started(folder, run)
    kept(folder, "c")
    sealed(folder, begun, run)
    last = kept(folder, "d").folder

    assert verify_chain(folder, KEY) == ()
    found, _ = read_chain(folder)
    assert [each.record.previous_is for each in found.starts] == ["", "bundle", "start", "bundle"]
    outcome = verify_by_hand((last / "VERIFY.md").read_text(), last, key)
    assert outcome.accepted, outcome.text
    assert ": 4, none missing before it" in outcome.text
