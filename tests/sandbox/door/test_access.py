"""The local AWS belongs to the user who started it: other users of the machine, and pages in a browser, are refused."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from drills.errors import SandboxError
from drills.sandbox.door.access import FILE, Keys, refuse_foreign
from drills.sandbox_client import SandboxKeys, find_keys
from tests.support.sandbox import RunningSandbox

NOBODY = 65534


def ask(box: RunningSandbox, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Status and body of a request with these headers and no others but Host."""
    port = int(box.endpoint.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, named)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


# -- what the door looks at ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost:1", "LOCALHOST", "127.0.0.1:4566", "[::1]:4566", "bucket.localhost:4566", "a.b.localhost"]
)
def test_a_request_to_this_machine_is_meant_for_the_sandbox(host: str) -> None:
    """The names that clients use for a loopback address, and S3's name of a bucket before it."""
    assert refuse_foreign({"HTTP_HOST": host}) == ""
    assert refuse_foreign({"HTTP_HOST": host, "HTTP_ORIGIN": f"http://{host}"}) == ""


@pytest.mark.parametrize(
    "host",
    ["evil.example:4566", "", "localhost.evil.example", "127.0.0.1.nip.io", "notlocalhost", "169.254.169.254",
     "0.0.0.0:1", "a@evil.example", "[::1", "rds.eu-central-1.amazonaws.com"],
)  # fmt: skip
def test_a_request_to_another_name_is_refused(host: str) -> None:
    """A page whose name was rebound to this machine sends the name that it was loaded from."""
    assert "the Host" in refuse_foreign({"HTTP_HOST": host})


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "http://localhost:3000"},
        {"HTTP_ORIGIN": "https://localhost:1"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},
    ],
)
def test_a_request_for_a_page_of_another_origin_is_refused(headers: dict[str, str]) -> None:
    """Another port of this machine is another origin."""
    assert "a page in a browser" in refuse_foreign({"HTTP_HOST": "localhost:1", **headers})


def test_keys_are_made_anew_and_for_their_owner_alone(tmp_path: Path) -> None:
    """Two sandboxes share none, nobody else can read the file, and no repr shows a secret."""
    one, other = (Keys.create(tmp_path / name, "http://127.0.0.1:1") for name in _folders(tmp_path))

    assert one.file.stat().st_mode & 0o777 == 0o600
    assert not {one.access_key, one.secret_key, one.token} & {other.access_key, other.secret_key, other.token}
    assert one.secret_key not in repr(one)
    assert one.token not in repr(one)


def _folders(place: Path) -> list[str]:
    for name in ("a", "b"):
        (place / name).mkdir()
    return ["a", "b"]


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer x", "Basic x"])
def test_only_the_token_opens_the_sandbox_s_own_api(tmp_path: Path, given: str) -> None:
    """Neither none, nor an empty one, nor another one."""
    keys = Keys.create(tmp_path, "http://127.0.0.1:1")

    assert keys.allow({"HTTP_AUTHORIZATION": f"Bearer {keys.token}"})
    assert not keys.allow({"HTTP_AUTHORIZATION": given})


# -- a sandbox -----------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.sandbox
class TestSandbox:
    """What a running sandbox answers to those whom it does not belong to."""

    def test_its_own_api_wants_the_token(self, sandbox: RunningSandbox) -> None:
        """401 for each path and method; what needs none says where the token lies and nothing more."""
        for method, path in (("GET", "health"), ("GET", "calls"), ("POST", "seed/load"), ("POST", "faults")):
            status, body = ask(sandbox, f"/_sandbox/{path}", method, Content_Type="application/json")
            assert (status, "token" in json.loads(body)["error"]) == (401, True)
        status, body = ask(sandbox, "/_sandbox/keys")
        assert (status, list(json.loads(body))) == (200, ["file"])
        assert sandbox.keys.token.encode() not in body

    @pytest.mark.parametrize("path", ["/_sandbox/health", "/_sandbox/keys", "/"])
    @pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
    def test_a_page_is_refused_whatever_it_knows(
        self, sandbox: RunningSandbox, path: str, header: dict[str, str]
    ) -> None:
        """403 with a sentence, also with the token."""
        status, body = ask(sandbox, path, Authorization=f"Bearer {sandbox.keys.token}", **header)
        assert status == 403
        assert b"AccessDenied" in body

    @pytest.mark.parametrize(
        ("service", "operation", "unknown", "mismatch"),
        [
            ("rds", "describe_db_instances", (403, "InvalidClientTokenId"), (403, "SignatureDoesNotMatch")),
            ("ec2", "describe_vpcs", (401, "AuthFailure"), (403, "SignatureDoesNotMatch")),
            ("ecs", "list_clusters", (400, "UnrecognizedClientException"), (400, "InvalidSignatureException")),
            ("backup", "list_backup_vaults", (403, "UnrecognizedClientException"), (403, "InvalidSignatureException")),
            ("s3", "list_buckets", (403, "InvalidAccessKeyId"), (403, "SignatureDoesNotMatch")),
        ],
    )
    def test_a_request_that_is_not_signed_with_its_keys_gets_aws_s_error(
        self, sandbox: RunningSandbox, service: str, operation: str, unknown: tuple[int, str], mismatch: tuple[int, str]
    ) -> None:
        """An access key that it never gave, and a secret that is not the key's, in each protocol; nobody repeats them."""
        for given, want in (
            ({"aws_access_key_id": "test", "aws_secret_access_key": "test"}, unknown),
            ({"aws_secret_access_key": "test"}, mismatch),
        ):
            client = sandbox.client(service, **given, config=Config(retries={"mode": "standard"}))
            with pytest.raises(ClientError) as refused:
                getattr(client, operation)()
            said = refused.value.response
            assert (said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]) == want
            assert said["ResponseMetadata"]["RetryAttempts"] == 0
        assert getattr(sandbox.client(service), operation)()

    def test_a_body_that_was_changed_on_the_way_is_refused(self, sandbox: RunningSandbox) -> None:
        """The signature is one of the whole request."""
        rds = sandbox.client("rds")

        def change(request: Any, **_: Any) -> None:
            request.body = request.body.replace("one", "two")

        rds.meta.events.register("before-send.rds.DescribeDBInstances", change)
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            rds.describe_db_instances(DBInstanceIdentifier="one")

    def test_the_keys_of_a_role_and_of_a_user_work_until_they_end(self, sandbox: RunningSandbox) -> None:
        """STS and IAM of the sandbox give keys; without their session token, or once deleted, they are unknown."""
        role = sandbox.client("sts").assume_role(
            RoleArn="arn:aws:iam::123456789012:role/drill", RoleSessionName="drill"
        )["Credentials"]
        temporary = {"aws_access_key_id": role["AccessKeyId"], "aws_secret_access_key": role["SecretAccessKey"]}
        whole = sandbox.client("sts", **temporary, aws_session_token=role["SessionToken"])
        assert whole.get_caller_identity()["Arn"].endswith("assumed-role/drill/drill")
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            sandbox.client("sts", **temporary).get_caller_identity()

        iam = sandbox.client("iam")
        iam.create_user(UserName="someone")
        made = iam.create_access_key(UserName="someone")["AccessKey"]
        lasting = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
        assert sandbox.client("sts", **lasting).get_caller_identity()["Arn"].endswith("user/someone")
        iam.delete_access_key(UserName="someone", AccessKeyId=made["AccessKeyId"])
        iam.delete_user(UserName="someone")
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            sandbox.client("sts", **lasting).get_caller_identity()

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
    def test_another_user_of_the_machine_cannot_read_the_keys(self, sandbox: RunningSandbox) -> None:
        """Nor can the user that PostgreSQL and the code of a seed run as."""
        for uid in {NOBODY, os.stat(next(sandbox.state.glob("*/"))).st_uid} - {0}:
            said = subprocess.run(["/bin/cat", str(sandbox.state / FILE)], capture_output=True, user=uid, check=False)
            assert (said.returncode, said.stdout) == (1, b"")


# -- the client ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["open to others", "a link", "another port", "no keys"])
def test_a_client_takes_no_keys_that_are_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Whoever listens on a port may name any file; it never learns what is in one of another sandbox."""
    path = Keys.create(tmp_path, "http://127.0.0.1:2" if wrong == "another port" else "http://127.0.0.1:1").file
    named = path
    if wrong == "open to others":
        path.chmod(0o644)
    elif wrong == "a link":
        named = tmp_path / "link"
        named.symlink_to(path)
    elif wrong == "no keys":
        path.write_text("[]")
    monkeypatch.setattr("drills.sandbox_client._ask", lambda *_, **__: {"file": str(named)})

    with pytest.raises(SandboxError, match="start one of your own"):
        find_keys("http://127.0.0.1:1")


def test_a_client_finds_its_own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the sandbox names has what the sandbox takes."""
    keys = Keys.create(tmp_path, "http://127.0.0.1:1")
    monkeypatch.setattr("drills.sandbox_client._ask", lambda *_, **__: {"file": str(keys.file)})

    assert find_keys("http://127.0.0.1:1") == SandboxKeys(keys.access_key, keys.secret_key, keys.token)
