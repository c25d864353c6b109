"""Notices as they arrive at a mail server, an HTTP server and an SNS topic; and what is said where they do not."""

from __future__ import annotations

import json
import os
import socket
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drills.aws.session import Clients, open_clients
from drills.cli.main import main
from drills.cli.outputs import ended
from drills.config.load import Config, load
from drills.config.profiles import EndpointProfile, SandboxProfile
from drills.errors import ConfigError, DrillError, Refused
from drills.model.notice import Notice
from drills.notices import addresses, services
from drills.notices.send import Outcome, send
from drills.record import to_json
from drills.sandbox_client import find_keys
from tests.support.example_record import failing_drill
from tests.support.listening import http_server, mail_server
from tests.support.sandbox import RunningSandbox

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FAILED = Notice(
    ("failure",), "aws", "orders", False, "drill of orders (aws): verification failed", ("why",), "11", "run-1"
)
PASSED = Notice(("success",), "aws", "orders", False, "drill of orders (aws): passed", (), "0", "run-2")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than a user would for a server that is a thread of a busy machine."""
    monkeypatch.setattr(services, "SECONDS", 300.0)


def config(folder: Path, table: str, profile: str = "sandbox") -> Config:
    """A configuration whose [notices] has these keys."""
    (folder / "drill.toml").write_text(f"[notices]\n{table}\n[targets.orders]\n")
    return load(folder / "drill.toml", profile=profile, target=None, environment={})


def sent(folder: Path, notice: Notice, url: str, table: str = 'urls = "env:TOLD"') -> Outcome:
    """Send a notice to an address that stands in a variable."""
    return send(notice, config(folder, table), {"TOLD": url}, NOW, path=folder / "told.json")


# -- services ---------------------------------------------------------------------------------------------------------


def test_a_mail_arrives(tmp_path: Path) -> None:
    """The title is its subject, and the key stands in it, by which a filter can fold."""
    with mail_server() as box:
        url = f"mailto://127.0.0.1:{box.port}?from=drills@example.com&to=oncall@example.com"
        outcome = sent(tmp_path, FAILED, url)

    assert [each.problem for each in outcome.deliveries] == [""]
    assert box.recipients == ["oncall@example.com"]
    assert box.mails[0]["subject"] == FAILED.title
    text = box.mails[0].get_body(("plain", "html"))
    assert text
    assert "why" in text.get_content()
    assert "key: aws/orders/2026-11-30" in text.get_content()


def test_a_mail_server_with_tls_and_a_login_gets_it(tmp_path: Path) -> None:
    """A certificate that nobody knows, and a wrong password, are said, without the password."""
    with mail_server(b"n0t-for-logs") as box:
        url = f"mailtos://drills:{{}}@127.0.0.1:{box.port}?mode=starttls&from=drills@example.com&to=oncall@example.com"
        unknown = sent(tmp_path, FAILED, url.format("n0t-for-logs"))
        wrong = sent(tmp_path, FAILED, url.format("wr0ng-secret") + "&verify=no")
        good = sent(tmp_path, FAILED, url.format("n0t-for-logs") + "&verify=no")

    assert [each.problem for each in good.deliveries] == [""]
    assert len(box.mails) == 1
    assert box.logins == [(b"drills", b"wr0ng-secret"), (b"drills", b"n0t-for-logs")]
    assert unknown.deliveries[0].problem
    assert wrong.deliveries[0].problem
    assert not [each for each in ("wr0ng-secret", "n0t-for-logs") if each in repr((unknown, wrong))]


def test_an_http_server_gets_json(tmp_path: Path) -> None:
    """Title, text and how grave it is; a success is one line without a title."""
    with http_server() as kept:
        url = kept.url.replace("http", "json") + "/hook"
        sent(tmp_path, FAILED, url)
        sent(tmp_path, PASSED, url)

    failed, passed = (json.loads(body) for body in kept.bodies)
    assert kept.heads[0][:2] == ("POST", "/hook")
    assert (failed["title"], failed["type"]) == (FAILED.title, "failure")
    assert failed["message"] == "why\nkey: aws/orders/2026-11-30"
    assert (passed["title"], passed["message"], passed["type"]) == ("", PASSED.title, "success")


def test_a_service_may_take_as_long_to_answer_as_is_said() -> None:
    """Where its address says nothing of it: the library by itself would give up after four seconds."""
    plain, own = services.open_urls(["json://127.0.0.1", "json://127.0.0.1?cto=3&rto=7"])

    assert isinstance(plain, services.AppriseService)
    assert isinstance(own, services.AppriseService)
    assert plain._server.request_timeout == (services.SECONDS, services.SECONDS)
    assert own._server.request_timeout == (3.0, 7.0)


def test_a_duplicate_is_not_sent(tmp_path: Path) -> None:
    """And nothing that `on` does not name."""
    with http_server() as kept:
        url = kept.url.replace("http", "json")
        again = [sent(tmp_path, FAILED, url) for _ in range(2)][1]
        unwanted = sent(tmp_path, PASSED, url, 'urls = "env:TOLD"\non = ["failure"]')

    assert len(kept.bodies) == 1
    assert "folded" in again.not_sent
    assert "[notices] on does not name success" in unwanted.not_sent


def test_what_reached_nobody_is_sent_again(tmp_path: Path) -> None:
    """A notice that was not delivered is no duplicate of the next one."""
    with http_server(status=500) as kept:
        url = kept.url.replace("http", "json") + "/?secret=t0ken-in-url"
        first = sent(tmp_path, FAILED, url)
        kept.status = 200
        second = sent(tmp_path, FAILED, url)

    assert first.deliveries[0].problem.startswith("expected JSON (1 of 1) to take the notice, found: ")
    assert "500" in first.deliveries[0].problem
    assert "t0ken-in-url" not in repr(first)
    assert [each.problem for each in second.deliveries] == [""]


def test_one_that_fails_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    """Nobody listens at the first address; the second gets it."""
    with socket.socket() as free, http_server() as kept:
        free.bind(("127.0.0.1", 0))
        closed = f"json://user:pa55word@127.0.0.1:{free.getsockname()[1]}/t0ken"
        outcome = sent(tmp_path, FAILED, f"# two\n{closed}\n\n{kept.url.replace('http', 'json')}\n")

    assert len(kept.bodies) == 1
    assert [bool(each.problem) for each in outcome.deliveries] == [True, False]
    assert not [each for each in ("pa55word", "t0ken") if each in repr(outcome)]


# -- addresses --------------------------------------------------------------------------------------------------------


def no_client(_: str) -> None:
    """What a test uses where AWS is not to be asked."""
    raise AssertionError("AWS was asked")


def test_addresses_come_from_a_variable_or_a_private_file(tmp_path: Path) -> None:
    """One that others can read is refused with what to type."""
    file = tmp_path / "urls"
    file.write_text("json://one\n# two\njson://three\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=f"found mode 0644: chmod 600 {file}"):
        addresses.read(str(file), {}, no_client)
    file.chmod(0o600)

    assert addresses.read(str(file), {}, no_client) == ("json://one", "json://three")
    assert addresses.read("env:X", {"X": "json://one"}, no_client) == ("json://one",)


@pytest.mark.parametrize("urls", ["env:NOT_SET", "nowhere/urls"])
def test_addresses_that_are_not_there_are_said(urls: str) -> None:
    """By the name of what was expected to have them."""
    with pytest.raises(ConfigError, match=urls):
        addresses.read(urls, {}, no_client)


def test_an_address_that_apprise_does_not_know_is_not_repeated() -> None:
    """Its scheme is enough to find it by."""
    with pytest.raises(ConfigError, match=r"address 1 of \[notices\] urls") as raised:
        list(services.open_urls(["nosuch://t0ken-here"]))
    assert "nosuch://" in str(raised.value)
    assert "t0ken" not in str(raised.value)


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One sentence with what to type."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    outcome = sent(tmp_path, FAILED, "json://127.0.0.1")

    assert (
        outcome.deliveries[0].problem
        == "expected the package apprise, found none: pip install '.[notices]' in the checkout"
    )


@pytest.mark.parametrize(
    "table",
    [
        'urls = "json://user:pa55word@host"',
        'urls = "slack://t0ken"',
        'urls = "env:not a name"',
        'urls = "arn:aws:secretsmanager:x"',
        'topic = "recovery-drills"',
        'on = ["everything"]',
        'fold = "year"',
    ],
)
def test_the_configuration_refuses_addresses_and_what_it_does_not_know(tmp_path: Path, table: str) -> None:
    """An address that stands in the file is not repeated."""
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, table)
    assert not [each for each in ("pa55word", "t0ken") if each in str(raised.value)]


# -- AWS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def clients(sandbox: RunningSandbox) -> Clients:
    """Clients that may set the scene."""
    return open_clients(SandboxProfile(), environment={}, endpoint_url=sandbox.endpoint, role="stage")


def telling(sandbox: RunningSandbox) -> Clients:
    """Clients that may tell, and nothing else."""
    return open_clients(SandboxProfile(), environment={}, endpoint_url=sandbox.endpoint, role="tells")


@pytest.mark.sandbox
@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_a_topic_hands_the_notice_on(sandbox: RunningSandbox, clients: Clients, suffix: str) -> None:
    """A queue that is subscribed has it, with what a filter can go by."""
    name = f"told-{uuid.uuid4().hex[:8]}{suffix}"
    fifo = {"FifoTopic": "true"} if suffix else {}
    topic = clients.client("sns").create_topic(Name=name, Attributes=fifo)["TopicArn"]
    sqs = clients.client("sqs")
    queue = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if suffix else {})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    clients.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    service = services.SnsTopic(telling(sandbox).client("sns"), topic)
    assert service.look() == f"SNS topic {name} is there"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    service.send(FAILED, "aws/orders/2026-11-30")

    told = json.loads(sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"])
    assert told["Subject"] == FAILED.title
    assert told["Message"] == f"{FAILED.title}\nwhy\nkey: aws/orders/2026-11-30"
    attributes = {name: each["Value"] for name, each in told["MessageAttributes"].items()}
    assert attributes["kind"] == "failure"
    assert (attributes["target"], attributes["simulated"]) == ("orders", "false")


@pytest.mark.sandbox
def test_a_topic_that_is_not_there_is_said(sandbox: RunningSandbox) -> None:
    """With AWS's word for it and the right that it takes; the client can publish and nothing else."""
    sns = telling(sandbox).client("sns")
    topic = services.SnsTopic(sns, "arn:aws:sns:eu-central-1:123456789012:nowhere")

    with pytest.raises(Exception, match=r"expected SNS topic nowhere to take the notice, found NotFound.*sns:Publish"):
        topic.send(FAILED, "key")
    with pytest.raises(
        DrillError, match=r"expected SNS topic nowhere to be there, found NotFound.*sns:GetTopicAttributes"
    ):
        topic.look()
    with pytest.raises(Refused, match="CreateTopic"):
        sns.create_topic(Name="another")


@pytest.mark.sandbox
@pytest.mark.parametrize("secret", ["json://one\njson://two\n", '{"a": "json://one", "b": "json://two"}'])
def test_addresses_come_from_a_secret(sandbox: RunningSandbox, clients: Clients, secret: str) -> None:
    """Lines, or JSON as the console makes it."""
    arn = clients.secretsmanager.create_secret(Name=f"told-{uuid.uuid4().hex[:8]}", SecretString=secret)["ARN"]

    assert addresses.read(arn, {}, lambda region: telling(sandbox).client("secretsmanager", region)) == (
        "json://one",
        "json://two",
    )


@pytest.mark.sandbox
def test_an_endpoint_is_told_through_its_own_aws(
    sandbox: RunningSandbox, clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From drill.toml to the topic, as a run would; the profile of the sandbox itself has none, since it ends with the run."""
    topic = clients.client("sns").create_topic(Name=f"told-{uuid.uuid4().hex[:8]}")["TopicArn"]
    profile = (
        f'topic = "{topic}"\n[profiles.endpoint]\nendpoint_url = "{sandbox.endpoint}"\nregion = "{clients.region}"'
    )
    made = config(tmp_path, profile, "endpoint")
    assert isinstance(made.profile, EndpointProfile)
    keys = find_keys(sandbox.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)

    outcome = send(FAILED, made, os.environ, NOW, path=tmp_path / "told.json")
    inside = send(FAILED, config(tmp_path, f'topic = "{topic}"'), os.environ, NOW, path=tmp_path / "other.json")

    assert [(each.service, each.problem) for each in outcome.deliveries] == [(f"SNS topic {topic.split(':')[-1]}", "")]
    assert "ends with the run" in inside.deliveries[0].problem


# -- after a run, and by hand -----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one run, which failed, and a day that does not end during a test."""
    monkeypatch.setattr("drills.notices.fold.period_of", lambda _kind, _now: "2026-11-30")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    config(tmp_path, 'urls = "env:TOLD"')
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "drill.json").write_text(to_json(failing_drill()))
    return tmp_path


def test_a_run_that_has_ended_is_told_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masked unless asked for otherwise; what became of it is noted beside the record, which stays as it is."""
    before = (project / "run" / "drill.json").read_bytes()
    with http_server() as kept:
        monkeypatch.setenv("TOLD", kept.url.replace("http", "json"))
        effective = load(project / "drill.toml", profile=failing_drill().profile, target=None, environment={})
        lines = [ended.tell(project / "run", failing_drill(), effective) for _ in range(2)]

    told = json.loads(kept.bodies[0])
    assert lines == [(), ()]
    assert len(kept.bodies) == 1
    assert "123456789012" not in told["message"]
    assert "still there: db-instance" in told["message"]
    assert "folded" in (project / "run" / ended.NAME).read_text()
    assert (project / "run" / "drill.json").read_bytes() == before


def test_a_notice_that_fails_is_said_and_changes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that refuses, a variable that is not set, and a fault of ours."""
    effective = load(project / "drill.toml", profile=failing_drill().profile, target=None, environment={})
    monkeypatch.delenv("TOLD", raising=False)
    unset = ended.tell(project / "run", failing_drill(), effective)
    monkeypatch.setattr("drills.notices.compose.of_run", lambda _: 1 / 0)
    fault = ended.tell(project / "run", failing_drill(), effective)

    assert unset == (
        "notices: [notices] urls: env:TOLD: expected addresses of services such as mailto://…, found nothing: set it",
    )
    assert "ZeroDivisionError" in fault[0]
    assert "ZeroDivisionError" in (project / "run" / ended.NAME).read_text()


def test_the_command_shows_sends_and_tries(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is told of a run, again to everybody, and a trial; exit code 12 where somebody is not reached."""
    with http_server() as kept:
        monkeypatch.setenv("TOLD", kept.url.replace("http", "json"))
        codes = [main(["notices", "run"]), main(["notices", "run", "--send"]), main(["notices", "--test"])]
        kept.status = 403
        codes.append(main(["notices", "--test"]))

    said = capsys.readouterr().out
    assert codes == [0, 0, 0, 12]
    assert len(kept.bodies) == 3
    assert "SIMULATED: trial of the notices of drills of orders (sandbox)" in kept.bodies[1].decode()
    assert "drill of orders" in said.splitlines()[0]
    assert said.count("JSON (1 of 1): delivered") == 2
    assert "JSON (1 of 1): expected JSON (1 of 1) to take the notice" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["notices", "nowhere"], "nowhere"),
        (["notices", "run", "--test"], "--test: expected it without a run"),
        (["notices", "run", "--target", "orders"], "expected them with --test alone"),
        (["notices", "--test", "--config", "bare.toml"], "[notices]: expected urls or topic"),
    ],
)
def test_wrong_usage_is_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """Exit code 2."""
    (project / "bare.toml").write_text("[targets.orders]\n")

    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_drill_that_never_came_is_told_once_a_day(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the check from cron, whose exit code and output stay; the gate tells where it is asked to."""
    with http_server() as kept:
        monkeypatch.setenv("TOLD", kept.url.replace("http", "json"))
        codes = [main(["ledger", "check", "--max-age", "35d", "--target", "orders", "--json"]) for _ in range(2)]
        told = json.loads(kept.bodies[0])
        codes += [main(["gate", "--max-age", "35d"]), main(["gate", "--max-age", "35d", "--notify"])]

    out = capsys.readouterr()
    assert codes == [12, 12, 12, 12]
    assert len(kept.bodies) == 1  # the gate's is the same, of the same day
    assert told["title"] == "SIMULATED: drills of orders (sandbox): no drill came, or none that passed"
    assert "found that none ever came" in told["message"]
    assert out.err == ""


def test_a_check_whose_notice_fails_says_so_and_keeps_its_exit_code(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, since facts go to stdout."""
    monkeypatch.delenv("TOLD", raising=False)

    assert main(["ledger", "check", "--max-age", "35d", "--target", "orders", "--json"]) == 12

    out = capsys.readouterr()
    assert json.loads(out.out)["code"] == 12
    assert out.err.startswith("drills: notices: [notices] urls: env:TOLD: expected addresses")
