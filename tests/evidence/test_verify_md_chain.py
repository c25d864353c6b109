"""Good chains are accepted, and every kind of tampering is refused: by the commands of VERIFY.md and by the library alike."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drills.errors import DrillError
from drills.evidence import newest
from drills.evidence.bundle import Bundle, write_bundle
from drills.evidence.chain_check import notes_of, verify_chain
from drills.evidence.check import check_bundle, note_of_place
from drills.evidence.folder import read_chain, sha256
from drills.evidence.seal import Seal
from tests.support import ledger
from tests.support.evidence import KEY, SIGNED, cut, key
from tests.support.plain import verify_by_hand

__all__ = ["key"]


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Three entries of a chain, as runs leave them."""
    for run in "abc":
        ledger.kept(tmp_path / "chain", run)
    return tmp_path / "chain"


def remove_result(chain: Path) -> None:
    """The bundle of an entry is gone."""
    shutil.rmtree(chain / "0002-b")


def remove_entry(chain: Path) -> None:
    """Bundle and start record of an entry are gone."""
    remove_result(chain)
    for path in (chain / "starts").glob("0002-b*"):
        path.unlink()


def edit_start(chain: Path) -> None:
    """A start record is edited, and so is its copy in the bundle."""
    for path in (chain / "starts" / "0002-b.json", chain / "0002-b" / "start.json"):
        path.write_text(path.read_text().replace(' "trigger": "', ' "trigger": "not '))


def make_again(chain: Path) -> None:
    """A bundle is made again with other content, by whoever has the key."""
    record = (chain / "0002-b" / "drill.json").read_bytes()
    start = (chain / "0002-b" / "start.json").read_bytes()
    remove_result(chain)
    write_bundle(chain / "0002-b", {"start.json": start, "drill.json": record, "summary.md": b"better"}, SIGNED)


def put_in(chain: Path) -> None:
    """A bundle that nobody announced."""
    shutil.copytree(chain / "0003-c", chain / "0004-d")


def rename(chain: Path) -> None:
    """The newest run gets another name."""
    (chain / "0003-c").rename(chain / "0003-d")
    for path in sorted((chain / "starts").glob("0003-c*")):
        path.rename(path.with_name(path.name.replace("-c", "-d")))
    (chain / "0003-c").symlink_to("0003-d")  # where the commands are typed


def stray(chain: Path) -> None:
    """A file is put beside the bundles."""
    (chain / "RESULTS.txt").write_text("all passed")


def hide(folder: str) -> Callable[[Path], None]:
    """A hidden file is put into a folder of the chain, named as a record is."""

    def put(chain: Path) -> None:
        (chain / folder / ".more.json").write_bytes(b"{}")

    return put


def lose_starts(chain: Path) -> None:
    """Nothing is left of what was written before the drills."""
    shutil.rmtree(chain / "starts")


def gut(chain: Path) -> None:
    """A bundle is emptied, and its folder left."""
    shutil.rmtree(chain / "0002-b")
    (chain / "0002-b").mkdir()


def lose_newest(chain: Path) -> None:
    """The newest run is removed with its start record, and its review is left."""
    ledger.reviewed(chain, Bundle(chain / "0003-c", sha256((chain / "0003-c/SHA256SUMS").read_bytes()), "L1"))
    shutil.rmtree(chain / "0003-c")
    for path in (chain / "starts").glob("0003-c*"):
        path.unlink()


def move_review(to: str) -> Callable[[Path], None]:
    """A signed review, that of the second entry, gets another name."""

    def move(chain: Path) -> None:
        ledger.reviewed(chain, Bundle(chain / "0002-b", sha256((chain / "0002-b/SHA256SUMS").read_bytes()), "L1"))
        for ending in ("json", "json.sig"):
            (chain / f"reviews/0002-review-1.{ending}").rename(chain / f"reviews/{to}.{ending}")

    return move


def start_as_review(chain: Path) -> None:
    """A signed start record is put in the place of a review."""
    (chain / "reviews").mkdir()
    for ending in ("json", "json.sig"):
        shutil.copy(chain / f"starts/0002-b.{ending}", chain / f"reviews/0002-review-1.{ending}")


def link_to(name: str) -> Callable[[Path], None]:
    """A link outside of the chain stands in the place of a file with the same content."""

    def put(chain: Path) -> None:
        ledger.reviewed(chain, Bundle(chain / "0002-b", sha256((chain / "0002-b/SHA256SUMS").read_bytes()), "L1"))
        (chain / name).rename(chain.parent / "outside")
        (chain / name).symlink_to(chain.parent / "outside")

    return put


def pipe(name: str) -> Callable[[Path], None]:
    """A named pipe stands in the place of a file: who opens it waits for ever."""

    def put(chain: Path) -> None:
        (chain / name).unlink()
        os.mkfifo(chain / name)

    return put


@pytest.mark.parametrize(
    ("tamper", "said", "sentence"),
    [
        (rename, "RENAMED: starts/0003-d.json is of the run ", "starts/0003-d.json is the start record of"),
        (stray, "STRAY: RESULTS.txt is no part of the chain", "RESULTS.txt is no part of a chain"),
        (hide("."), "STRAY: .more.json is no part of the chain", ".more.json is no part of a chain"),
        (hide("starts"), "STRAY: starts/.more.json is no part of the chain", "starts/.more.json is no part of a chain"),
        (lose_starts, "NO STARTS: starts/ is not there", "starts/ is not there"),
        (
            lambda chain: cut(chain / "starts/0002-b.json.sig"),
            "of starts/0002-b.json is damaged",
            "0002-b.json is damaged",
        ),
        (gut, "EMPTIED: 0002-b has no SHA256SUMS", "0002-b"),
        (remove_result, "NO RESULT: 0002-b was started and has no bundle", "no result: 0002-b"),
        (remove_entry, "GAP: 0003-c is number 2 of what is here", "gap: there is neither"),
        (edit_start, "BAD SIGNATURE: starts/0002-b.json", "the signature of 0002-b.json"),
        (make_again, "BROKEN CHAIN: 0003-c does not follow", "0002-b"),
        (put_in, "NO START: 0004-d has no start record", "no start: 0004-d"),
        (lose_newest, "NO BUNDLE: reviews/0003-review-1.json is of a bundle 0003", "reviews bundle 0003, which is not"),
        (
            move_review("0001-review-1"),
            "RENAMED: reviews/0001-review-1.json is the review 0002-review-1",
            "is the review",
        ),
        (
            move_review("0002-review-2"),
            "RENAMED: reviews/0002-review-2.json is the review 0002-review-1",
            "is the review",
        ),
        (
            start_as_review,
            "RENAMED: reviews/0002-review-1.json is the review",
            "reviews/0002-review-1.json cannot be read",
        ),
        (link_to("starts/0002-b.json"), "LINK: starts/0002-b.json is a link", "starts/0002-b.json is a link"),
        (
            link_to("starts/0002-b.json.sig"),
            "LINK: starts/0002-b.json.sig is a link",
            "starts/0002-b.json.sig is a link",
        ),
        (
            link_to("reviews/0002-review-1.json"),
            "LINK: reviews/0002-review-1.json",
            "reviews/0002-review-1.json is a link",
        ),
        (pipe("starts/0002-b.json"), "STRAY: starts/0002-b.json is no part", "is no ordinary file"),
        (pipe("starts/0002-b.json.sig"), "NO FILE: starts/0002-b.json.sig", "0002-b.json.sig is no ordinary file"),
        (pipe("0003-c/drill.json"), "NO FILE: drill.json", "is no ordinary file"),
        (pipe("0003-c/summary.md"), "NO FILE: summary.md", "summary.md is no"),
        (pipe("0003-c/SHA256SUMS"), "NO FILE: SHA256SUMS", "is no ordinary file"),
    ],
)
def test_tampering_with_a_chain_is_refused(
    chain: Path, key: Path, tamper: Callable[[Path], None], said: str, sentence: str
) -> None:
    """Each kind is named by the commands, typed in the newest bundle, and by the library."""
    newest = chain / "0003-c"
    good = verify_by_hand((newest / "VERIFY.md").read_text(), newest, key)
    assert good.accepted, good.text
    assert ": 3, none missing before it" in good.text
    assert verify_chain(chain, KEY) == ()
    tamper(chain)

    typed = newest if newest.exists() else chain / "0001-a"
    bad = verify_by_hand((typed / "VERIFY.md").read_text(), typed, key)
    assert not bad.accepted
    assert said in bad.text
    assert any(sentence in each.sentence for each in verify_chain(chain, KEY))


@pytest.mark.parametrize("name", ["starts", "0002-b", "0003-c/raw", "0003-c/drill.json", "starts/0002-b.json"])
def test_what_this_user_may_not_read_accuses_nobody(chain: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is said of the path, and nothing of the evidence; by hand the shell says it."""
    (chain / "0003-c/raw").mkdir(exist_ok=True)
    asked = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != chain / name and asked(path, mode))

    with pytest.raises(DrillError, match=f"expected to read .*{name}, found that this user may not") as refused:
        verify_chain(chain, KEY)
    assert refused.value.exit_code == 12


def test_an_unsigned_review_of_a_signed_chain_is_refused(tmp_path: Path, key: Path) -> None:
    """Whoever writes to the folder can write one of an entry from before the key; a signed one of that entry is accepted."""
    folder = tmp_path / "chain"
    bundle = ledger.kept(folder, "a", seal=Seal())
    ledger.kept(folder, "b")
    ledger.reviewed(folder, bundle)
    newest = folder / "0002-b"
    text = (newest / "VERIFY.md").read_text()
    good = verify_by_hand(text, newest, key)
    assert good.accepted, good.text
    assert "NOTE: the first entry is not signed" in good.text
    assert verify_chain(folder, KEY) == ()
    (folder / "reviews/0001-review-1.json.sig").unlink()

    bad = verify_by_hand(text, newest, key)
    assert not bad.accepted
    assert "UNSIGNED: reviews/0001-review-1.json" in bad.text
    [problem] = verify_chain(folder, KEY)
    assert (problem.kind, problem.file) == ("unsigned", "reviews/0001-review-1.json")


def test_a_bundle_that_was_taken_out_of_its_chain_is_whole(chain: Path, key: Path, tmp_path: Path) -> None:
    """It says what cannot be checked of it, and accuses nobody; the tool and the commands agree."""
    text = (chain / "0002-b" / "VERIFY.md").read_text()
    alone = tmp_path / "handed over" / "0002-b"
    shutil.copytree(chain / "0002-b", alone)
    outcome = verify_by_hand(text, alone, key)

    assert outcome.accepted, outcome.text
    assert outcome.text.count("this bundle stands alone: ") == 2
    assert not re.search("No such file|NO START|GAP|BROKEN", outcome.text)
    assert check_bundle(alone, KEY) == ()
    assert "this bundle stands alone: " in (note_of_place(alone) or "")
    assert note_of_place(chain / "0002-b") is None


def test_the_newest_entry_is_told_alike(chain: Path, key: Path) -> None:
    """Number, name and digest: a chain whose newest entry was dropped is whole, and says another one."""
    said_before = ""
    for _ in range(2):
        read, _ = read_chain(chain)
        line = newest.said(newest.entries_of(read)[-1], alone=False)
        outcome = verify_by_hand((chain / "0001-a/VERIFY.md").read_text(), chain / "0001-a", key)
        assert outcome.accepted, outcome.text
        assert line in outcome.text.splitlines()
        assert line != said_before
        said_before = line
        shutil.rmtree(chain / "0003-c", ignore_errors=True)
        for path in (chain / "starts").glob("0003-c*"):
            path.unlink()


def test_what_a_killed_process_left_is_told_and_no_fault(chain: Path, key: Path) -> None:
    """A start record and a bundle that were not written whole are no evidence, and no sign that somebody changed it."""
    (chain / ".sealing-0004-d").mkdir()
    (chain / "starts" / ".0004-d.json").write_bytes(b"{")
    read, unread = read_chain(chain)
    outcome = verify_by_hand((chain / "0003-c/VERIFY.md").read_text(), chain / "0003-c", key)

    assert outcome.accepted, outcome.text
    assert (verify_chain(chain, KEY), unread) == ((), ())
    for name in (".sealing-0004-d", "starts/.0004-d.json"):
        assert f"NOTE: {name} was left by a process that was killed" in outcome.text
        assert any(note.startswith(name) for note in notes_of(chain, read))
    ledger.kept(chain, "e")
    assert verify_chain(chain, KEY) == ()
    assert [path.name for path in [*chain.iterdir(), *(chain / "starts").iterdir()] if path.name[0] == "."] == []
