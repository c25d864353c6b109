"""Good bundles are accepted, and every kind of tampering is refused: by the commands of VERIFY.md and by the library alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from drills.evidence import verify_md
from drills.evidence.bundle import write_bundle
from drills.evidence.check import Problem, check_bundle, check_stamp, note_of_commands
from drills.evidence.seal import Seal
from drills.evidence.sums import write_sums
from drills.evidence.timestamp import TimeStamper
from drills.printable import to_json
from tests.support.evidence import FILES, KEY, OTHER, SIGNED, SIGNER, cut, key, write_sealed
from tests.support.paths import CHECKOUT
from tests.support.plain import blocks, verify_by_hand
from tests.support.tsa import Authority, tsa

__all__ = ["key", "tsa"]

NAME = "0001-20261129-a"
START = {
    "sequence": int(NAME[:4]),
    "run_id": NAME[5:],
    "previous": "",
    "config": {"previous": "of something else"},
}
START_RECORD = f"{to_json(START)}\n".encode()


def entry(folder: Path, seal: Seal = SIGNED) -> Path:
    """The one entry of a chain below a folder, with its start record; returns its bundle."""
    chain = folder / "chain"
    write_sealed(chain / "starts" / f"{NAME}.json", START_RECORD, seal)
    return write_bundle(chain / NAME, {**FILES, "start.json": START_RECORD}, seal).folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The one bundle of a chain."""
    return entry(tmp_path)


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_good_bundle_is_accepted(bundle: Path, key: Path, shell: str) -> None:
    """Nothing whole is accused, with a shell of POSIX alone and with bash."""
    outcome = verify_by_hand((bundle / "VERIFY.md").read_text(), bundle, key, shell=shell)

    assert outcome.accepted, outcome.text
    assert check_bundle(bundle, KEY) == ()
    assert "Verified OK" in outcome.text
    assert "nothing was added" in outcome.text
    assert ": 1, none missing before it" in outcome.text
    assert SIGNER.fingerprint in outcome.text


def test_a_good_unsigned_bundle_is_accepted_and_called_unsigned(tmp_path: Path, key: Path) -> None:
    """What can be said without a signature is said, and what cannot is not."""
    bundle = entry(tmp_path, Seal())
    text = (bundle / "VERIFY.md").read_text()
    outcome = verify_by_hand(text, bundle, key)

    assert outcome.accepted, outcome.text
    assert "**Not signed** (level L0)" in text
    assert "openssl dgst" not in text


def test_a_bundle_outside_of_a_chain_has_no_word_of_one(tmp_path: Path, key: Path) -> None:
    """The steps are those that the bundle has something for."""
    bundle = write_bundle(tmp_path / "alone", {"drill.json": b"{}"}, SIGNED).folder
    text = (bundle / "VERIFY.md").read_text()

    assert verify_by_hand(text, bundle, key).accepted
    assert "starts" not in text


def change(bundle: Path) -> None:
    """A number in the record is changed."""
    (bundle / "drill.json").write_bytes(b'{"run": "b"}\n')


def change_and_list(bundle: Path) -> None:
    """A file is changed and the list made again, without the key."""
    change(bundle)
    relist(bundle)


def relist(bundle: Path) -> None:
    """The list is made again from what is there."""
    files = {path.relative_to(bundle).as_posix(): path for path in bundle.rglob("*") if path.is_file()}
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if "SHA256" not in name
    }
    (bundle / "SHA256SUMS").write_text(write_sums(digests))


def swap(bundle: Path) -> None:
    """Two files change places."""
    one, two = bundle / "manifest.json", bundle / "raw/aws/restore.json"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def link(bundle: Path) -> None:
    """A file becomes a link to one outside with the same content."""
    outside = bundle.parent.parent / "outside.json"
    (bundle / "drill.json").rename(outside)
    (bundle / "drill.json").symlink_to(outside)


def link_folder(bundle: Path) -> None:
    """A folder becomes a link to one outside with the same content."""
    outside = bundle.parent.parent / "raw"
    (bundle / "raw").rename(outside)
    (bundle / "raw").symlink_to(outside)


def another_key(bundle: Path) -> None:
    """Everything is made again and signed with a key of the forger's."""
    change_and_list(bundle)
    (bundle / "SHA256SUMS.sig").write_bytes(OTHER.sign((bundle / "SHA256SUMS").read_bytes()))


def another_start(bundle: Path) -> None:
    """The start record that was written before the drill is another."""
    path = bundle.parent / "starts" / f"{NAME}.json"
    path.write_bytes(START_RECORD.replace(b"something else", b"something new"))


def added(name: str) -> Callable[[Path], None]:
    """A file is added under this name."""

    def add(bundle: Path) -> None:
        (bundle / name).write_text("added")

    return add


TAMPERING = [
    ("changed", change, ["changed"], "drill.json: FAILED"),
    ("listed", change_and_list, ["signature"], "Verification failure"),
    ("missing", lambda b: (b / "raw/sql/counts.sql").unlink(), ["missing"], "counts.sql: FAILED open or read"),
    ("swapped", swap, ["swapped", "swapped"], "manifest.json: FAILED\n(.*\n)*raw/aws/restore.json: FAILED"),
    ("added", added("raw/aws/more.json"), ["added"], "ADDED: raw/aws/more.json"),
    ("hidden", added("raw/.hidden"), ["added"], r"ADDED: raw/\.hidden"),
    ("two dots", added("..more"), ["added"], r"ADDED: \.\.more"),
    ("as a seal", added("raw/SHA256SUMS.sig"), ["added"], "ADDED: raw/SHA256SUMS.sig"),
    ("two names", added("drill.json\nmanifest.json"), ["added"], "ADDED: "),
    ("for echo", added("\\c"), ["added"], r"ADDED: \\c"),
    ("stamp", added("SHA256SUMS.sig.tsr"), ["added"], "ADDED: SHA256SUMS.sig.tsr"),
    ("link", link, ["link"], r"ADDED: drill.json \(a link\)"),
    ("folder", link_folder, ["missing"] * 3 + ["added"], r"ADDED: raw \(a link\)"),
    ("key", another_key, ["signature"], "Verification failure"),
    ("unsigned", lambda b: (b / "SHA256SUMS.sig").unlink(), ["unsigned"], "UNSIGNED: SHA256SUMS.sig is not there"),
    (
        "half",
        lambda b: (b / "SHA256SUMS.sig").write_bytes(b"half"),
        ["signature"],
        "signature of SHA256SUMS is damaged",
    ),
    ("empty", lambda b: (b / "SHA256SUMS.sig").write_bytes(b""), ["signature"], "signature of SHA256SUMS is damaged"),
    ("cut", lambda b: cut(b / "SHA256SUMS.sig"), ["signature"], "signature of SHA256SUMS is damaged"),
    ("folder alone", lambda b: (b / "raw/more").mkdir(), ["added"], r"ADDED: raw/more \(an empty folder\)"),
    ("folder for echo", lambda b: (b / ".more/\\c").mkdir(parents=True), ["added"], r"ADDED: \.more/\\c \(an empty"),
    ("start", another_start, ["start"], "ANOTHER START: start.json is not ../starts/"),
    ("no start", lambda b: (b.parent / "starts" / f"{NAME}.json").unlink(), ["start"], "NO START: "),
]


@pytest.mark.parametrize(
    ("name", "tamper", "kinds", "said"), TAMPERING, ids=[each[0].replace(" ", "-") for each in TAMPERING]
)
def test_tampering_is_refused(
    bundle: Path, key: Path, name: str, tamper: Callable[[Path], None], kinds: list[str], said: str
) -> None:
    """The commands and the library agree, and each kind has a message of its own."""
    text = (bundle / "VERIFY.md").read_text()
    tamper(bundle)
    outcome = verify_by_hand(text, bundle, key)
    problems = check_bundle(bundle, KEY)

    assert sorted(each.kind for each in problems) == sorted(kinds)
    assert all(each.file in each.sentence for each in problems)
    assert not outcome.accepted
    assert re.search(said, outcome.text), outcome.text


def test_a_page_that_was_replaced_accuses_no_seal(bundle: Path) -> None:
    """What else is there is no longer judged by it."""
    (bundle / "VERIFY.md").write_text("Nothing to verify.")

    assert [(each.kind, each.file) for each in check_bundle(bundle, KEY)] == [("changed", "VERIFY.md")]


@pytest.mark.parametrize("seal", [Seal(), SIGNED, Seal(SIGNER, lambda signature: b"", "https://tsa.example/v1")])
def test_other_commands_are_told_though_they_are_signed(tmp_path: Path, seal: Seal) -> None:
    """The page of a bundle is compared with what this version writes, with a key and without; ours is never accused."""
    bundle = entry(tmp_path, seal)
    page = bundle / "VERIFY.md"
    for given in (KEY, None):
        assert note_of_commands(bundle, given) is None
    page.write_text(page.read_text().replace("sha256sum -c SHA256SUMS", "echo OK"))
    for given in (KEY, None):
        assert "take them from docs/evidence.md" in (note_of_commands(bundle, given) or "")


def test_the_key_that_the_page_names_is_the_one_that_verifies(bundle: Path) -> None:
    """Another fingerprint in it is other commands."""
    page = bundle / "VERIFY.md"
    page.write_text(page.read_text().replace(SIGNER.fingerprint, OTHER.fingerprint))

    assert note_of_commands(bundle, KEY)


def test_a_signature_that_was_added_to_an_unsigned_bundle_was_added(tmp_path: Path, key: Path) -> None:
    """The bundle says itself that it is not signed."""
    bundle = entry(tmp_path, Seal())
    (bundle / "SHA256SUMS.sig").write_bytes(SIGNER.sign((bundle / "SHA256SUMS").read_bytes()))

    assert [each.kind for each in check_bundle(bundle, KEY)] == ["added"]
    assert "ADDED: SHA256SUMS.sig" in verify_by_hand((bundle / "VERIFY.md").read_text(), bundle, key).text


def test_a_time_stamp_is_verified(tmp_path: Path, key: Path, tsa: Authority) -> None:
    """With the authority's certificate, in the commands and here."""
    bundle = entry(tmp_path, Seal(SIGNER, TimeStamper(tsa.url), tsa.url))
    outcome = verify_by_hand((bundle / "VERIFY.md").read_text(), bundle, key, tsa.certificate)

    assert outcome.accepted, outcome.text
    assert "Verification: OK" in outcome.text
    assert check_bundle(bundle, KEY) == ()
    assert isinstance(check_stamp(bundle / "SHA256SUMS.sig", tsa.certificate), datetime)


def test_a_time_stamp_that_was_taken_away_or_exchanged_is_found(tmp_path: Path, key: Path, tsa: Authority) -> None:
    """It is in no list, and still it cannot disappear: VERIFY.md, which is sealed, says that it was there."""
    bundle = entry(tmp_path, Seal(SIGNER, TimeStamper(tsa.url), tsa.url))
    text = (bundle / "VERIFY.md").read_text()
    (bundle / "SHA256SUMS.sig.tsr").write_bytes(TimeStamper(tsa.url)(b"of another bundle"))

    found = check_stamp(bundle / "SHA256SUMS.sig", tsa.certificate)
    assert isinstance(found, Problem)
    assert (found.kind, found.file) == ("stamp", "SHA256SUMS.sig.tsr")
    assert "Verification: FAILED" in verify_by_hand(text, bundle, key, tsa.certificate).text
    (bundle / "SHA256SUMS.sig.tsr").unlink()
    assert [each.kind for each in check_bundle(bundle, KEY)] == ["missing"]
    assert not verify_by_hand(text, bundle, key, tsa.certificate).accepted


@pytest.mark.parametrize("given", ["{home}/absent.pem", "relative.pem", "{home}"])
def test_a_key_that_is_none_has_no_fingerprint(bundle: Path, tmp_path: Path, given: str) -> None:
    """The first block names the file that it looked for, and fails."""
    text = (bundle / "VERIFY.md").read_text()
    first = f"```sh\n{blocks(text)[0]}```\n"
    outcome = verify_by_hand(first, bundle, Path(given.format(home=tmp_path)))

    assert not outcome.accepted
    assert "e3b0c442" not in outcome.text
    assert re.match("NO KEY: /.* is no public key", outcome.text), outcome.text


def test_the_document_has_the_commands_word_for_word() -> None:
    """Who doubts the VERIFY.md of a bundle finds the same commands in docs/evidence.md, in their order."""
    page = (CHECKOUT / "docs" / "evidence.md").read_text(encoding="utf-8")
    plain, stamped = (verify_md.render(FILES, Seal(SIGNER, stamp)) for stamp in (None, lambda signature: b""))
    ours, with_stamp, shown = (blocks(text) for text in (plain, stamped, page))
    stamps = [block for block in with_stamp if "openssl ts" in block]

    assert len(stamps) == 1
    assert shown == [*ours[:4], *stamps, *ours[4:]]
