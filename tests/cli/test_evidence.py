"""`drills evidence keygen` and `drills evidence verify`: what they say, and their exit codes."""

from __future__ import annotations

import json
import shlex
import shutil
import stat
from pathlib import Path

import pytest

from drills.cli.main import main
from drills.evidence.bundle import write_bundle
from drills.evidence.keys import PASSPHRASE_VARIABLE, read_public_key, read_signer
from drills.evidence.seal import Seal
from drills.evidence.timestamp import TimeStamper
from tests.support import ledger
from tests.support.evidence import FILES, PUBLIC, SIGNED, SIGNER
from tests.support.full_disk import nothing_can_be_written
from tests.support.tsa import Authority, tsa

__all__ = ["tsa"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, on a machine that is no CI runner."""
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", PASSPHRASE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drill.pub.pem").write_text(PUBLIC)
    return tmp_path


@pytest.fixture
def bundle(home: Path) -> Path:
    """A bundle outside of a chain."""
    return write_bundle(home / "bundle", {"drill.json": FILES["drill.json"]}, SIGNED).folder


def test_a_key_is_made_for_its_owner_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The private key has mode 0600, the public one fits it, and the fingerprint is said."""
    assert main(["evidence", "keygen", "-o", "orders.pem"]) == 0

    signer = read_signer("orders.pem", {})
    said = capsys.readouterr().out
    assert stat.S_IMODE((home / "orders.pem").stat().st_mode) == 0o600
    assert read_public_key(home / "orders.pub.pem").fingerprint == signer.fingerprint
    assert f"fingerprint {signer.fingerprint}" in said
    assert "PRIVATE" not in said


def test_a_key_can_be_encrypted(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The passphrase comes from the environment; without one nothing is made."""
    assert main(["evidence", "keygen", "--encrypt", "-o", "orders.pem"]) == 2
    assert not (home / "orders.pem").exists()
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    assert main(["evidence", "keygen", "--encrypt", "-o", "orders.pem"]) == 0

    captured = capsys.readouterr()
    assert "ENCRYPTED" in (home / "orders.pem").read_text()
    assert read_signer("orders.pem", {PASSPHRASE_VARIABLE: "correct horse"}).sign(b"data")
    assert "horse" not in captured.out + captured.err


@pytest.mark.parametrize("taken", ["orders.pem", "orders.pub.pem"])
def test_a_key_is_never_written_over(home: Path, taken: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the private key nor the public one."""
    (home / taken).write_text("taken")

    assert main(["evidence", "keygen", "-o", "orders.pem"]) == 2
    assert f"expected no file {taken}, found one" in capsys.readouterr().err
    assert (home / taken).read_text() == "taken"


@pytest.mark.parametrize("place", [".", "/", "..", "-", "orders.pub.pem", "keys/.."])
def test_a_key_is_written_to_a_file(home: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, the output and the name of a public key are none: 2, in one sentence, and nothing is made."""
    before = sorted(home.iterdir())
    assert main(["evidence", "keygen", "-o", place]) == 2
    said = capsys.readouterr().err
    assert (f'found "{place}"' in said, len(said.splitlines()), sorted(home.iterdir())) == (True, 1, before)


def test_half_a_pair_of_keys_does_not_stay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the public key cannot be written: its name is four characters longer."""
    assert main(["evidence", "keygen", "-o", f"{'k' * 250}.pem"]) == 12
    assert "File name too long" in capsys.readouterr().err
    assert [path.name for path in home.iterdir()] == ["drill.pub.pem"]


def test_a_key_that_could_not_be_written_leaves_no_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk leaves an empty one else, over which the next call refuses to write."""
    with nothing_can_be_written():
        assert main(["evidence", "keygen", "-o", "orders.pem"]) == 12
    assert [path.name for path in home.iterdir()] == ["drill.pub.pem"]
    assert main(["evidence", "keygen", "-o", "orders.pem"]) == 0


def test_the_command_that_shows_a_fingerprint_can_be_typed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the file is called."""
    assert main(["evidence", "keygen", "-o", "it's mine; rm.pem"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(line.partition(" | ")[0])[4] == "it's mine; rm.pub.pem"


@pytest.mark.parametrize("name", ["CI", "GITHUB_ACTIONS", "GITLAB_CI"])
def test_no_key_is_made_on_a_ci_runner(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There it would be lost or leaked with the job; the sentence says where it comes from instead."""
    monkeypatch.setenv(name, "true")

    assert main(["evidence", "keygen"]) == 2
    assert f"found a CI runner ({name}=true)" in (said := capsys.readouterr().err)
    assert 'key = "env:NAME"' in said
    assert not (home / "drill.pem").exists()


def test_what_is_as_it_was_sealed_is_0(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bundle, and a chain of them, with the key's fingerprint."""
    ledger.kept(bundle.parent / "chain", "20261123-120000-a1b2")
    for folder in (bundle, bundle.parent / "chain"):
        assert main(["evidence", "verify", str(folder), "--key", "drill.pub.pem"]) == 0
        assert (
            f"1 bundle: all as it was signed with drill.pub.pem, fingerprint {SIGNER.fingerprint}"
            in capsys.readouterr().out
        )


def test_what_is_not_as_it_was_sealed_is_11(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem is a line with its kind and its file; with --json a program reads the same."""
    (bundle / "drill.json").write_bytes(b"{}")
    (bundle / "more\x1b[31m.json").write_bytes(b"{}")

    assert main(["evidence", "verify", "bundle", "--key", "drill.pub.pem"]) == 11
    said = capsys.readouterr().out
    assert "changed: drill.json was changed after it was sealed" in said
    assert "added: more\\x1b[31m.json is a file that was not sealed" in said
    assert "1 bundle: 2 things not as sealed" in said
    assert main(["evidence", "verify", "bundle", "--key", "drill.pub.pem", "--json"]) == 11
    facts = json.loads(capsys.readouterr().out)
    assert facts["exit_code"] == 11
    assert {(each["kind"], each["file"]) for each in facts["problems"]} == {
        ("changed", "drill.json"),
        ("added", "more\x1b[31m.json"),
    }


def test_another_key_says_nothing_of_the_commands(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the signature is by another key, VERIFY.md is held against its own fingerprint; other commands are told."""
    assert main(["evidence", "keygen", "-o", "other.pem"]) == 0
    verify = ["evidence", "verify", "bundle", "--key", "other.pub.pem"]
    capsys.readouterr()
    assert main(verify) == 11
    said = capsys.readouterr().out
    assert ("signature: " in said, "note: VERIFY.md" in said) == (True, False)
    with (bundle / "VERIFY.md").open("a") as file:
        file.write("true\n")
    assert main(verify) == 11
    assert "note: VERIFY.md is not as this version writes it" in capsys.readouterr().out


def test_in_a_chain_a_problem_names_its_bundle(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two bundles can have the same trouble; what is wrong with the chain itself is said too."""
    chain = home / "chain"
    for run in ("a", "b", "c"):
        ledger.kept(chain, run)
    (chain / "0002-b" / "SHA256SUMS.sig").unlink()
    shutil.rmtree(chain / "0003-c")

    assert main(["evidence", "verify", "chain", "--key", "drill.pub.pem"]) == 11
    said = capsys.readouterr().out
    assert "unsigned: 0002-b: expected a signature in SHA256SUMS.sig" in said
    assert "start: no result: 0003-c was started and has no bundle" in said


def test_a_bundle_without_its_chain_says_what_was_not_checked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0, since nothing of it is changed; a chain without its start records is 11, since they would show what was removed."""
    ledger.kept(home / "chain", "a")
    shutil.copytree(home / "chain" / "0001-a", home / "0001-a")
    assert main(["evidence", "verify", "0001-a", "--key", "drill.pub.pem"]) == 0
    assert "note: this bundle stands alone: there is no starts/ beside it; not checked: its place" in (
        capsys.readouterr().out
    )
    shutil.rmtree(home / "chain" / "starts")
    assert main(["evidence", "verify", "chain", "--key", "drill.pub.pem"]) == 11
    said = capsys.readouterr().out
    assert ("missing: starts/ is not there" in said, "1 thing not as sealed" in said) == (True, True)


def test_a_newest_entry_that_was_dropped_is_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the digest that a reader was told: 11 where no entry has it, and a note where the chain has grown since."""
    first, second = (ledger.kept(home / "chain", run) for run in "ab")
    verify = ["evidence", "verify", "chain", "--key", "drill.pub.pem"]
    assert main(verify) == 0
    assert f"newest entry: number 2, 0002-b, digest {second.digest}\n" in capsys.readouterr().out
    assert main([*verify, "--newest", first.digest.upper(), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["newest"] == {"number": 2, "name": "0002-b", "digest": second.digest, "digest_of": "SHA256SUMS"}
    assert facts["notes"][1:] == ["0001-a has the digest that was the newest one, and 1 entry came after it"]
    shutil.rmtree(second.folder)
    for path in (home / "chain" / "starts").glob("0002-b*"):
        path.unlink()
    assert main(verify) == 0
    capsys.readouterr()
    assert main([*verify, "--newest", second.digest]) == 11
    found = f"expected an entry with the digest {second.digest}, which was the newest one, found none"
    assert f"newest: {found}: the newest one here is 0001-a with {first.digest}" in capsys.readouterr().out
    assert main([*verify, "--newest", "0002-b"]) == 2
    assert "64 hexadecimal digits" in capsys.readouterr().err


def test_a_reader_is_not_told_to_do_an_operators_work(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a drill without a result the reader is told what it means; how it is sealed the operator's own check says."""
    ledger.kept(home / "reports/evidence/sandbox-orders", "a")
    begun = ledger.started(home / "reports/evidence/sandbox-orders", ledger.opening("b"))
    (home / "drill.toml").write_text("[targets.orders]\n")
    shutil.copytree(begun.path.parent.parent / "0001-a", begun.path.parent.parent / "0003-c")
    assert main(["evidence", "verify", "reports/evidence/sandbox-orders", "--key", "drill.pub.pem"]) == 11
    said = capsys.readouterr().out
    assert "start: no result: 0002-b was started and has no bundle: its drill, begun 2026-" in said
    assert "goes on on another machine, or was ended before it could be sealed, or the bundle was removed" in said
    assert "start: no start: 0003-c has no starts/0003-c.json beside it" in said
    assert "evidence seal" not in said
    assert main(["ledger", "check", "--max-age", "35d"]) == 11
    assert (
        "drills evidence seal reports/out/b seals what is known of it, typed where that folder is"
        in capsys.readouterr().out
    )
    assert main(["ledger", "list"]) == 0
    assert "0002 has no result: it goes on on another machine, or was ended, and drills" in capsys.readouterr().out


def test_without_a_key_it_is_said_that_nothing_was_proved(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sums alone find damage; the word "signed" does not fall."""
    assert main(["evidence", "verify", "bundle", "--unsigned"]) == 0
    assert "no signature was verified, so that anybody can have made them" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["empty/no", "--unsigned"],
            "found nothing at empty/no: name the folder that you were given, or the one that a run",
        ),
        (["absent", "--unsigned"], "found nothing at absent; . has bundle: name one of these, such as bundle"),
        (["empty", "--unsigned"], "found neither SHA256SUMS nor starts/ in empty: name the folder that you were given"),
        (["drill.pub.pem", "--unsigned"], "found the file drill.pub.pem; . has bundle: name one of these"),
        (["run", "--unsigned"], "found the folder of a run, run, whose bundle lies in its chain: name the folder"),
        (["bundle"], "expected --key PUB or --unsigned, found neither"),
        (["bundle", "--unsigned", "--key", "drill.pub.pem"], "found both"),
        (["bundle", "--key", "absent.pem"], "absent.pem: expected a public key"),
        (["bundle", "--key", "bundle/SHA256SUMS"], "found something else"),
    ],
)
def test_wrong_usage_is_2(
    bundle: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no evidence and no key is neither good nor tampered with."""
    (bundle.parent / "empty").mkdir()
    (bundle.parent / "run").mkdir()
    (bundle.parent / "run" / "drill.json").touch()

    assert main(["evidence", "verify", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_list_that_is_a_link_cannot_be_verified(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """12: whatever it stands for is no part of the bundle."""
    (bundle / "SHA256SUMS").rename(bundle.parent / "elsewhere")
    (bundle / "SHA256SUMS").symlink_to(bundle.parent / "elsewhere")

    assert main(["evidence", "verify", "bundle", "--key", "drill.pub.pem"]) == 12
    assert "expected a bundle with SHA256SUMS" in capsys.readouterr().err


def test_a_time_stamp_is_verified_with_its_authority(
    home: Path, tsa: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its time is said; without the certificate it is said that it was not verified."""
    ledger.kept(home / "chain", "a", seal=Seal(SIGNER, TimeStamper(tsa.url), tsa.url))
    given = ["evidence", "verify", "chain", "--key", "drill.pub.pem"]
    assert main(given) == 0
    assert "2 time stamps not verified: --tsa-ca takes" in capsys.readouterr().out
    assert main([*given, "--tsa-ca", str(tsa.certificate)]) == 0
    said = capsys.readouterr().out
    assert "starts/0001-a.json.sig: was there at " in said
    assert "0001-a/SHA256SUMS.sig: was there at " in said
    (home / "chain/0001-a/SHA256SUMS.sig.tsr").write_bytes(b"no stamp")
    assert main([*given, "--tsa-ca", str(tsa.certificate)]) == 11
    assert "stamp: 0001-a/SHA256SUMS.sig.tsr: the time stamp does not verify" in capsys.readouterr().out


def test_a_time_stamp_that_was_asked_for_has_to_be_there(
    home: Path, bundle: Path, tsa: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is none it is 11, where some have none they are named, and a file without certificates is wrong usage."""
    given = ["evidence", "verify", "bundle", "--key", "drill.pub.pem", "--tsa-ca"]
    assert main([*given, str(tsa.certificate)]) == 11
    assert "stamp: expected a time stamp, since --tsa-ca asks for it" in capsys.readouterr().out
    for name, found in (("absent.pem", "found: No such file"), ("bundle/drill.json", "found none")):
        assert main([*given, name]) == 2
        assert f"{name}: expected certificates as PEM text, {found}" in capsys.readouterr().err
    ledger.kept(home / "chain", "a")
    ledger.kept(home / "chain", "b", seal=Seal(SIGNER, TimeStamper(tsa.url), tsa.url))
    given[2] = "chain"
    assert main([*given, str(tsa.certificate)]) == 0
    assert "2 of 4 signatures without a time stamp: starts/0001-a.json.sig, 0001-a/SHA256SUMS.sig" in (
        capsys.readouterr().out
    )
    (home / "chain/0002-b/start.json.sig.tsr").write_bytes(b"")
    (home / "chain/starts/0002-b.json.sig.tsr").unlink()
    assert main([*given, str(tsa.certificate)]) == 11
    assert "missing: starts/0002-b.json.sig.tsr is not there, and 0002-b has a copy" in capsys.readouterr().out


def test_a_signed_chain_needs_its_key(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A configuration without it is wrong, which is 2 and no drill that could not run; nothing of a run is left."""
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    (home / "drill.toml").write_text('[targets.orders]\nvault = "drills-vault"\n')
    ledger.kept(home / "reports/evidence/sandbox-orders", "a")

    assert main(["run"]) == 2
    assert "expected a key, since the runs in reports/evidence/sandbox-orders are signed, found none: set key in" in (
        capsys.readouterr().err
    )
    assert sorted(path.name for path in (home / "reports/evidence/sandbox-orders/starts").iterdir()) == [
        "0001-a.json",
        "0001-a.json.sig",
    ]


@pytest.mark.parametrize(
    "line", ['key = "arn:aws:kms:eu-central-1:123456789012:key/11112222-3333"', 'store = "s3://evidence"']
)
def test_what_aws_would_keep_is_refused_for_a_run_in_the_sandbox(
    home: Path, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its AWS is not there when the run is announced; the sentence says what to set, and nothing was begun."""
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    (home / "drill.toml").write_text(f"[evidence]\n{line}\n")

    assert main(["run"]) == 2
    said = capsys.readouterr().err
    assert "begins and ends with the run" in said
    assert "set others in [profiles.sandbox.evidence]" in said
    assert not (home / "reports").exists()
