"""The services that the sandbox keeps as moto has them: the calls that a drill or an infrastructure's code makes work."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.service import DELAYS, eventually, make_instance

pytestmark = [pytest.mark.sandbox]


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningSandbox]:
    """A sandbox for this module."""
    running = start_sandbox(delays=DELAYS)
    yield running
    assert end_sandbox(running) == 0


def code_of(call: Callable[..., Any], **given: Any) -> str:
    """The AWS error code that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def queue(aws: RunningSandbox, name: str) -> tuple[str, str]:
    """A queue's URL and ARN."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return str(url), str(arn)


def received(aws: RunningSandbox, url: str) -> list[Any]:
    """The messages in a queue now, as JSON values, taken out of it."""
    sqs = aws.client("sqs")
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for each in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return [json.loads(each["Body"]) for each in found]


def test_a_secret_has_versions_and_an_end(aws: RunningSandbox) -> None:
    """Secrets Manager: create, read, rotate by hand, read the version before, delete."""
    manager = aws.client("secretsmanager")
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    arn = manager.create_secret(Name="app/login", SecretString=first, Tags=[{"Key": "a", "Value": "b"}])["ARN"]
    assert manager.get_secret_value(SecretId="app/login")["SecretString"] == first

    manager.put_secret_value(SecretId=arn, SecretString=second)
    assert manager.get_secret_value(SecretId=arn)["SecretString"] == second
    assert manager.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"] == first
    assert manager.describe_secret(SecretId=arn)["Tags"] == [{"Key": "a", "Value": "b"}]

    manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert code_of(manager.get_secret_value, SecretId=arn) == "ResourceNotFoundException"
    logged = aws.control.calls("secretsmanager", "PutSecretValue")[-1]["parameters"]
    assert logged["SecretString"] == "****"


def test_a_role_can_be_made_assumed_and_removed(aws: RunningSandbox) -> None:
    """IAM and STS: the role that AWS Backup is given, and the identity that a guard looks at."""
    iam, sts = aws.client("iam"), aws.client("sts")
    principals = {"Service": "backup.amazonaws.com", "AWS": "123456789012"}
    trust = {"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    statement = {"Effect": "Allow", "Action": "rds:Describe*", "Resource": "*"}
    allowed = {"Version": "2012-10-17", "Statement": [statement]}
    arn = iam.create_role(RoleName="backup", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    iam.put_role_policy(RoleName="backup", PolicyName="mine", PolicyDocument=json.dumps(allowed))
    assert iam.get_role(RoleName="backup")["Role"]["Arn"] == arn
    assert code_of(iam.delete_role, RoleName="backup") == "DeleteConflict"

    assert sts.get_caller_identity()["Account"] == "123456789012"
    assumed = sts.assume_role(RoleArn=arn, RoleSessionName="drill")
    assert assumed["AssumedRoleUser"]["Arn"].endswith(":assumed-role/backup/drill")
    assert code_of(iam.create_role, RoleName="backup", AssumeRolePolicyDocument=policy) == "EntityAlreadyExists"

    iam.delete_role_policy(RoleName="backup", PolicyName="mine")
    iam.delete_role(RoleName="backup")
    assert code_of(iam.get_role, RoleName="backup") == "NoSuchEntity"


def test_an_object_is_stored_and_a_locked_one_stays(aws: RunningSandbox) -> None:
    """S3: put, get, list, versions, object lock (evidence is kept so), and a bucket that is not empty stays."""
    s3 = aws.client("s3")
    where = {"LocationConstraint": aws.region}
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    s3.put_object(
        Bucket="evidence",
        Key="run/drill.json",
        Body=b"{}",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate="2099-01-01T00:00:00Z",
    )
    got = s3.get_object(Bucket="evidence", Key="run/drill.json")
    assert (got["Body"].read(), got["ObjectLockMode"]) == (b"{}", "COMPLIANCE")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="evidence")["Contents"]] == ["run/drill.json"]

    version = got["VersionId"]
    assert code_of(s3.delete_object, Bucket="evidence", Key="run/drill.json", VersionId=version) == "AccessDenied"
    assert code_of(s3.delete_bucket, Bucket="evidence") == "BucketNotEmpty"
    assert code_of(s3.get_object, Bucket="evidence", Key="nothing") == "NoSuchKey"


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_s3_is_found_by_path_and_by_host(aws: RunningSandbox, style: str) -> None:
    """Both ways to address an object: 127.0.0.1/bucket/key, and bucket.localhost/key."""
    bucket, port = f"styled-{style}", aws.endpoint.rsplit(":", 1)[1]
    aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.region})
    host = f"127.0.0.1:{port}" if style == "path" else f"{bucket}.localhost:{port}"
    path = f"/{bucket}/a/b" if style == "path" else "/a/b"

    def ask(method: str, body: bytes | None = None) -> tuple[int, bytes]:
        request = AWSRequest(method, f"http://{host}{path}", data=body, headers={"Host": host})
        S3SigV4Auth(Credentials(aws.keys.access_key, aws.keys.secret_key), "s3", aws.region).add_auth(request)
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
        try:
            connection.request(method, path, body, dict(request.prepare().headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    assert ask("PUT", b"hello")[0] == 200
    assert ask("GET") == (200, b"hello")
    addressing: Any = {"addressing_style": style}
    by_boto = aws.client("s3", config=Config(s3=addressing))
    assert by_boto.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"hello"


def test_a_topic_reaches_its_queue(aws: RunningSandbox) -> None:
    """SNS: a notice that is published arrives where it was subscribed to."""
    sns = aws.client("sns")
    url, arn = queue(aws, "notices")
    topic = sns.create_topic(Name="notices")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    sns.publish(TopicArn=topic, Subject="drill", Message="passed")

    [notice] = received(aws, url)
    assert (notice["Subject"], notice["Message"], notice["TopicArn"]) == ("drill", "passed", topic)
    sns.delete_topic(TopicArn=topic)
    assert code_of(sns.get_topic_attributes, TopicArn=topic) in ("NotFound", "NotFoundException")


def test_events_reach_the_targets_of_the_rules_that_match(aws: RunningSandbox) -> None:
    """EventBridge: by pattern, whole or in part, and not while the rule is disabled."""
    events = aws.client("events")
    url, arn = queue(aws, "drills")
    pattern = json.dumps({"source": ["drills"], "detail": {"verdict": ["failed"]}})
    events.put_rule(Name="failed", EventPattern=pattern)
    events.put_targets(
        Rule="failed", Targets=[{"Id": "1", "Arn": arn}, {"Id": "2", "Arn": arn, "InputPath": "$.detail"}]
    )

    def send(verdict: str) -> None:
        detail = json.dumps({"verdict": verdict})
        answer = events.put_events(Entries=[{"Source": "drills", "DetailType": "Drill ended", "Detail": detail}])
        assert answer["FailedEntryCount"] == 0

    send("passed")
    assert received(aws, url) == []
    send("failed")
    whole, part = sorted(received(aws, url), key=len, reverse=True)
    assert part == {"verdict": "failed"}
    assert (whole["source"], whole["detail-type"], whole["detail"]) == ("drills", "Drill ended", part)
    assert (whole["region"], whole["account"]) == (aws.region, "123456789012")
    events.disable_rule(Name="failed")
    send("failed")
    assert received(aws, url) == []

    events.remove_targets(Rule="failed", Ids=["1", "2"])
    events.delete_rule(Name="failed")
    assert code_of(events.describe_rule, Name="failed") == "ResourceNotFoundException"


def test_nobody_can_speak_as_an_aws_service(aws: RunningSandbox) -> None:
    """PutEvents with a source that begins with `aws.` fails that entry (EventBridge API reference)."""
    events = aws.client("events")
    entry = {"Source": "aws.backup", "DetailType": "Backup Job State Change", "Detail": "{}"}

    answer = events.put_events(Entries=[entry, entry | {"Source": "mine"}])

    assert answer["FailedEntryCount"] == 1
    assert [each.get("ErrorCode") for each in answer["Entries"]] == ["NotAuthorizedForSource", None]


def test_a_pattern_can_be_tested(aws: RunningSandbox) -> None:
    """TestEventPattern tells whether a rule would match; stock moto answers nothing."""
    events = aws.client("events")
    event = {"id": "1", "source": "aws.backup", "detail-type": "x", "detail": {"state": "FAILED"}}

    for state, wanted in (("FAILED", True), ("COMPLETED", False)):
        pattern = json.dumps({"source": ["aws.backup"], "detail": {"state": [state]}})
        assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is wanted


def test_a_log_group_keeps_lines(aws: RunningSandbox) -> None:
    """CloudWatch Logs: create, retention, write, read, delete."""
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/drills", tags={"a": "b"})
    logs.put_retention_policy(logGroupName="/drills", retentionInDays=30)
    logs.create_log_stream(logGroupName="/drills", logStreamName="s")
    at = int(aws.control.now().timestamp() * 1000)
    logs.put_log_events(logGroupName="/drills", logStreamName="s", logEvents=[{"timestamp": at, "message": "restored"}])

    read = logs.get_log_events(logGroupName="/drills", logStreamName="s")["events"]
    assert [each["message"] for each in read] == ["restored"]
    [group] = logs.describe_log_groups(logGroupNamePrefix="/drills")["logGroups"]
    assert group["retentionInDays"] == 30
    logs.delete_log_group(logGroupName="/drills")
    assert logs.describe_log_groups(logGroupNamePrefix="/drills")["logGroups"] == []


@pytest.mark.postgres
def test_an_exported_log_has_the_lines_of_the_server(aws: RunningSandbox) -> None:
    """EnableCloudwatchLogsExports makes the log group and fills it (Amazon RDS User Guide, "Publishing … logs")."""
    logs = aws.client("logs")
    quiet = make_instance(aws, "quiet")
    made = make_instance(aws, "told", EnableCloudwatchLogsExports=["postgresql"])
    group = "/aws/rds/instance/told/postgresql"
    for each in (quiet, made):
        with each.connect() as session, pytest.raises(psycopg.Error, match="no_such_table"):
            session.execute("SELECT 1 FROM\n  no_such_table")

    def lines() -> str:
        read = logs.filter_log_events(logGroupName=group)["events"]
        return "\n".join(each["message"] for each in read)

    eventually(lambda: 'relation "no_such_table" does not exist' in lines(), "the error to be exported")
    groups = [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePrefix="/aws/rds")["logGroups"]]
    assert groups == [group]
    assert lines().count('relation "no_such_table" does not exist') == 1

    aws.client("rds").delete_db_instance(DBInstanceIdentifier="told", SkipFinalSnapshot=True)
    assert "no_such_table" in lines()
