"""Good bundles are accepted, and every kind of tampering is refused: by the commands of VERIFY.md and by the library alike."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from drills.evidence import verify_md
from drills.evidence.bundle import write_bundle, write_sealed
from drills.evidence.check import Problem, check_bundle, check_stamp
from drills.evidence.folder import verify_chain
from drills.evidence.keys import generate_pem, load_public_key, read_signer
from drills.evidence.seal import Seal
from drills.evidence.sums import write_sums
from drills.evidence.timestamp import TimeStamper
from drills.printable import to_json
from tests.support import ledger
from tests.support.evidence import FILES, PUBLIC, SIGNER
from tests.support.paths import CHECKOUT
from tests.support.plain import verify_by_hand
from tests.support.tsa import Authority, authority

KEY = load_public_key(PUBLIC.encode(), "drill.pub.pem")
OTHER = read_signer("env:K", {"K": generate_pem()})
NAME = "0001-20261129-a"


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """One authority for time stamps."""
    with authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The public key, outside of the bundle."""
    path = tmp_path / "drill.pub.pem"
    path.write_text(PUBLIC)
    return path


def start(name: str, previous: str = "") -> bytes:
    """A start record."""
    return (
        to_json(
            {
                "sequence": int(name[:4]),
                "run_id": name[5:],
                "previous": previous,
                "config": {"previous": "of something else"},
            }
        )
        + "\n"
    ).encode()


def entry(chain: Path, name: str, previous: str = "", seal: Seal = Seal(SIGNER)) -> str:  # noqa: B008 (it is frozen)
    """An entry of a chain, with its start record; returns the digest of its bundle."""
    record = start(name, previous)
    write_sealed(chain / "starts" / f"{name}.json", record, seal)
    return write_bundle(chain / name, {**FILES, "start.json": record}, seal).digest


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The one bundle of a chain."""
    entry(tmp_path / "chain", NAME)
    return tmp_path / "chain" / NAME


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_good_bundle_is_accepted(bundle: Path, key: Path, shell: str) -> None:
    """Nothing whole is accused, with a shell of POSIX alone and with bash."""
    outcome = verify_by_hand((bundle / "VERIFY.md").read_text(), bundle, key, shell=shell)

    assert outcome.accepted, outcome.text
    assert check_bundle(bundle, KEY) == ()
    assert "Verified OK" in outcome.text
    assert "nothing was added" in outcome.text
    assert "1 entries up to " in outcome.text
    assert SIGNER.fingerprint in outcome.text


def test_a_good_unsigned_bundle_is_accepted_and_called_unsigned(tmp_path: Path, key: Path) -> None:
    """What can be said without a signature is said, and what cannot is not."""
    entry(tmp_path / "chain", NAME, seal=Seal())
    bundle = tmp_path / "chain" / NAME
    text = (bundle / "VERIFY.md").read_text()
    outcome = verify_by_hand(text, bundle, key)

    assert outcome.accepted, outcome.text
    assert "**Not signed** (level L0)" in text
    assert "openssl dgst" not in text


def test_a_bundle_outside_of_a_chain_has_no_word_of_one(tmp_path: Path, key: Path) -> None:
    """The steps are those that the bundle has something for."""
    bundle = write_bundle(tmp_path / "alone", {"drill.json": b"{}"}, Seal(SIGNER)).folder
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
    path.write_bytes(start(NAME).replace(b"something else", b"something new"))


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
    ("half", lambda b: (b / "SHA256SUMS.sig").write_bytes(b"half"), ["signature"], "Verification failure|Error"),
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


def test_a_signature_that_was_added_to_an_unsigned_bundle_was_added(tmp_path: Path, key: Path) -> None:
    """The bundle says itself that it is not signed."""
    entry(tmp_path / "chain", NAME, seal=Seal())
    bundle = tmp_path / "chain" / NAME
    (bundle / "SHA256SUMS.sig").write_bytes(SIGNER.sign((bundle / "SHA256SUMS").read_bytes()))

    assert [each.kind for each in check_bundle(bundle, KEY)] == ["added"]
    assert "ADDED: SHA256SUMS.sig" in verify_by_hand((bundle / "VERIFY.md").read_text(), bundle, key).text


def test_a_time_stamp_is_verified(tmp_path: Path, key: Path, tsa: Authority) -> None:
    """With the authority's certificate, in the commands and here."""
    entry(tmp_path / "chain", NAME, seal=Seal(SIGNER, TimeStamper(tsa.url), tsa.url))
    bundle = tmp_path / "chain" / NAME
    outcome = verify_by_hand((bundle / "VERIFY.md").read_text(), bundle, key, tsa.certificate)

    assert outcome.accepted, outcome.text
    assert "Verification: OK" in outcome.text
    assert check_bundle(bundle, KEY) == ()
    assert isinstance(check_stamp(bundle / "SHA256SUMS.sig", tsa.certificate), datetime)


def test_a_time_stamp_that_was_taken_away_or_exchanged_is_found(tmp_path: Path, key: Path, tsa: Authority) -> None:
    """It is in no list, and still it cannot disappear: VERIFY.md, which is sealed, says that it was there."""
    entry(tmp_path / "chain", NAME, seal=Seal(SIGNER, TimeStamper(tsa.url), tsa.url))
    bundle = tmp_path / "chain" / NAME
    text = (bundle / "VERIFY.md").read_text()
    (bundle / "SHA256SUMS.sig.tsr").write_bytes(TimeStamper(tsa.url)(b"of another bundle"))

    found = check_stamp(bundle / "SHA256SUMS.sig", tsa.certificate)
    assert isinstance(found, Problem)
    assert (found.kind, found.file) == ("stamp", "SHA256SUMS.sig.tsr")
    assert "Verification: FAILED" in verify_by_hand(text, bundle, key, tsa.certificate).text
    (bundle / "SHA256SUMS.sig.tsr").unlink()
    assert [each.kind for each in check_bundle(bundle, KEY)] == ["missing"]
    assert not verify_by_hand(text, bundle, key, tsa.certificate).accepted


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
    write_bundle(chain / "0002-b", {"start.json": start, "drill.json": record, "summary.md": b"better"}, Seal(SIGNER))


def put_in(chain: Path) -> None:
    """A bundle that nobody announced."""
    shutil.copytree(chain / "0003-c", chain / "0004-d")


def rename(chain: Path) -> None:
    """The newest run gets another name."""
    (chain / "0003-c").rename(chain / "0003-d")
    for path in sorted((chain / "starts").glob("0003-c*")):
        path.rename(path.with_name(path.name.replace("-c", "-d")))
    (chain / "0003-c").symlink_to("0003-d")  # where the commands are typed


def gut(chain: Path) -> None:
    """A bundle is emptied, and its folder left."""
    shutil.rmtree(chain / "0002-b")
    (chain / "0002-b").mkdir()


@pytest.mark.parametrize(
    ("tamper", "said", "sentence"),
    [
        (rename, "RENAMED: starts/0003-d.json is of the run ", "starts/0003-d.json is the start record of"),
        (gut, "EMPTIED: 0002-b has no SHA256SUMS", "0002-b"),
        (remove_result, "NO RESULT: 0002-b was started and has no bundle", "no result: 0002-b"),
        (remove_entry, "GAP: 0003-c is number 2 of what is here", "gap: there is neither"),
        (edit_start, "BAD SIGNATURE: starts/0002-b.json", "the signature of 0002-b.json"),
        (make_again, "BROKEN CHAIN: 0003-c does not follow", "0002-b"),
        (put_in, "NO START: 0004-d has no start record", "no start: 0004-d"),
    ],
)
def test_tampering_with_a_chain_is_refused(
    chain: Path, key: Path, tamper: Callable[[Path], None], said: str, sentence: str
) -> None:
    """Each kind is named by the commands, typed in the newest bundle, and by the library."""
    newest = chain / "0003-c"
    good = verify_by_hand((newest / "VERIFY.md").read_text(), newest, key)
    assert good.accepted, good.text
    assert "3 entries up to " in good.text
    assert verify_chain(chain, KEY) == ()
    tamper(chain)

    bad = verify_by_hand((newest / "VERIFY.md").read_text(), newest, key)
    assert not bad.accepted
    assert said in bad.text
    assert any(sentence in each.sentence for each in verify_chain(chain, KEY))


def test_the_document_has_the_commands_word_for_word() -> None:
    """Who doubts the VERIFY.md of a bundle finds the same commands in docs/evidence.md, in their order."""
    page = (CHECKOUT / "docs" / "evidence.md").read_text(encoding="utf-8")
    plain, stamped = (verify_md.render(FILES, Seal(SIGNER, stamp)) for stamp in (None, lambda signature: b""))
    blocks = [re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for text in (plain, stamped, page)]
    ours, with_stamp, shown = blocks
    stamps = [block for block in with_stamp if "openssl ts" in block]

    assert len(stamps) == 1
    assert shown == [*ours[:4], *stamps, *ours[4:]]
