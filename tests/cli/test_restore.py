"""`drills restore`: what is asked for, what stays and what is removed, and what somebody sees."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from drills import files
from drills.aws import guards
from drills.cli import common
from drills.cli import main as cli
from drills.cli.evidence import of_run
from drills.cli.restore import afterwards, command, one, price, show
from drills.config.load import Config
from drills.errors import ConfigError, DrillError, NoRecoveryPoint, RestoreFailed, StillRestoring
from drills.evidence import ledger
from drills.history import line
from drills.incident import restore as incident
from drills.incident.restore import Asked
from drills.model.finding import CheckResult
from drills.model.incident import Incident
from drills.model.instance import Resource
from drills.model.record import Restoration, RunRecord, TargetSummary
from drills.printable import to_json
from drills.record import Journal
from drills.replay.again import replay
from drills.replay.bundle import CannotReplay
from drills.run import context
from reports import words
from tests.support.answering import Request, answering
from tests.support.clock import NOON
from tests.support.lossy import make_instance
from tests.support.models import mock_aws
from tests.support.points import POINT

RUN = "20261123-120000-abcd"
COPY = f"drill-{RUN}-recovery"
HANDED = Incident(
    *("latest", 3600.0, NOON, NOON + timedelta(hours=1), f"{COPY}-login", "owner", ("sg-1",), 61.0),
    *("data up to 2026-11-23 11:55:00 UTC, 5 m before this was called", "cost about $0.12"),
)
RESTORED = Restoration(
    *("recovery", POINT, COPY),
    host="copy.example",
    port=5432,
    checks=(
        CheckResult("connection", "met", "it answers"),
        CheckResult("content", "missed", "public.t lost 1 of 10 rows"),
        CheckResult("catalog", "not verified", "no manifest says what the copy should contain"),
    ),
)
RECORD = RunRecord(
    *(1, RUN, "aws", False, NOON, "0"),
    target=TargetSummary("orders", "orders", "vault"),
    incident=HANDED,
    restorations=(RESTORED,),
    resources=(Resource("db-instance", COPY, "kept", "123456789012", "eu-central-1"),),
)
CONFIG: Any = SimpleNamespace(target=SimpleNamespace(databases=()), file=None, profile_name="aws", target_name="orders")


MOCKED = """
[profiles.aws]
kind = "aws"
accounts = ["123456789012"]
regions = ["eu-central-1"]
[targets.orders]
instance = "orders"
restore = { subnet_group = "copies", security_group = "GROUP", make_parameter_group = true, ca_bundle = "rds.pem" }
[notices]
urls = "env:DRILL_NOTICES"
"""


# -- what is asked for --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("latest", None),
        ("now", None),
        ("20m ago", NOON - timedelta(minutes=20)),
        ("2026-11-23T11:00:00Z", NOON - timedelta(hours=1)),
        ("2026-11-23T12:00:00+01:00", NOON - timedelta(hours=1)),
    ],
)
def test_a_moment_is_an_instant_or_so_long_ago(text: str | None, moment: datetime | None) -> None:
    """At three in the morning nobody works out an offset."""
    assert command.moment_of(text, NOON) == moment


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", 'found "yesterday"'),
        ("2026-11-23 11:00", 'write "2026-11-23 11:00Z" for UTC'),
        ("2026-11-23T12:00:01Z", "expected a moment in the past"),
        ("soon ago", "is no duration"),
        ("9999999w ago", "--at"),
    ],
)
def test_what_is_no_moment_is_refused_with_what_to_type(text: str, said: str) -> None:
    """A wrong moment would bring back the damage."""
    with pytest.raises(ConfigError, match="--at") as caught:
        command.moment_of(text, NOON)
    assert said in str(caught.value)


@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    """No traceback, and no moment in the future."""
    try:
        moment = command.moment_of(text, NOON)
    except ConfigError:
        return
    assert moment is None or moment <= NOON


@pytest.mark.parametrize("text", ["0s", "31d", "long", "-1h"])
def test_a_time_to_keep_is_more_than_nothing_and_at_most_a_month(text: str) -> None:
    """A copy that nobody ends ends by itself."""
    with pytest.raises(ConfigError, match="--keep"):
        command.keep_of(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at", "latest", "--recovery-point", "x"], "not allowed with argument"),
        (["--security-group", "sg-XYZ"], "--security-group: expected the id of a group"),
        (["extend", RUN], "the following arguments are required: --keep"),
        (["extend", "orders", "--keep", "8h"], "RUN: expected the id of a restore"),
        (["end", ""], "RUN: expected a value"),
        (["--at", ""], "--at: expected a value"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 before anything is asked of AWS."""
    try:
        code = cli.main(["restore", *arguments])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    told = capsys.readouterr().err

    assert code == 2
    assert said in told
    assert "Traceback" not in told


def test_a_part_has_the_options_of_the_target_before_and_after_it() -> None:
    """`drills restore --target x extend RUN` and `drills restore extend RUN --target x` are the same."""
    before = cli.parse(["restore", "--target", "x", "extend", RUN, "--keep", "8h"])
    after = cli.parse(["restore", "extend", RUN, "--keep", "8h", "--target", "x"])

    assert vars(before) == vars(after)
    assert (before.target, before.part, before.run, before.keep) == ("x", "extend", RUN, "8h")


def test_a_group_that_is_named_takes_the_place_of_the_configured_one() -> None:
    """And without one the configuration is what it was."""
    asked = command.asked_of(
        argparse.Namespace(at=None, recovery_point=None, keep=None, security_group="sg-0a"), datetime.now(UTC)
    )
    assert (asked.keep, asked.group) == (timedelta(hours=4), "sg-0a")
    whole: Config = SimpleNamespace()  # type: ignore[assignment]
    assert one.with_group(whole, "") is whole


# -- what stays and what is removed -------------------------------------------------------------------------------------


class Ends:
    """What a restore comes to, and what was done with what it made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, incident_now: Incident) -> None:
        self.did: list[str] = []
        self.journal = Journal.create(folder, replace(RECORD, incident=incident_now, restorations=()), origin=0.0)
        self.told: Any = SimpleNamespace(setup=SimpleNamespace(journal=self.journal), stage=lambda _: None)
        monkeypatch.setattr(one, "_setup", lambda *_: self.told.setup)
        monkeypatch.setattr(one, "_with_store", lambda setup, _: setup)
        monkeypatch.setattr(incident, "setup_for", lambda setup, *_: setup)
        monkeypatch.setattr(one, "_expected", lambda *_: (None, None))
        monkeypatch.setattr(price, "of_an_hour", lambda *_: "")
        monkeypatch.setattr(incident, "finish", lambda *_: self.did.append("kept"))
        monkeypatch.setattr(one, "remove_resources", lambda _: self.did.append("removed"))
        self._monkeypatch = monkeypatch

    def after(self, error: BaseException, *, keep: bool = False) -> list[str]:
        """Let the restore end with this, and settle."""

        def carry_out(*_: Any) -> None:
            raise error

        self._monkeypatch.setattr(incident, "carry_out", carry_out)
        reached: Any = SimpleNamespace(config=CONFIG)
        still = one._restore(reached, self.journal, Asked(timedelta(hours=1)), self.told)
        one._settle(self.journal, CONFIG, self.told, keep=keep or still)
        return self.did


BEFORE = Incident("latest", 3600.0)


@pytest.mark.parametrize(
    ("error", "keep", "now", "did"),
    [
        (KeyboardInterrupt("SIGINT"), False, BEFORE, "removed"),
        (KeyboardInterrupt("SIGINT"), True, BEFORE, "kept"),
        (KeyboardInterrupt("SIGTERM"), False, HANDED, "kept"),
        (RestoreFailed("incompatible-network"), False, BEFORE, "removed"),
        (StillRestoring("not available within 2 h"), False, BEFORE, "kept"),
        (DrillError("no connection"), False, HANDED, "kept"),
        (ZeroDivisionError("a fault of ours"), False, HANDED, "kept"),
        (ZeroDivisionError("a fault of ours"), False, BEFORE, "removed"),
    ],
)
def test_what_was_handed_over_stays_and_everything_else_is_removed(
    error: BaseException, keep: bool, now: Incident, did: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing costs somebody a copy that is there; nothing is left behind that nobody can use, unless it was asked for."""
    assert Ends(monkeypatch, tmp_path, now).after(error, keep=keep) == [did]


def test_no_point_is_a_verdict_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the points is said once."""
    ends = Ends(monkeypatch, tmp_path, BEFORE)
    ends.after(NoRecoveryPoint("none"))
    assert ends.journal.record.failures == ()


def test_evidence_that_cannot_be_kept_stops_no_restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the evidence may be what is lost: the restore begins without, and says so."""

    def unreachable(*_: Any) -> None:
        raise DrillError("expected the bucket, found none")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(one, "open_for_run", unreachable)
    monkeypatch.setattr(one, "opening_record", lambda run_id, *_: replace(RECORD, run_id=run_id))
    monkeypatch.setattr(context, "note_configuration", lambda *_: None)
    begun = one._begin(CONFIG, Asked(timedelta(hours=1)))

    assert (begun.keeper, begun.lock) == (None, None)
    assert begun.journal.record.trigger == "incident"
    assert begun.journal.record.notes == ("the restore goes on without evidence: expected the bucket, found none",)


@pytest.fixture
def mocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A project whose target is an instance without any backup in an AWS of this process; the notices that it sends."""
    heard: list[dict[str, Any]] = []

    def take(request: Request) -> tuple[int, bytes]:
        heard.append(json.loads(request.body))
        return 200, b""

    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "test")
    monkeypatch.chdir(tmp_path)
    for module in (one, guards):  # no bundle of RDS is in the checkout
        monkeypatch.setattr(module, "check_bundle", lambda _: None)
    with mock_aws(), answering("POST", take) as url:
        ec2 = boto3.client("ec2", region_name="eu-central-1")
        group = ec2.create_security_group(GroupName="copies", Description="copies")["GroupId"]
        ec2.revoke_security_group_egress(
            GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        )
        make_instance(boto3.client("rds", region_name="eu-central-1"), "orders", [])
        monkeypatch.setenv("DRILL_NOTICES", url.replace("http://", "json://"))
        (tmp_path / "drill.toml").write_text(MOCKED.replace("GROUP", group))
        yield heard


@pytest.mark.parametrize("evidence", ["reports/evidence", "drill.toml/evidence"], ids=["sealed", "unsealed"])
def test_no_point_that_fits_is_12_and_is_told(
    mocked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], evidence: str
) -> None:
    """Nothing was made, the sentence says what there is, and whoever is to hear of it does; also where nothing can be sealed."""
    file = Path("drill.toml")
    file.write_text(file.read_text() + f'[evidence]\nfolder = "{evidence}"\n')
    code = cli.main(["restore", "--profile", "aws", "--at", "2001-02-03T04:05:06Z", "--json"])
    out, error = capsys.readouterr()
    assert out, error
    told = json.loads(out)

    assert (code, told["all_codes"]) == (12, [12] if evidence.startswith("reports") else [12, 14])
    assert told["copy"] is None
    assert told["left"] == []
    (notice,) = mocked
    assert notice["title"].startswith("restore of orders (aws): ")
    assert "expected a point of 'orders' whose data do not go beyond 2001-02-03T04:05:06" in notice["message"]


# -- what somebody sees -------------------------------------------------------------------------------------------------


def test_a_notice_that_failed_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of a run: who waits for the word of a restore does not get it, and it is in no report."""
    journal = Journal.create(tmp_path, RECORD, origin=0.0)
    failed = "notices: sns: expected to send it, found AccessDenied"
    monkeypatch.setattr(of_run, "conclude", lambda *_, **__: of_run.Concluded(RECORD, None, (failed,)))
    keeper: Any = object()
    record, undone = one._conclude(one._Begun(journal, CONFIG, keeper, None))
    console = Console(file=io.StringIO(), width=200)
    show.Told(journal, console, CONFIG).end(record, undone)

    assert failed in console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_access_names_the_secret_and_no_password() -> None:
    """Where it is, as whom, and the command that reads the password there."""
    lines = show.access_lines(RECORD, "/ca.pem", "eu-central-1")

    assert "  endpoint      copy.example:5432" in lines
    assert any(f"--secret-id {COPY}-login --region eu-central-1" in each for each in lines)
    assert any("sslmode=verify-full sslrootcert=/ca.pem" in each for each in lines)


def test_the_login_opens_what_was_restored() -> None:
    """A database that the record or the target names; none is guessed where neither does."""
    read = replace(RECORD, target=TargetSummary("orders", "orders", "vault", databases=("postgres", "my orders")))

    told, before, unknown = (
        "\n".join(show.access_lines(record, "/ca.pem", "eu-central-1", named))
        for record, named in ((read, ("app",)), (RECORD, ("app",)), (RECORD, ()))
    )
    assert "databases     postgres, my orders" in told
    assert "my orders" in told.splitlines()[-1]
    assert "dbname=app " in before
    assert "not known yet: " in unknown


@pytest.mark.parametrize(
    ("there", "named", "entered"),
    [
        (("app", "postgres"), (), "app"),
        (("app", "postgres", "stock"), (), "postgres"),
        (("app", "postgres", "stock"), ("stock", "app"), "stock"),
        (("app", "postgres"), ("gone",), "app"),
        (("postgres",), (), "postgres"),
    ],
)
def test_the_login_enters_a_database_that_is_there(
    there: tuple[str, ...], named: tuple[str, ...], entered: str
) -> None:
    """Of those that the copy has the one that drill.toml names, else the only one of the owner's; none is guessed."""
    record = replace(RECORD, target=TargetSummary("orders", "orders", "vault", databases=there))
    told = show.access_lines(record, "/ca.pem", "eu-central-1", named)

    assert f"  databases     {', '.join(there)}" in [*told, *show.usable_lines(record)]
    assert f"dbname={entered} " in told[-1]
    assert show.facts(record)["copy"]["databases"] == list(there)


@pytest.mark.parametrize(("text", "said"), [("0h", "more than nothing"), ("31d", "at most 30d")])
def test_a_time_that_is_refused_is_told_what_is_wrong_with_it(text: str, said: str) -> None:
    """Too short and too long have an answer each."""
    with pytest.raises(ConfigError, match=said):
        command.keep_of(text)


def test_paths_are_whole_where_the_caller_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is copied works in the folder that it was called from, which is not the project's."""
    monkeypatch.chdir(tmp_path)
    assert words.show_path(tmp_path / "a") == "a"
    common.enter_project(argparse.Namespace(), ())
    try:
        assert words.show_path(common.CHECKOUT / "drill.toml") == str(common.CHECKOUT / "drill.toml")
        assert words.show_path(tmp_path / "a") == "a"
    finally:
        files.forget_caller()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record, "RESTORED, and it DIFFERS from what it should be: content"),
        (lambda record: replace(record, restorations=(replace(RESTORED, checks=()),)), "RESTORED, and verified"),
        (
            lambda record: replace(record, restorations=(), interrupted_by="SIGINT"),
            "RESTORED; SIGINT ended the checks, so that not all of it is verified",
        ),
        (lambda record: replace(record, incident=BEFORE), "NOT UP YET: "),
        (lambda record: replace(record, incident=BEFORE, resources=()), "NOT RESTORED: "),
    ],
)
def test_the_first_line_says_what_came_of_it(change: Callable[[RunRecord], RunRecord], said: str) -> None:
    """In the words of somebody who must decide now."""
    assert show.headline(change(RECORD)).startswith(said)


def test_the_end_says_what_is_known_until_when_and_what_to_type() -> None:
    """What was verified, what differs and what is not known; how the time is set, and what an hour costs."""
    told = "\n".join([*show.kept_lines(RECORD, CONFIG), *show.checked_lines(RECORD)])

    for each in (
        "kept until    2026-11-23 13:00:00 UTC",
        f"drills restore extend {RUN} --keep 8h --profile aws --target orders",
        f"drills restore end {RUN} --profile aws --target orders",
        "an hour of it cost about $0.12",
        "verified      connection",
        "DIFFERS       content: public.t lost 1 of 10 rows",
        "NOT KNOWN     catalog: no manifest says what the copy should contain",
        "5 m before this was called",
    ):
        assert each in told


def test_sentences_are_broken_at_words_and_commands_never() -> None:
    """A command is copied from the screen; what is read is not cut in the middle of a word."""
    told = [
        *show.access_lines(RECORD, "/ca.pem", "eu-central-1"),
        *show.kept_lines(RECORD, CONFIG),
        *show.checked_lines(RECORD),
    ]
    shown = [each for line in told for each in show.wrapped(line, 80)]

    assert [
        each for each in shown if len(each) > 80 and not any(word in each for word in ("aws ", "psql ", "drills "))
    ] == []
    assert "".join("".join(shown).split()) == "".join("".join(told).split())
    assert show.wrapped("a" * 100, 0) == ["a" * 100]


def test_a_copy_without_a_password_is_told_how_to_get_one() -> None:
    """RDS restores it still: RDS can make a password of its own later."""
    told = "\n".join(show.kept_lines(replace(RECORD, incident=replace(HANDED, handed_over_at=None)), CONFIG))

    assert "--manage-master-user-password" in told


def test_a_cluster_is_told_by_its_own_commands() -> None:
    """Its groups are changed by ModifyDBCluster; one that was left before it had an instance is told how to get one."""
    cluster = replace(RECORD, resources=(replace(RECORD.resources[0], kind="db-cluster"),))
    told = "\n".join([*show.access_lines(cluster, "/ca.pem", "eu-central-1"), *show.kept_lines(cluster, CONFIG)])
    left = "\n".join(show.kept_lines(replace(cluster, incident=replace(HANDED, handed_over_at=None)), CONFIG))

    assert f"  cluster       {COPY}" in told
    assert f"aws rds modify-db-cluster --db-cluster-identifier {COPY} --region eu-central-1" in told
    assert "no instance" not in told
    assert f"aws rds create-db-instance --db-cluster-identifier {COPY}" in left
    assert "aws rds modify-db-cluster" in left
    assert "--manage-master-user-password" in left
    assert show.facts(cluster)["copy"]["cluster"] == COPY


@pytest.mark.parametrize(("kind", "named"), [("instance", False), ("cluster", True)])
def test_no_right_for_clusters_is_needed_without_one(
    monkeypatch: pytest.MonkeyPatch, kind: str, *, named: bool
) -> None:
    """What a restore has made is looked for among the kinds that it can have made: restore.json may list no clusters."""
    asked: list[Any] = []
    monkeypatch.setattr(afterwards, "find", lambda _, kinds: asked.extend(kinds))
    afterwards._find(SimpleNamespace(restore=None, config=SimpleNamespace(target=SimpleNamespace(kind=kind))))  # type: ignore[arg-type]

    assert "db-instance" in asked
    assert ("db-cluster" in asked) == named


def test_facts_have_a_copy_only_where_one_stays() -> None:
    """A script reads whether there is something to switch to, which the exit code alone does not say."""
    told = json.loads(to_json(show.facts(RECORD)))

    assert told["copy"]["host"] == "copy.example"
    assert (told["copy"]["kept_until"], told["data_until"]) == (
        "2026-11-23T13:00:00+00:00",
        "2026-11-23T09:00:00+00:00",
    )
    assert show.facts(RECORD)["differs"] == {"content": "public.t lost 1 of 10 rows"}
    assert show.facts(replace(RECORD, incident=BEFORE))["copy"] is None


# -- no drill -----------------------------------------------------------------------------------------------------------


def test_a_restore_of_an_incident_is_no_drill() -> None:
    """It counts in no history and no gate, and the ledger calls it by its name."""
    passed = replace(RECORD, code=0, all_codes=(0,))

    assert line.why_no_drill(passed) == "the restore of an incident is no drill"
    assert line.line_of(passed).not_counted == "the restore of an incident is no drill"
    started: Any = SimpleNamespace(record=SimpleNamespace(trigger="incident", expected=("x",), settings=()))
    assert not ledger._announces_drill(started)


def test_the_bundle_of_an_incident_is_not_replayed() -> None:
    """What is not derived again is not called confirmed."""
    evidence: Any = SimpleNamespace(record=RECORD)
    with pytest.raises(CannotReplay, match="incident"):
        replay(evidence)
