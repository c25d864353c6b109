"""Each thing that does not verify in a bundle is named: its kind, its file, and what a reader should do."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable
from contextlib import chdir, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drills.errors import ConfigError, DrillError
from drills.evidence import check
from drills.evidence.bundle import write_bundle
from drills.evidence.check import Problem, check_bundle, check_signature, check_stamp, note_of_commands, note_of_place
from drills.evidence.keys import PublicKey, load_public_key
from drills.evidence.seal import Seal
from drills.evidence.sums import read_sums, write_sums
from drills.files import Unreadable
from tests.support.evidence import FILES, KEY, OTHER, SIGNED, SIGNER, write_sealed

STAMPED = Seal(SIGNER, lambda signature: b"token", "https://tsa.example/v1")
COPY = "take it from another copy"
NO_FILE = "is no ordinary file: do not read it; take it from another copy"
ASK = "ask who made the evidence for the file"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that is signed, and lies in no chain."""
    return write_bundle(tmp_path / "0001-a", FILES, SIGNED).folder


def sign(folder: Path) -> None:
    """Sign what the list says now."""
    (folder / "SHA256SUMS.sig").write_bytes(SIGNER.sign((folder / "SHA256SUMS").read_bytes()))


def swap(folder: Path) -> None:
    """Two files change their places."""
    for one, other in (("summary.md", "half"), ("manifest.json", "summary.md"), ("half", "manifest.json")):
        (folder / one).rename(folder / other)


def link(folder: Path) -> None:
    """A file is replaced by a link to what is the same."""
    shutil.copy(folder / "summary.md", folder.parent / "same")
    (folder / "summary.md").unlink()
    (folder / "summary.md").symlink_to(folder.parent / "same")


def put_socket(path: Path) -> None:
    """Put a socket there: no ordinary file, and one that cannot be opened where a pipe's reader would wait for ever."""
    with (
        chdir(path.parent),
        socket.socket(socket.AF_UNIX) as made,
    ):  # the whole path may be too long for a socket's name
        made.bind(path.name)


def no_file(folder: Path) -> None:
    """A file is replaced by what is none."""
    (folder / "summary.md").unlink()
    put_socket(folder / "summary.md")


def empty(folder: Path) -> None:
    """The only file of a folder is gone."""
    (folder / "raw/aws/restore.json").unlink()


def add(folder: Path) -> None:
    """One of each kind is put in, at the top and below."""
    (folder / ".hidden").touch()
    (folder / "raw/aws/more").symlink_to("restore.json")
    (folder / "raw/none/deep").mkdir(parents=True)
    put_socket(folder / "other")


def unlist(folder: Path) -> None:
    """A list of another order, signed by who has the key."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    (folder / "SHA256SUMS").write_text("\n".join(reversed(lines)) + "\n")
    sign(folder)


def scramble(folder: Path) -> None:
    """A list that is no text, signed by who has the key."""
    (folder / "SHA256SUMS").write_bytes(b"\xff\n")
    sign(folder)


def added(name: str, what: str) -> Problem:
    """What was put in."""
    return Problem("added", name, f"{name} is {what} that was not sealed: do not read it as evidence")


LINK = "is a link, which may stand for any file: do not read it as evidence; ask who made the evidence for the file"
LIST = "SHA256SUMS is not a list as it was written: {}: keep it, and ask who made the evidence"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda folder: None, []),
        (
            swap,
            [
                Problem("swapped", "manifest.json", "manifest.json holds what belongs in summary.md: take both from another copy"),
                Problem("swapped", "summary.md", "summary.md holds what belongs in manifest.json: take both from another copy"),
            ],
        ),
        (link, [Problem("link", "summary.md", f"summary.md {LINK}")]),
        (no_file, [Problem("missing", "summary.md", f"summary.md {NO_FILE}")]),
        (
            empty,
            [
                Problem(
                    "missing", "raw/aws/restore.json",
                    "raw/aws/restore.json is in the list and not in the folder: take it from another copy",
                )
            ],
        ),
        (
            lambda folder: (folder / "raw/junit.xml").write_text("<testsuites />\n"),
            [Problem("changed", "raw/junit.xml", "raw/junit.xml was changed after it was sealed: take it from another copy")],
        ),
        (
            add,
            [
                added(".hidden", "a file"), added("other", "no ordinary file"), added("raw/aws/more", "a link"),
                added("raw/none/deep", "an empty folder"),
            ],
        ),
        (unlist, [Problem("list", "SHA256SUMS", LIST.format("expected each name once, sorted by bytes"))]),
        (
            scramble,
            [Problem(
                "list", "SHA256SUMS",
                LIST.format("'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
            )],
        ),
    ],
    ids=["whole", "swapped", "link", "no file", "missing", "changed", "added", "list", "bytes"],
)  # fmt: skip
def test_what_was_done_to_a_bundle_is_named(bundle: Path, damage: Any, expected: list[Problem]) -> None:
    """Nothing else is accused with it, with the key and without."""
    damage(bundle)

    for key in (KEY, None):
        assert sorted(check_bundle(bundle, key), key=lambda each: each.file) == expected


def test_several_faults_are_each_named(bundle: Path) -> None:
    """In the order of the list; one hides no other behind it."""
    for name in ("drill.json", "raw/sql/counts.sql"):
        (bundle / name).write_text("other")
    no_file(bundle)
    empty(bundle)
    shutil.rmtree(bundle / "raw/sql")
    (bundle / "raw/sql").mkdir()
    (bundle / "raw/new").mkdir()

    assert [(each.kind, each.file) for each in check_bundle(bundle, KEY)] == [
        ("changed", "drill.json"),
        ("missing", "raw/aws/restore.json"),
        ("missing", "raw/sql/counts.sql"),
        ("missing", "summary.md"),
        ("added", "raw/new"),
    ]


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    """A change behind the first mebibyte is a change."""
    bundle = write_bundle(tmp_path / "0001-a", {**FILES, "big": bytes(3 << 20)}, SIGNED).folder
    assert check_bundle(bundle, KEY) == ()
    (bundle / "big").write_bytes(bytes((3 << 20) - 1) + b"1")
    assert [each.kind for each in check_bundle(bundle, KEY)] == ["changed"]


def test_a_name_of_any_bytes_is_shown(bundle: Path) -> None:
    """Bytes that are no UTF-8 are written as what they are."""
    Path(os.fsdecode(os.fsencode(bundle) + b"/\xff")).touch()
    assert check_bundle(bundle, KEY) == (added("\\xff", "a file"),)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "SHA256SUMS").unlink(),
        lambda folder: (folder / "SHA256SUMS").rename(folder / "sums") and (folder / "SHA256SUMS").symlink_to("sums"),
        shutil.rmtree,
        lambda folder: folder.rename(folder.parent / "moved") and folder.touch(),
    ],
    ids=["no list", "a link", "no folder", "a file"],
)
def test_what_is_no_bundle_is_an_error(bundle: Path, damage: Any) -> None:
    """With what was expected in which folder."""
    damage(bundle)
    with pytest.raises(DrillError, match=rf"^expected .*{bundle}.*, found"):
        check_bundle(bundle, None)


def test_a_folder_that_nothing_lies_in_is_no_bundle(tmp_path: Path) -> None:
    """The sentence says what to name."""
    message = f"^expected a bundle with SHA256SUMS in {tmp_path}, found none: name the folder of one$"
    with pytest.raises(DrillError, match=message):
        check_bundle(tmp_path, KEY)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
@pytest.mark.parametrize("named", [True, False])
def test_what_cannot_be_read_is_told_with_its_file(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, named: bool
) -> None:
    """A disk that fails and a file of another user are no tampering; the error's own file is named, else what was asked for."""
    file = str(bundle / "raw/junit.xml")
    error = type(error)(error.errno, error.strerror, *([file] if named else []))

    def fail(*_: object, **__: object) -> bytes:
        raise error

    monkeypatch.setattr(check, "_digest", fail)
    monkeypatch.setattr(PublicKey, "verify", fail)
    (bundle / "start.json.sig").write_bytes(SIGNER.sign(b""))
    calls: list[tuple[Path, Callable[[], object]]] = [
        (bundle, lambda: check_bundle(bundle, None)),
        (bundle / "start.json", lambda: check_signature(bundle / "start.json", KEY)),
    ]
    for asked, call in calls:
        told = file if named else str(asked)
        if isinstance(error, PermissionError):
            with pytest.raises(Unreadable, match=f"^expected to read {told}, found that this user may not"):
                call()
        else:
            with pytest.raises(DrillError, match=f"^expected to read {told}, found: Input/output error$"):
                call()


# -- the seals --------------------------------------------------------------------------------------------------------


def test_the_seals_that_are_there_are_those_that_the_page_tells_of(tmp_path: Path) -> None:
    """A stamp cannot be taken away unseen, nor one put in; where the page itself was changed, nothing is accused by it."""
    stamped = write_bundle(tmp_path / "1" / "0001-a", FILES, STAMPED).folder
    signed = write_bundle(tmp_path / "2" / "0001-a", FILES, SIGNED).folder
    plain = write_bundle(tmp_path / "3" / "0001-a", FILES, Seal()).folder
    assert [check_bundle(each, None) for each in (stamped, signed, plain)] == [(), (), ()]

    (stamped / "SHA256SUMS.sig.tsr").rename(signed / "SHA256SUMS.sig.tsr")
    missing = "SHA256SUMS.sig.tsr is not in the folder, and the bundle was sealed with a time stamp"
    assert check_bundle(stamped, KEY) == (Problem("missing", "SHA256SUMS.sig.tsr", missing),)
    assert check_bundle(signed, KEY) == (added("SHA256SUMS.sig.tsr", "a file"),)
    sign(plain)
    assert check_bundle(plain, None) == (added("SHA256SUMS.sig", "a file"),)

    for each in (stamped, signed, plain):
        with (each / "VERIFY.md").open("ab") as file:
            file.write(b"\xff")
        changed = Problem("changed", "VERIFY.md", f"VERIFY.md was changed after it was sealed: {COPY}")
        assert check_bundle(each, None) == (changed,)
        (each / "VERIFY.md").unlink()
        assert [problem.kind for problem in check_bundle(each, None)] == ["missing"]


def test_a_seal_is_a_file(bundle: Path) -> None:
    """A link in its place is none, and neither is another kind of file."""
    signature = bundle / "SHA256SUMS.sig"
    signature.rename(bundle.parent / "moved")
    signature.symlink_to(bundle.parent / "moved")
    found = (Problem("link", "SHA256SUMS.sig", f"SHA256SUMS.sig {LINK}"), added("SHA256SUMS.sig", "a link"))
    assert check_bundle(bundle, KEY) == found

    signature.unlink()
    put_socket(signature)
    assert check_bundle(bundle, KEY) == (
        Problem("list", "SHA256SUMS.sig", "SHA256SUMS.sig is no ordinary file: do not read it as evidence"),
        added("SHA256SUMS.sig", "no ordinary file"),
    )


def test_a_page_that_is_no_utf_8_tells_of_its_seals_all_the_same(bundle: Path) -> None:
    """As it was listed and signed; no other version's page ends the verification."""
    page = bundle / "VERIFY.md"
    page.write_bytes(page.read_bytes() + b"\xff")
    listed = read_sums((bundle / "SHA256SUMS").read_text())
    (bundle / "SHA256SUMS").write_text(write_sums({**listed, "VERIFY.md": check._digest(page)}))
    sign(bundle)

    assert check_bundle(bundle, KEY) == ()
    assert note_of_commands(bundle, KEY) is not None


def test_a_bundle_whose_page_is_in_no_list_has_it_put_in(bundle: Path) -> None:
    """A list without it says nothing of the seals."""
    listed = read_sums((bundle / "SHA256SUMS").read_text())
    del listed["VERIFY.md"]
    (bundle / "SHA256SUMS").write_text(write_sums(listed))
    sign(bundle)

    assert check_bundle(bundle, KEY) == (added("VERIFY.md", "a file"),)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record that is sealed by itself."""
    path = tmp_path / "0001-a.json"
    write_sealed(path, b"{}\n", SIGNED)
    return path


def test_a_signature_says_by_which_key_it_is(record: Path) -> None:
    """None, one of no key, one of another key, and one of other data are told apart; the key is shown by its name."""
    signature = record.with_name("0001-a.json.sig")
    assert check_signature(record, KEY) == ()
    assert check_signature(record, KEY, b"{}\n") == ()
    changed = Problem(
        "signature", "0001-a.json",
        f"the signature of 0001-a.json is not by the key drill.pub.pem ({KEY.fingerprint[:16]}…), or 0001-a.json or its signature "
        "was changed after it was signed: compare the key's fingerprint with the published one; if they are equal, do not trust "
        "this folder",
    )  # fmt: skip
    assert check_signature(record, KEY, b"[]\n") == (changed,)
    signature.write_bytes(OTHER.sign(b"{}\n"))
    assert check_signature(record, KEY) == (changed,)
    signature.write_bytes(b"")
    assert check_signature(record, KEY) == (
        Problem(
            "signature", "0001-a.json",
            "the signature of 0001-a.json is damaged: 0001-a.json.sig holds no signature of any key: take it from another copy; "
            "until then nothing shows who made 0001-a.json",
        ),
    )  # fmt: skip
    signature.unlink()
    assert check_signature(record, KEY) == (
        Problem(
            "unsigned", "0001-a.json",
            "expected a signature in 0001-a.json.sig, found none: nothing shows who made 0001-a.json: ask for it, or take another "
            "copy",
        ),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["0001-a.json", "0001-a.json.sig"])
def test_what_is_signed_and_its_signature_are_files(record: Path, name: str) -> None:
    """A link to the same bytes may stand for others tomorrow."""
    path = record.with_name(name)
    path.rename(record.with_name("moved"))
    path.symlink_to("moved")
    assert check_signature(record, KEY) == (Problem("link", name, f"{name} {LINK}"),)
    path.unlink()
    path.mkdir()
    assert check_signature(record, KEY) == (
        Problem("list", name, f"{name} is no ordinary file: do not read it as evidence"),
    )


def test_a_time_stamp_is_verified_where_there_is_one(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is none, and without the signature there is nothing that it could be of; a fault of the reader's own is theirs."""
    signature = record.with_name("0001-a.json.sig")
    token, authority = signature.with_name("0001-a.json.sig.tsr"), record.with_name("authority.pem")
    asked: list[object] = []
    answer: list[datetime | DrillError] = []

    def stamped_at(*given: object) -> datetime:
        asked.append(given)
        if isinstance(answer[0], DrillError):
            raise answer[0]
        return answer[0]

    monkeypatch.setattr(check, "stamped_at", stamped_at)
    assert check_stamp(signature, authority) is None
    token.write_bytes(b"token")
    answer[:] = [datetime(2026, 11, 29, tzinfo=UTC)]
    assert check_stamp(signature, authority) == answer[0]
    assert asked == [(b"token", signature.read_bytes(), authority)]
    answer[:] = [DrillError("it does not verify")]
    sentence = "0001-a.json.sig.tsr: it does not verify: take the certificate from the authority's own pages"
    assert check_stamp(signature, authority) == Problem("stamp", "0001-a.json.sig.tsr", sentence)
    answer[:] = [ConfigError("it holds no certificate")]
    with pytest.raises(ConfigError, match="it holds no certificate"):
        check_stamp(signature, authority)

    signature.unlink()
    assert check_stamp(signature, authority) is None
    write_sealed(record.with_name("b.json"), b"", SIGNED)
    record.with_name("b.json.sig").rename(signature)
    token.rename(record.with_name("moved"))
    token.symlink_to("moved")
    assert check_stamp(signature, authority) is None
    assert len(asked) == 3


# -- what is no fault, and the place in a chain -----------------------------------------------------------------------


@pytest.mark.parametrize("seal", [Seal(), SIGNED, STAMPED])
def test_the_page_of_a_bundle_is_as_this_version_writes_it(tmp_path: Path, seal: Seal) -> None:
    """Whoever verifies, with which key; other commands in it are told, though they may be signed."""
    folder = write_bundle(tmp_path / "0001-a", FILES, seal).folder
    for key in (KEY, None, load_public_key(OTHER.public_pem.encode(), "other.pem")):
        assert note_of_commands(folder, key) is None
    page = folder / "VERIFY.md"
    page.write_text(page.read_text().replace("sha256sum", "true"))
    for key in (KEY, None):
        assert note_of_commands(folder, key) == (
            "VERIFY.md is not as this version writes it: another version made it, or somebody put other commands into it; take "
            "them from docs/evidence.md"
        )


def test_a_page_that_names_another_key_is_not_by_the_one_that_signed(bundle: Path) -> None:
    """The fingerprint in it is held against the key; where that did not sign, the signature is what is wrong, and is said."""
    page = bundle / "VERIFY.md"
    page.write_text(page.read_text().replace(SIGNER.fingerprint, OTHER.fingerprint))
    assert note_of_commands(bundle, KEY) is not None
    assert note_of_commands(bundle, None) is None
    (bundle / "SHA256SUMS.sig").write_bytes(OTHER.sign((bundle / "SHA256SUMS").read_bytes()))
    assert note_of_commands(bundle, KEY) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "VERIFY.md").unlink(),
        lambda folder: (folder / "SHA256SUMS").unlink(),
        lambda folder: (folder / "SHA256SUMS").write_text("no list"),
        lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff\n"),
    ],
    ids=["no page", "no list", "another list", "bytes"],
)
def test_a_page_without_its_list_is_a_problem_and_no_note(bundle: Path, damage: Any) -> None:
    """Which the check of the bundle names."""
    page = bundle / "VERIFY.md"
    page.write_text(page.read_text() + "\nmore\n")
    damage(bundle)
    assert note_of_commands(bundle, KEY) is None


@pytest.mark.parametrize("name", ["VERIFY.md", "SHA256SUMS"])
def test_a_pipe_in_the_place_of_the_page_or_its_list_is_not_read(bundle: Path, name: str) -> None:
    """Its reader would wait for whoever writes to it; that it is none of the bundle's files is a problem, and no note."""
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    read = threading.Event()

    def write() -> None:
        with suppress(OSError), (bundle / name).open("w") as file:  # waits for a reader
            read.set()
            file.write("other commands\n")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        found = note_of_commands(bundle, KEY), read.is_set()
    finally:
        reader = os.open(bundle / name, os.O_RDWR)  # which lets the writer go on, whenever it opens the pipe
        writer.join()
        os.close(reader)
    assert found == (None, False)


def test_a_bundle_in_a_chain_was_announced(bundle: Path) -> None:
    """Its start record is the one beside it, byte by byte; a bundle that lies alone says nothing of it."""
    starts = bundle.parent / "starts"
    starts.mkdir()
    assert check_bundle(bundle, KEY) == (
        Problem(
            "start", "start.json",
            "no start: start.json has no starts/0001-a.json beside it: the record that is written before a drill was removed, or "
            "the bundle was put in later: take the chain from another copy, or ask who made it",
        ),
    )  # fmt: skip
    (starts / "0001-a.json").write_bytes(FILES["start.json"])
    assert check_bundle(bundle, KEY) == ()
    (starts / "0001-a.json").write_text("{}")
    other = "start.json is not starts/0001-a.json, which was written before the drill"
    assert check_bundle(bundle, KEY) == (Problem("start", "start.json", other),)
    (bundle / "start.json").unlink()
    assert [(each.kind, each.file) for each in check_bundle(bundle, KEY)] == [("missing", "start.json")]


def test_a_bundle_is_found_in_its_chain_by_a_relative_path(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by any other."""
    (bundle.parent / "starts").mkdir()
    monkeypatch.chdir(bundle)
    assert [each.kind for each in check_bundle(Path(), KEY)] == ["start"]
    assert note_of_place(Path()) is None


def test_a_bundle_that_lies_alone_says_what_was_not_checked(bundle: Path) -> None:
    """One in a chain, or that has none, does not."""
    assert note_of_place(bundle) == (
        "this bundle stands alone: there is no starts/ beside it; not checked: its place in its chain, whether it was announced "
        "before it began, and whether a drill was begun that has no result; ask for the whole chain to check these"
    )
    (bundle.parent / "starts").symlink_to("gone")  # which is a problem of the chain's
    assert note_of_place(bundle) is None
    (bundle.parent / "starts").unlink()
    (bundle / "start.json").unlink()
    assert note_of_place(bundle) is None


@pytest.mark.parametrize(
    ("put", "found"),
    [
        ("starts/x", True),
        ("0001-a/SHA256SUMS", True),
        ("reviews/0001-review-1.json", True),
        ("a-1/SHA256SUMS", False),
        ("0001-a/summary.md", False),
        ("reviews/x", False),
    ],
)
def test_what_is_left_of_a_chain_is_one(tmp_path: Path, put: str, found: bool) -> None:
    """Its start records, a bundle, or a review."""
    (tmp_path / put).parent.mkdir()
    (tmp_path / put).touch()
    assert check.is_chain(tmp_path) == found


def test_a_folder_that_this_user_may_not_read_may_be_a_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before it is taken for none."""
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(Unreadable):
        check.is_chain(tmp_path)
    with pytest.raises(Unreadable):
        check_bundle(tmp_path, None)


@pytest.mark.parametrize(
    ("name", "half"),
    [
        (".sealing-0001-a", True),
        ("starts/.0001-a.json", True),
        ("reviews/.0001-review-1.json.12", True),
        ("starts/.0001-a.json.sig", True),
        (".sealing-1-a", False),
        ("sealing-0001-a", False),
        (".0001-a.json", False),
        ("starts/0001-a.json", False),
        ("starts/.more.json", False),
    ],
)
def test_what_a_process_writes_is_known_by_its_name(name: str, half: bool) -> None:
    """And nothing else with a leading dot."""
    assert check.is_half_written(name) == half
