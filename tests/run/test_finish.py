"""The end of a run: what is left, why it ended, and a code that is true at each moment."""

from __future__ import annotations

import dataclasses
import errno
import json
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.config import Config

from drills import errors, record
from drills.aws import session
from drills.cli.evidence import unwritten
from drills.config.load import Target
from drills.files import write_atomically
from drills.history import forecasts
from drills.model.forecast import Forecast
from drills.model.instance import Resource, ResourceState
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.objectives import verdicts
from drills.record import Journal
from drills.recovery.setup import Setup
from drills.run import context, finish
from drills.run.plan import CONTEXT_NAME, SERVICE_NAME, Outcome, write_outcome
from reports import write
from tests.support.clock import NOON, HandClock
from tests.support.example_record import green_drill
from tests.support.lossy import ACCOUNT, REGION, LossyAws, make_instance, make_parameter_group
from tests.support.models import mock_aws
from tests.support.ports import free_port


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A run that has made an instance; its clients do not try again, which would take half a minute."""
    once = Config(retries={"total_max_attempts": 1})
    monkeypatch.setattr(session, "client_config", lambda *_: once)
    made = Resource("db-instance", "drill-x-recovery", "made")
    fresh = RunRecord(SCHEMA_VERSION, "x", "sandbox", True, NOON, "0", resources=(made,))
    context.save(tmp_path, context.RunOptions())
    return Journal.create(tmp_path, fresh, origin=0.0)


def test_what_was_in_a_sandbox_that_died_is_not_still_there(tmp_path: Path, journal: Journal) -> None:
    """Its instances were processes of this machine, which the supervisor sweeps; nothing is left in any AWS."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    (tmp_path / SERVICE_NAME).write_text(json.dumps({"endpoint": endpoint, "ca": "none"}))

    finish.clean(tmp_path, journal)

    (resource,) = record.load(tmp_path).resources
    assert (resource.state, resource.note) == ("gone", "went with the sandbox")
    assert record.load(tmp_path).failures == ()


def test_what_cannot_be_removed_elsewhere_is_still_there(tmp_path: Path, journal: Journal) -> None:
    """An AWS that does not answer keeps what was made in it: exit code 13, and a sentence with each command."""
    config = tmp_path / "drill.toml"
    config.write_text('[profiles.endpoint]\nendpoint_url = "http://127.0.0.1:9"\n[targets.orders]\n')
    context.save(tmp_path, context.RunOptions(config_file=str(config), profile="endpoint"))

    finish.clean(tmp_path, journal)

    kept = record.load(tmp_path)
    (failure,) = kept.failures
    assert failure.exit_code == errors.LEFT_BEHIND
    assert "drills sweep removes it when its time is over" in failure.sentence
    assert "db-instance drill-x-recovery, aws rds delete-db-instance " in failure.sentence
    assert kept.resources[0].state == "made"


def test_a_sandbox_that_is_known_to_have_died_is_not_asked(tmp_path: Path, journal: Journal) -> None:
    """Why the run ended is in the record, once; what was made is gone, without one call to an address that is dead."""
    sentence = "expected the sandbox to run until the end of the run, found that it ended"
    write_outcome(tmp_path, Outcome(error=sentence, exit_code=errors.COULD_NOT_RUN, died=("sandbox",)))

    finish.clean(tmp_path, journal)
    finish.close(tmp_path, journal)

    kept = record.load(tmp_path)
    assert [(failure.sentence, failure.exit_code) for failure in kept.failures] == [(sentence, errors.COULD_NOT_RUN)]
    assert [resource.state for resource in kept.resources] == ["gone"]
    assert kept.code == errors.COULD_NOT_RUN


@pytest.fixture
def passed(tmp_path: Path) -> Journal:
    """A run that held all its promises and is to be judged."""
    context.save(tmp_path, context.RunOptions())
    kept = dataclasses.replace(green_drill(), code=None, all_codes=(), ended_at=None)
    return Journal.create(tmp_path, kept, origin=0.0)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (2, "ended with 2 (it was interrupted)"),
        (3, "ended with 3 (it met an error of its own)"),
        (-signal.SIGQUIT, "was ended by SIGQUIT"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
    ],
)
def test_a_pytest_that_did_not_end_by_itself_is_a_sentence(
    tmp_path: Path, passed: Journal, status: int, said: str
) -> None:
    """Whoever ended pytest, and although each scenario until then has passed: 12, and how it ended."""
    write_outcome(tmp_path, Outcome(statuses={"features": status}))

    finish.close(tmp_path, passed)

    kept = record.load(tmp_path)
    (failure,) = kept.failures
    assert failure.sentence == f"expected pytest to run all features, found that it {said}: see features.log"
    assert (kept.code, kept.all_codes) == (errors.COULD_NOT_RUN, (errors.COULD_NOT_RUN,))


def test_the_forecast_of_the_day_before_is_scored_at_the_end(tmp_path: Path, passed: Journal) -> None:
    """It lies beside the history; the record says how it came true, and so does the line that the run leaves."""
    history = tmp_path / "kept" / "history.jsonl"
    context.save(tmp_path, context.RunOptions(history=str(history)))
    write_outcome(tmp_path, Outcome(statuses={"features": 0}))
    kept = passed.record
    assert kept.target
    before, target = kept.started_at - timedelta(hours=9), kept.target
    place = (target.account, target.region, target.instance_id, target.dbi_resource_id)
    forecasts.append(forecasts.file_beside(history), Forecast(before, "orders", kept.simulated, *place, "accepted"))

    finish.close(tmp_path, passed)

    ended = record.load(tmp_path)
    assert ended.forecast
    assert ended.forecast.score == "hit"
    assert ended.history
    assert (ended.history.forecasts_hit, ended.history.forecasts_scored) == (1, 1)


def test_a_run_without_a_scenario_has_one_sentence_for_it(tmp_path: Path, journal: Journal) -> None:
    """The same cause is recorded once, however many rules it breaks."""
    write_outcome(tmp_path, Outcome(statuses={"features": 5}))

    finish.close(tmp_path, journal)

    said = [failure.sentence for failure in record.load(tmp_path).failures]
    assert [sentence for sentence in said if sentence.startswith("nothing was run")] == [
        "nothing was run: expected the features, found that pytest ended with 5 (it found no scenario): see features.log"
    ]


@pytest.mark.parametrize(("state", "code"), [("made", errors.LEFT_BEHIND), ("gone", errors.COULD_NOT_RUN)])
def test_a_clean_up_that_ended_badly_is_a_sentence(
    tmp_path: Path, passed: Journal, state: ResourceState, code: int
) -> None:
    """What it had not removed yet is still there."""
    passed.update(resources=(Resource("db-instance", "drill-x-recovery", state),))
    write_outcome(tmp_path, Outcome(statuses={"features": 0, "clean": -signal.SIGKILL}))

    finish.close(tmp_path, passed)

    kept = record.load(tmp_path)
    assert [failure.exit_code for failure in kept.failures] == [code]
    assert "expected the clean-up to end well, found that it was ended by SIGKILL" in kept.failures[0].sentence
    assert kept.code == code


@pytest.mark.parametrize("local", [True, False])
def test_what_a_cut_over_keeps_goes_with_the_sandbox_alone(tmp_path: Path, passed: Journal, local: bool) -> None:
    """On an AWS that stays it is kept and gives no exit code; in the sandbox of a run nothing of it is there any more."""
    passed.update(resources=(Resource("db-instance", "orders-aside", "kept", note="kept on purpose"),))
    if local:
        (tmp_path / SERVICE_NAME).write_text(json.dumps({"endpoint": "http://127.0.0.1:9", "ca": "none"}))
    write_outcome(tmp_path, Outcome(statuses={"features": 0}))

    finish.close(tmp_path, passed)

    kept = record.load(tmp_path)
    (resource,) = kept.resources
    assert (resource.state, resource.note) == (
        ("gone", "went with the sandbox") if local else ("kept", "kept on purpose")
    )
    assert errors.LEFT_BEHIND not in kept.all_codes


def test_no_code_is_0_before_the_reports_are_there(tmp_path: Path, passed: Journal) -> None:
    """A run that is killed while it writes its reports has not passed; its reports, written later, give it the 0."""
    write_outcome(tmp_path, Outcome(statuses={"features": 0}))

    finish.close(tmp_path, passed)

    held = record.load(tmp_path)
    assert (held.code, [failure.sentence for failure in held.failures]) == (12, [verdicts.UNREPORTED])
    assert write.write_all(tmp_path, render_allure=False) == []
    kept = record.load(tmp_path)
    assert (kept.code, kept.all_codes, kept.failures) == (0, (0,), ())
    for name in ("report.html", "summary.md", "junit.xml"):
        assert verdicts.UNREPORTED not in (tmp_path / name).read_text(encoding="utf-8")
    assert not (tmp_path / CONTEXT_NAME).exists()


LOCK = "drill-lock-0123456789abcdef-1"


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Journal, LossyAws]]:
    """A run that has made a copy, a group and a lock in an AWS of this process, on a disk that has become full."""
    config = tmp_path / "drill.toml"
    config.write_text('[profiles.endpoint]\nendpoint_url = "http://127.0.0.1:9"\n[targets.orders]\n')
    context.save(tmp_path, context.RunOptions(config_file=str(config), profile="endpoint"))
    with mock_aws():
        aws = LossyAws()
        make_drill_things(aws)
        made = (
            Resource("db-parameter-group", LOCK, "made", ACCOUNT, REGION),
            Resource("db-parameter-group", "drill-x-recovery-parameters", "made", ACCOUNT, REGION),
            Resource("db-instance", "drill-x-recovery", "made", ACCOUNT, REGION),
        )
        fresh = RunRecord(SCHEMA_VERSION, "x", "endpoint", False, NOON, "0", resources=made)
        journal = Journal.create(tmp_path, fresh, origin=0.0, clock=HandClock())
        setup = Setup("orders", Target(instance="orders"), aws.clients, aws.clients, journal, HandClock(), 1.0, None)
        monkeypatch.setattr(context, "open_setup", lambda *_: setup)
        monkeypatch.setattr(record, "write_atomically", no_room)
        yield journal, aws
        aws.recover()


def no_room(path: Path, _text: str) -> None:
    """What a full disk answers."""
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def make_drill_things(aws: LossyAws) -> None:
    """Make the copy, the group and the lock of the run x."""
    tags = [{"Key": "drills:run", "Value": "x"}]
    for name in (LOCK, "drill-x-recovery-parameters"):
        make_parameter_group(aws.clients.rds, name, tags)
    make_instance(aws.clients.rds, "drill-x-recovery", tags)


def test_a_full_disk_does_not_keep_a_copy(tmp_path: Path, unwritable: tuple[Journal, LossyAws]) -> None:
    """All is removed by the record in memory; what judges the run afterwards is told so, and says why it is not recorded."""
    journal, aws = unwritable

    status = finish.clean(tmp_path, journal)

    assert status == finish.UNWRITTEN
    assert aws.clients.rds.describe_db_instances()["DBInstances"] == []
    groups = aws.clients.rds.describe_db_parameter_groups()["DBParameterGroups"]
    assert not [each for each in groups if each["DBParameterGroupName"].startswith("drill-")]
    assert [each.state for each in record.load(tmp_path).resources] == ["made", "made", "made"]
    shown = unwritten.judge(tmp_path, Outcome(statuses={"clean": status}), OSError(errno.ENOSPC, "No space left"))
    assert (shown.code, shown.all_codes, unwritten.lines_of(shown)) == (
        12,
        (12,),
        ("all that the run made was seen to be gone",),
    )
    assert shown.failures[-1].sentence.startswith(
        "expected to write the record and the reports of the run, found: No space left: make room"
    )


def test_what_a_full_disk_leaves_is_named_in_the_order_of_removal(
    tmp_path: Path, unwritable: tuple[Journal, LossyAws]
) -> None:
    """AWS refuses to remove the copy: the rest goes; 13 without a written record, the copy first, a command for each."""
    journal, aws = unwritable
    aws.lose("rds", "DeleteDBInstance", "denied", times=None, carried_out=False)

    status = finish.clean(tmp_path, journal)

    assert status == errors.LEFT_BEHIND
    assert [each.id for each in journal.record.resources if each.state == "left"] == ["drill-x-recovery"]
    shown = unwritten.judge(tmp_path, Outcome(statuses={"clean": status}), OSError(errno.ENOSPC, "No space left"))
    assert (shown.code, shown.all_codes) == (13, (13,))
    lines = unwritten.lines_of(shown)
    assert [line.split(": ")[1].split()[0] for line in lines] == [
        "db-instance",
        "db-parameter-group",
        "db-parameter-group",
    ]
    assert "aws rds delete-db-instance --skip-final-snapshot --db-instance-identifier drill-x-recovery" in lines[0]


def test_room_that_comes_back_makes_the_record_whole(
    tmp_path: Path, unwritable: tuple[Journal, LossyAws], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest state is written with the next change; that some of it came late is a note."""
    journal, _ = unwritable
    monkeypatch.setattr(journal, "enter", lambda *_, **__: journal.miss(OSError(errno.ENOSPC, "No space left")))
    monkeypatch.setattr(record, "write_atomically", write_atomically)

    assert finish.clean(tmp_path, journal) == 0

    kept = record.load(tmp_path)
    assert {each.state for each in kept.resources} == {"gone"}
    assert kept.notes == ("not all of the clean-up could be written down: No space left",)
