"""The end of a run whose local AWS has died."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from botocore.config import Config

from drills import errors, record
from drills.aws import session
from drills.model.instance import Resource
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal
from drills.run import context, finish
from drills.run.plan import SERVICE_NAME, Outcome, write_outcome
from tests.support.clock import NOON


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
