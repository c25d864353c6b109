"""What does not verify in the folder of a chain is named once, with its file; what is no fault of it is a note."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from drills.errors import DrillError
from drills.evidence.chain_check import notes_of, signed_part, unsigned_entries, verify_chain
from drills.evidence.check import Problem
from drills.evidence.folder import begin, read_chain
from drills.evidence.keys import PublicKey, load_public_key
from drills.evidence.review import ReviewRecord, review_json
from drills.evidence.seal import Seal
from drills.files import Unreadable
from tests.support.clock import HandClock
from tests.support.evidence import KEY, OTHER, SIGNED, SIGNER, write_sealed
from tests.support.ledger import CHAIN, draft, kept, opening, reviewed, sealed, started

REVIEWER = Seal(OTHER)
OTHERS = load_public_key(OTHER.public_pem.encode(), "reviewer.pem")
LINK = "is a link, which may stand for any file: do not read it as evidence; ask who made the evidence for the file"
STRAY = "is no part of a chain: do not read it as evidence"


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """The folder of a chain with two runs, of which the first is reviewed."""
    folder = tmp_path / CHAIN
    reviewed(folder, kept(folder, "a"))
    kept(folder, "b")
    return folder


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A chain whose first two runs had no key, with two signed ones behind them."""
    folder = tmp_path / CHAIN
    for run in "ab":
        kept(folder, run, seal=Seal())
    for run in "cd":
        kept(folder, run)
    return folder


def unlink(*names: str) -> Any:
    """Remove these files of a chain."""
    return lambda chain: [(chain / name).unlink() for name in names]


def put(name: str) -> Any:
    """Put an empty file into a chain."""
    return lambda chain: (chain / name).touch()


def as_link(name: str) -> Any:
    """Replace a file by a link to what is the same."""

    def replace(chain: Path) -> None:
        (chain / name).rename(chain.parent / "same")
        (chain / name).symlink_to(chain.parent / "same")

    return replace


def pipe(name: str) -> Any:
    """Put a pipe into a chain."""
    return lambda chain: os.mkfifo(chain / name)


def unsigned(name: str, what: str) -> Problem:
    """What has no signature."""
    return Problem(
        "unsigned", name,
        f"expected a signature in {what}.sig, found none: nothing shows who made {what}: ask for it, or take another copy",
    )  # fmt: skip


def of_bundle(kind: Any, file: str, sentence: str) -> Problem:
    """A problem of the second bundle."""
    return Problem(kind, f"0002-b/{file}", f"0002-b: {sentence}")


ADDED = "{} is {} that was not sealed: do not read it as evidence"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda chain: None, []),
        (unlink("starts/0001-a.json.sig"), [unsigned("starts/0001-a.json", "0001-a.json")]),
        (unlink("starts/0002-b.json.sig"), [unsigned("starts/0002-b.json", "0002-b.json")]),
        (unlink("0001-a/SHA256SUMS.sig"), [
            Problem("unsigned", "0001-a/SHA256SUMS", f"0001-a: {unsigned('', 'SHA256SUMS').sentence}")
        ]),
        (unlink("reviews/0001-review-1.json.sig"), [
            Problem(
                "unsigned", "reviews/0001-review-1.json",
                "reviews/0001-review-1.json has no signature, and the chain is signed: nothing shows who made it, or when: do not "
                "trust it; if it was made before there was a key, review the run again with the key and keep this one elsewhere",
            )
        ]),
        (unlink("0002-b/summary.md"), [
            of_bundle("missing", "summary.md", "summary.md is in the list and not in the folder: take it from another copy")
        ]),
        (put("0002-b/more"), [of_bundle("added", "more", ADDED.format("more", "a file"))]),
        (put("more"), [Problem("added", "more", f"more {STRAY}")]),
        (put("starts/more.json.sig"), [Problem("added", "starts/more.json.sig", f"starts/more.json.sig {STRAY}")]),
        (put("starts/more.json.sig.tsr"), [
            Problem("added", "starts/more.json.sig.tsr", f"starts/more.json.sig.tsr {STRAY}")
        ]),
        (put("starts/more.sig"), [Problem("added", "starts/more.sig", f"starts/more.sig {STRAY}")]),
        (put("reviews/.hidden.json"), [Problem("added", "reviews/.hidden.json", f"reviews/.hidden.json {STRAY}")]),
        (put("0003-c"), [Problem("added", "0003-c", f"0003-c {STRAY}")]),
        (lambda chain: (chain / "starts/more.json").mkdir(), [
            Problem(
                "chain", "starts/more.json",
                "starts/more.json cannot be read as a part of the chain: expected a name such as 0042-20261123-141503-a1b2.json",
            ),
            Problem("added", "starts/more.json", f"starts/more.json {STRAY}")
        ]),
        (lambda chain: (chain / "more").mkdir(), [Problem("added", "more", f"more {STRAY}")]),
        (pipe("starts/.0003-c.json"), [Problem("added", "starts/.0003-c.json", f"starts/.0003-c.json {STRAY}")]),
        (put(".sealing-0003-c"), [Problem("added", ".sealing-0003-c", f".sealing-0003-c {STRAY}")]),
        (lambda chain: (chain / "starts/.0003-c.json").symlink_to("0002-b.json"), [
            Problem("link", "starts/.0003-c.json", f"starts/.0003-c.json {LINK}")
        ]),
        (lambda chain: (chain / ".sealing-0003-c").symlink_to("0002-b"), [
            Problem("added", ".sealing-0003-c", f".sealing-0003-c {LINK}")
        ]),
        (as_link("starts/0002-b.json.sig"), [Problem("link", "starts/0002-b.json.sig", f"starts/0002-b.json.sig {LINK}")]),
        (as_link("starts/0002-b.json"), [Problem("link", "starts/0002-b.json", f"starts/0002-b.json {LINK}")]),
    ],
    ids=[
        "whole", "first start", "start", "bundle", "review", "file", "file put in", "stray", "stray seal", "stray stamp",
        "stray end", "hidden", "file for a bundle", "folder for a record", "folder", "pipe", "half file", "half link",
        "half bundle link", "signature link", "record link",
    ],
)  # fmt: skip
def test_what_was_done_to_a_chain_is_named(chain: Path, damage: Any, expected: list[Problem]) -> None:
    """Nothing else is accused with it; without the key all is told but the signatures."""
    damage(chain)

    assert verify_chain(chain, KEY) == tuple(expected)
    assert verify_chain(chain, None) == tuple(each for each in expected if each.kind != "unsigned")


def test_each_problem_is_told_once_and_in_order(chain: Path) -> None:
    """What fits not and what does not verify may be of one file: the first sentence on it stands."""
    (chain / "starts/0001-a.json").write_text("{}")
    (chain / "0002-b/summary.md").write_text("better")
    (chain / "more").touch()

    found = verify_chain(chain, KEY)
    told = [(each.kind, each.file) for each in found]
    assert len(told) == len(set(told))
    assert told[0] == ("chain", "starts/0001-a.json")
    assert told[-2:] == [("changed", "0002-b/summary.md"), ("added", "more")]
    assert found[0].sentence.startswith("starts/0001-a.json cannot be read as a part of the chain")


def test_a_chain_is_read_once(chain: Path) -> None:
    """Whoever has read it before gives what was found, which is not read again; what is no chain is an error."""
    known, _ = read_chain(chain)
    unread = Problem("chain", "x", "x cannot be read")
    shutil.rmtree(chain / "0002-b")

    assert verify_chain(chain, KEY, read=(known, (unread,))) == (unread,)
    assert [each.kind for each in verify_chain(chain, KEY)] == ["start"]
    with pytest.raises(DrillError, match="expected a chain with starts/"):
        verify_chain(chain / "0001-a/raw", KEY)


def test_without_its_start_records_no_bundle_is_accused_of_lacking_one(chain: Path) -> None:
    """It is said once that they are gone."""
    shutil.rmtree(chain / "starts")
    assert [(each.kind, each.file) for each in verify_chain(chain, KEY)] == [("missing", "starts")]


def test_a_list_that_is_gone_is_a_problem_and_a_file_of_another_user_is_none(
    chain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is named with its bundle; of the other nothing is said."""
    (chain / "0002-b/SHA256SUMS").unlink()
    listed = [each for each in verify_chain(chain, None) if each.kind == "list"]
    missing = f"expected a bundle with SHA256SUMS in {chain / '0002-b'}, found none: name the folder of one"
    assert listed == [Problem("list", "0002-b/SHA256SUMS", missing)]

    known, access = read_chain(chain), os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "summary.md" and access(path, mode))
    with pytest.raises(Unreadable, match=r"summary\.md"):
        verify_chain(chain, None, read=known)


def test_a_start_s_time_stamp_is_not_taken_away(tmp_path: Path) -> None:
    """The bundle has a copy of it, which is sealed; the copy alone is not enough."""
    folder, stamped = tmp_path / CHAIN, Seal(SIGNER, lambda signature: b"token", "https://tsa.example/v1")
    run = opening("a")
    begun = started(folder, run, stamped)
    bundle = sealed(folder, begun, run, stamped).folder
    assert verify_chain(folder, KEY) == ()
    shutil.copy(folder / "starts/0001-a.json.sig.tsr", bundle / "start.json.sig.tsr")
    (folder / "starts/0001-a.json.sig.tsr").unlink()

    lost = "starts/0001-a.json.sig.tsr is not there, and 0001-a has a copy"
    assert Problem("missing", "starts/0001-a.json.sig.tsr", lost) in verify_chain(folder, KEY)
    (bundle / "start.json.sig.tsr").unlink()
    assert verify_chain(folder, KEY) == ()


# -- signed and not ---------------------------------------------------------------------------------------------------


def test_a_chain_may_begin_without_a_key(mixed: Path) -> None:
    """The first signed start says how many entries it found; what was made before is damaged or whole, and no success."""
    chain, _ = read_chain(mixed)
    assert verify_chain(mixed, KEY) == ()
    assert unsigned_entries(mixed, chain) == {"0001-a", "0002-b"}

    counted, left = signed_part(mixed, chain, KEY)
    assert [each.name for each in counted.bundles] == ["0003-c", "0004-d"]
    assert [each.name for each in left] == ["0001-a", "0002-b"]
    assert (counted.starts, counted.name, counted.reviews) == (chain.starts, chain.name, chain.reviews)
    assert signed_part(mixed, chain, None) == (chain, ())

    (mixed / "0002-b/summary.md").write_text("better")
    (mixed / "0003-c/SHA256SUMS.sig").unlink()
    assert [(each.kind, each.file) for each in verify_chain(mixed, KEY)] == [
        ("changed", "0002-b/summary.md"),
        ("unsigned", "0003-c/SHA256SUMS"),
    ]
    write = mixed / "0001-a/SHA256SUMS"
    write.with_name("SHA256SUMS.sig").write_bytes(OTHER.sign(write.read_bytes()))
    assert ("signature", "0001-a/SHA256SUMS") in [(each.kind, each.file) for each in verify_chain(mixed, KEY)]


def test_a_chain_without_any_key_has_no_unsigned_beginning(tmp_path: Path) -> None:
    """Nor has one that was signed from the first on."""
    kept(tmp_path / "plain", "a", seal=Seal())
    kept(tmp_path / CHAIN, "a")
    for folder in (tmp_path / "plain", tmp_path / CHAIN):
        assert unsigned_entries(folder, read_chain(folder)[0]) == frozenset()


def test_another_number_of_unsigned_entries_was_not_there(tmp_path: Path) -> None:
    """It is signed, so that nobody makes more of them later; none at all may be claimed."""
    folder = tmp_path / CHAIN
    kept(folder, "a", seal=Seal())
    kept(folder, "b")
    chain, _ = read_chain(folder)
    for said, told in ((1, False), (0, False), (2, True)):
        other = dataclasses.replace(
            chain.starts[1], record=dataclasses.replace(chain.starts[1].record, unsigned_before=said)
        )
        found = verify_chain(folder, KEY, read=(dataclasses.replace(chain, starts=(chain.starts[0], other)), ()))
        sentence = f"starts/0002-b.json is number 2 and says that {said} unsigned stand before it"
        assert (Problem("chain", "starts/0002-b.json", sentence) in found) == told


# -- reviews ----------------------------------------------------------------------------------------------------------


def of_reviewer(chain: Path, key: str, seal: Seal = REVIEWER, number: int = 2) -> str:
    """A review of the first run by somebody with a key of their own, which it names; returns its file."""
    record = ReviewRecord(
        1, CHAIN, 1, "a", number, (read_chain(chain)[0]).bundles[0].digest, opening("a").started_at, "accepted", "R. Viewer",
        "head of operations", "7", "L1", key, "0.1.0",
    )  # fmt: skip
    write_sealed(chain / f"reviews/{record.name}.json", review_json(record), seal)
    return f"reviews/{record.name}.json"


@pytest.mark.parametrize(
    ("reviewers", "given"),
    [
        ((), ""),
        ((KEY, KEY), " nor by any of the 2 given with --reviewer-key"),
    ],
)
def test_a_review_by_another_s_key_says_whose_public_key_is_wanted(
    chain: Path, reviewers: tuple[PublicKey, ...], given: str
) -> None:
    """The name of the key in it proves nothing; with the reviewer's own key it verifies."""
    file = of_reviewer(chain, OTHER.fingerprint)
    (found,) = verify_chain(chain, KEY, reviewers)

    assert found == Problem(
        "signature", file,
        f"{file} is not signed by the key drill.pub.pem ({KEY.fingerprint[:16]}…){given}; it says that its reviewer, R. Viewer, "
        f"signed it with a key of their own ({OTHER.fingerprint[:16]}…): give the public key that you have from that reviewer with "
        "--reviewer-key; without it nothing shows who made this review",
    )  # fmt: skip
    assert verify_chain(chain, KEY, (KEY, OTHERS)) == ()
    assert verify_chain(chain, None) == ()


@pytest.mark.parametrize("key", ["", KEY.fingerprint], ids=["none", "its own"])
def test_a_review_that_names_no_key_of_its_own_is_the_chain_s_to_sign(chain: Path, key: str) -> None:
    """Its signature is not by the chain's key: it was changed, or is not by whom it says."""
    file = of_reviewer(chain, key)
    (found,) = verify_chain(chain, KEY)
    assert (found.kind, found.file) == ("signature", file)
    assert found.sentence.startswith("the signature of 0001-review-2.json is not by the key drill.pub.pem")


def test_reviews_without_signatures_are_each_refused_in_a_signed_chain(chain: Path) -> None:
    """Whoever's key they name; in a chain from before there was any key nothing shows who made anything."""
    files = [of_reviewer(chain, OTHER.fingerprint, Seal(), number) for number in (2, 3)]
    found = verify_chain(chain, KEY, (OTHERS,))
    assert [(each.kind, each.file) for each in found] == [("unsigned", file) for file in files]
    assert all("has no signature, and the chain is signed" in each.sentence for each in found)

    for path in chain.glob("starts/*.sig"):
        path.unlink()
    plain = [each for each in verify_chain(chain, KEY) if each.file in files]
    assert [each.sentence for each in plain] == [
        unsigned("", f"0001-review-{number}.json").sentence for number in (2, 3)
    ]


def test_several_reviews_by_keys_of_others_are_each_named(chain: Path) -> None:
    """One hides no other."""
    files = [of_reviewer(chain, OTHER.fingerprint, REVIEWER, number) for number in (2, 3)]
    files.append(of_reviewer(chain, "", REVIEWER, 4))
    assert [each.file for each in verify_chain(chain, KEY)] == files


def test_a_review_in_the_place_of_a_link_is_a_link(chain: Path) -> None:
    """Though the reviewer signed what it shows."""
    as_link("reviews/0001-review-1.json")(chain)
    assert verify_chain(chain, KEY) == (
        Problem("link", "reviews/0001-review-1.json", f"reviews/0001-review-1.json {LINK}"),
    )


# -- notes ------------------------------------------------------------------------------------------------------------


def test_a_reader_is_told_what_is_no_fault(mixed: Path) -> None:
    """Another name of the folder, an unsigned beginning, and what a process writes just now."""
    copy = mixed.rename(mixed.with_name("copy"))
    (copy / ".sealing-0005-e").mkdir()
    (copy / "starts/.0005-e.json").touch()
    half = "{} is written now, or was left by a process that was killed while it wrote: it is no evidence"

    assert notes_of(copy, read_chain(copy)[0]) == (
        "the folder is called copy; its entries are of the chain sandbox-orders, begun by a simulated run of target orders with "
        "profile sandbox",
        "the first 2 of 4 entries are not signed, as the first signed start says: their sums were verified; who made them nothing "
        "shows",
        half.format(".sealing-0005-e"),
        half.format("starts/.0005-e.json"),
    )


def test_a_first_entry_alone_is_told_in_the_singular(tmp_path: Path) -> None:
    """And nothing else is told of a chain in its own folder."""
    folder = tmp_path / CHAIN
    kept(folder, "a", seal=Seal())
    kept(folder, "b")
    (folder / "starts/.more.json").touch()  # a problem, and no note
    assert notes_of(folder, read_chain(folder)[0]) == (
        "the first entry of 2 is not signed, as the first signed start says: their sums were verified; who made them nothing shows",
    )


def test_a_folder_is_named_as_it_is_called(chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever path it is given; one without starts has no name to differ from."""
    monkeypatch.chdir(chain)
    assert notes_of(Path(), read_chain(Path())[0]) == ()
    copy = chain.rename(chain.with_name("copy"))
    monkeypatch.chdir(copy)
    assert notes_of(Path(), read_chain(Path())[0])[0].startswith("the folder is called copy; ")
    shutil.rmtree(copy / "starts")
    assert notes_of(copy, read_chain(copy)[0]) == ()


def test_a_chain_of_one_entry_in_another_folder_is_told_by_that_entry(tmp_path: Path) -> None:
    """It is the first that says what the chain is of."""
    kept(tmp_path / "copy", "a")
    (note,) = notes_of(tmp_path / "copy", read_chain(tmp_path / "copy")[0])
    assert note.startswith(
        "the folder is called copy; its entries are of the chain sandbox-orders, begun by a simulated run"
    )


def test_each_thing_that_lies_among_the_records_is_named(chain: Path) -> None:
    """A link hides nothing that comes behind it."""
    (chain / "a").symlink_to("0001-a")
    (chain / "b").touch()
    (chain / "starts/.c.json").symlink_to("0001-a.json")
    (chain / "starts/d").touch()

    assert [(each.kind, each.file) for each in verify_chain(chain, KEY)] == [
        ("added", "a"),
        ("added", "b"),
        ("link", "starts/.c.json"),
        ("added", "starts/d"),
    ]


def test_a_run_that_goes_on_in_a_signed_chain_is_held_by_its_key(tmp_path: Path) -> None:
    """Its start is verified as any other."""
    folder = tmp_path / CHAIN
    begun = begin(folder, draft(opening("a")), SIGNED, HandClock())
    try:
        assert verify_chain(folder, KEY) == ()
        assert [each.kind for each in verify_chain(folder, OTHERS)] == ["signature"]
    finally:
        os.close(begun.held)
