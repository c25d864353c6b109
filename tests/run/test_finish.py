"""The end of a run: what is left, why it ended, and a code that is true at each moment."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
from pathlib import Path

import pytest
from botocore.config import Config

from drills import errors, record
from drills.aws import session
from drills.model.instance import Resource, ResourceState
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.objectives import verdicts
from drills.record import Journal
from drills.run import context, finish
from drills.run.plan import CONTEXT_NAME, SERVICE_NAME, Outcome, write_outcome
from reports import write
from tests.support.clock import NOON
from tests.support.example_record import green_drill


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
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    (tmp_path / SERVICE_NAME).write_text(json.dumps({"endpoint": endpoint, "ca": "none"}))

    finish.clean(tmp_path, journal)

    (resource,) = record.load(tmp_path).resources
    assert (resource.state, resource.note) == ("gone", "went with the sandbox")
    assert record.load(tmp_path).failures == ()


def test_what_cannot_be_removed_elsewhere_is_still_there(tmp_path: Path, journal: Journal) -> None:
    """An AWS that does not answer keeps what was made in it: exit code 13, and a sentence."""
    config = tmp_path / "drill.toml"
    config.write_text('[profiles.endpoint]\nendpoint_url = "http://127.0.0.1:9"\n[targets.orders]\n')
    context.save(tmp_path, context.RunOptions(config_file=str(config), profile="endpoint"))

    finish.clean(tmp_path, journal)

    kept = record.load(tmp_path)
    assert [failure.exit_code for failure in kept.failures] == [errors.LEFT_BEHIND]
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
