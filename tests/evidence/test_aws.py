"""Keys in KMS and evidence in S3, against the local AWS."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws.session import Clients, open_clients
from drills.clock import SystemClock
from drills.config.evidence import EvidenceConfig
from drills.config.profiles import SandboxProfile
from drills.errors import ConfigError, NotSealed
from drills.evidence.bundle import write_bundle
from drills.evidence.check import check_bundle
from drills.evidence.keeper import Keeper
from drills.evidence.keys import load_public_key
from drills.evidence.numbers import SharedChain
from drills.evidence.opening import open_seal, open_signer, open_store
from drills.evidence.seal import Seal
from drills.evidence.store import CONFLICTS, S3Store, put_bundle
from tests.support.evidence import FILES, KEY, SIGNED, SIGNER
from tests.support.ledger import CHAIN, draft, opening
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture
def clients(sandbox: RunningSandbox) -> Clients:
    """The clients of a run in the sandbox."""
    return open_clients(SandboxProfile(), environment={}, endpoint_url=sandbox.endpoint, role="stage")


def key_of(clients: Clients, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> str:
    """The ARN of a new key."""
    return str(clients.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])


def bucket_of(clients: Clients, *, lock: bool) -> str:
    """The name of a new bucket."""
    name = f"evidence-{uuid.uuid4().hex[:12]}"
    clients.client("s3").create_bucket(
        Bucket=name,
        ObjectLockEnabledForBucket=lock,
        CreateBucketConfiguration={"LocationConstraint": clients.region},
    )
    return name


def stored(url: str, **lock: str) -> EvidenceConfig:
    """The configuration of a store, as drill.toml writes it."""
    return EvidenceConfig.model_validate({"store": url, **lock})


@pytest.mark.parametrize("size", [1, 4096, 4097, 100_000])
def test_a_signature_of_kms_is_checked_with_openssl(clients: Clients, tmp_path: Path, size: int) -> None:
    """KMS signs a short message and the digest of a long one; both are verified without AWS."""
    signer = open_signer(key_of(clients), {}, lambda: clients)
    (tmp_path / "data").write_bytes(b"x" * size)
    (tmp_path / "sig").write_bytes(signer.sign(b"x" * size))
    (tmp_path / "pub.pem").write_text(signer.public_pem)
    command = ["openssl", "dgst", "-sha256", "-verify", "pub.pem", "-signature", "sig", "data"]

    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout == "Verified OK\n"


def test_a_bundle_of_kms_is_worth_more_than_one_of_a_file(clients: Clients, tmp_path: Path) -> None:
    """A key that nobody can copy is L2, under a lock that nobody can lift L3."""
    config = EvidenceConfig(key=key_of(clients))
    seal = open_seal(config, {}, lambda: clients)
    bundle = write_bundle(tmp_path / "0001-a", FILES, seal)
    assert seal.signer is not None

    assert check_bundle(bundle.folder, load_public_key(seal.signer.public_pem.encode(), "kms")) == ()
    assert bundle.level == "L2"
    assert Seal(seal.signer, locked=True).level == "L3"
    assert Seal(SIGNER, locked=True).level == "L1"


@pytest.mark.parametrize(("spec", "usage"), [("RSA_2048", "SIGN_VERIFY"), ("ECC_NIST_P384", "SIGN_VERIFY")])
def test_another_kind_of_kms_key_is_refused(clients: Clients, spec: str, usage: str) -> None:
    """The sentence says how the right one is made."""
    with pytest.raises(ConfigError, match=f"found {spec} and {usage}: aws kms create-key --key-spec ECC_NIST_P256"):
        open_signer(key_of(clients, spec, usage), {}, lambda: clients)


def test_a_kms_key_that_is_not_there_is_a_sentence(clients: Clients) -> None:
    """Evidence is then not sealed, with the right that is needed."""
    key = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"

    with pytest.raises(NotSealed, match="found NotFoundException: the caller needs kms:GetPublicKey"):
        open_signer(key, {}, lambda: clients)


def test_a_kms_key_that_does_not_fit_the_public_one_is_refused(clients: Clients, tmp_path: Path) -> None:
    """The key that a reader was told is the one that signs."""
    public = tmp_path / "drill.pub.pem"
    public.write_text(SIGNER.public_pem)

    with pytest.raises(ConfigError, match="found another"):
        open_seal(EvidenceConfig(key=key_of(clients), public_key=str(public)), {}, lambda: clients)


def test_a_digest_is_verified_as_it_is_signed(clients: Clients) -> None:
    """The local AWS takes a digest as AWS does: it is not hashed again, and has the length of its algorithm."""
    key = key_of(clients)
    usual: dict[str, Any] = {"KeyId": key, "SigningAlgorithm": "ECDSA_SHA_256"}
    digest = hashlib.sha256(b"data").digest()
    signature = clients.kms.sign(Message=digest, MessageType="DIGEST", **usual)["Signature"]

    assert clients.kms.verify(Message=b"data", MessageType="RAW", Signature=signature, **usual)["SignatureValid"]
    assert clients.kms.verify(Message=digest, MessageType="DIGEST", Signature=signature, **usual)["SignatureValid"]
    with pytest.raises(ClientError, match="Digest is invalid length"):
        clients.kms.sign(Message=b"short", MessageType="DIGEST", **usual)


def test_a_bundle_in_s3_is_locked_and_whole(clients: Clients, tmp_path: Path) -> None:
    """Each object has the mode and the date, and its digest is S3's own."""
    bucket = bucket_of(clients, lock=True)
    config = stored(f"s3://{bucket}/drills", lock="governance", retain="2555d")
    store = open_store(config, lambda: clients)
    bundle = write_bundle(tmp_path / "0001-a", FILES, SIGNED)
    assert store is not None

    store.check()
    put_bundle(store, bundle.folder, "sandbox-orders/0001-a")
    put_bundle(store, bundle.folder, "sandbox-orders/0001-a")  # again, as after a lost connection
    s3 = clients.client("s3")
    found = s3.list_object_versions(Bucket=bucket)["Versions"]
    head = s3.head_object(Bucket=bucket, Key="drills/sandbox-orders/0001-a/drill.json", ChecksumMode="ENABLED")

    assert sorted(each["Key"].removeprefix("drills/sandbox-orders/0001-a/") for each in found) == sorted(
        path.relative_to(bundle.folder).as_posix() for path in bundle.folder.rglob("*") if path.is_file()
    )
    assert SharedChain(store, "sandbox-orders").fetch(tmp_path / "fetched") == len(found)
    assert check_bundle(tmp_path / "fetched/sandbox-orders/0001-a", KEY) == ()
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=2554)
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(FILES["drill.json"]).digest()).decode()
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=found[0]["Key"], VersionId=found[0]["VersionId"])


def test_what_is_in_s3_is_never_written_over(clients: Clients) -> None:
    """Other content under a name that is taken is refused, and the first one stays."""
    bucket = bucket_of(clients, lock=False)
    store = open_store(EvidenceConfig(store=f"s3://{bucket}"), lambda: clients)
    assert store is not None
    store.put("starts/0001-a.json", b"first")

    with pytest.raises(NotSealed, match="nothing is written over"):
        store.put("starts/0001-a.json", b"second")
    assert clients.client("s3").get_object(Bucket=bucket, Key="starts/0001-a.json")["Body"].read() == b"first"


def test_a_bucket_without_a_lock_is_refused_before_anything_is_kept_in_it(clients: Clients) -> None:
    """A lock that was configured is there, or nothing is begun."""
    bucket = bucket_of(clients, lock=False)
    config = stored(f"s3://{bucket}", lock="compliance", retain="1d")
    store = open_store(config, lambda: clients)
    assert store is not None

    with pytest.raises(ConfigError, match='with Object Lock for lock = "compliance", found one without'):
        store.check()


def test_a_bucket_that_is_not_there_is_a_sentence(clients: Clients) -> None:
    """Evidence is then not sealed, and no right is said to be missing."""
    for lock in ({}, {"lock": "governance", "retain": "1d"}):
        store = open_store(stored("s3://no-such-bucket-here", **lock), lambda: clients)
        code = "NoSuchBucket" if lock else "404"
        missing = f'expected to keep evidence there, found {code}: there is no bucket "no-such-bucket-here": make it'
        assert store is not None
        with pytest.raises(NotSealed, match=missing):
            store.check()


def test_fresh_machines_take_their_numbers_from_a_bucket(clients: Clients, tmp_path: Path) -> None:
    """Two that begin at once with an empty folder get different numbers, under a lock too; the third goes on behind them."""
    for lock in ({}, {"lock": "governance", "retain": "1d"}):
        config = stored(f"s3://{bucket_of(clients, lock=bool(lock))}/drills", **lock)

        def begin(machine: str, config: EvidenceConfig = config) -> int:
            store = open_store(config, lambda: clients)
            work = tmp_path / f"{machine}-{config.lock}"
            work.mkdir()
            begun = Keeper(work / CHAIN, SIGNED, store, SystemClock()).begin(draft(opening(machine)), work)
            os.close(begun.held)
            return begun.record.sequence

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(begin, ("a", "b"))) == [1, 2]
        assert begin("c") == 3


class Refusing:
    """A client of S3 that answers whether there is a bucket with a number alone, as S3 does."""

    def __init__(self, code: str) -> None:
        self._code = code

    def head_bucket(self, **_: str) -> None:
        """Refuse."""
        raise ClientError({"Error": {"Code": self._code, "Message": "Bad Request"}}, "HeadBucket")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("404", '404: there is no bucket "b": make it, or correct the name of the store'),
        ("403", "403: the caller needs s3:ListBucket, and the bucket has to be one that it may read"),
        ("400", '400, of which S3 gives no reason: see that there is a bucket "b" and that the login is valid'),
        ("AccessDenied", "AccessDenied: the caller needs s3:ListBucket"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_said_as_far_as_s3_says_it(code: str, sentence: str) -> None:
    """One that is missing is no missing right, and where S3 gives no reason none is made up."""
    with pytest.raises(NotSealed) as refused:
        S3Store(Refusing(code), "s3://b/x", None, None, SystemClock().now).check()
    assert f"s3://b/x: expected to keep evidence there, found {sentence}" in str(refused.value)


class Conflicting:
    """A client of S3 that answers an upload with a conflict at first, which the local AWS never does."""

    def __init__(self, client: Any, conflicts: int) -> None:
        self._client, self._conflicts = client, conflicts

    def get_object(self, **given: Any) -> Any:
        """Answer as the local AWS does."""
        return self._client.get_object(**given)

    def put_object(self, **given: Any) -> Any:
        """Answer 409 as S3 does where another upload of the same name ends first."""
        if self._conflicts:
            self._conflicts -= 1
            answer: Any = {"Error": {"Code": "ConditionalRequestConflict", "Message": "conflict"}}
            raise ClientError(answer, "PutObject")
        return self._client.put_object(**given)


def test_a_conflict_of_two_uploads_is_tried_again(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object of whoever was first decides; where there is none yet, a few times within seconds, and then a sentence."""
    waited: list[float] = []

    class Waiting(SystemClock):
        def sleep(self, seconds: float) -> None:
            waited.append(seconds)

    monkeypatch.setattr("drills.evidence.store.SystemClock", Waiting)  # other threads wait as ever
    url = f"s3://{bucket_of(clients, lock=False)}/drills"

    def store(conflicts: int) -> S3Store:
        return S3Store(Conflicting(clients.client("s3"), conflicts), url, None, None, SystemClock().now)

    assert store(2).claim("a", b"mine") == b"mine"
    assert store(1).claim("a", b"other") == b"mine"
    with pytest.raises(NotSealed, match="S3 answered with a conflict: try again"):
        store(CONFLICTS).claim("b", b"mine")
    assert waited == [0.4, 0.8, 0.4, 0.8, 1.6, 3.2]
