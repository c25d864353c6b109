"""The numbers of runs in CloudWatch, and that the alarm of the schedule's stack stands on one of them."""

from __future__ import annotations

import dataclasses
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.aws.session import open_clients
from drills.cli.main import main
from drills.config.load import Config, load
from drills.config.profiles import SandboxProfile
from drills.errors import ConfigError, DrillError, Refused
from drills.metrics.cloudwatch import AGE, NAMESPACE, metric_name, put_age, put_numbers
from drills.metrics.samples import numbers_of
from drills.metrics.write import write
from drills.model.record import RunRecord
from drills.sandbox_client import find_keys
from tests.metrics.test_text import passed
from tests.support.example_record import failing_drill, green_drill
from tests.support.ledger import kept
from tests.support.paths import CHECKOUT
from tests.support.sandbox import RunningSandbox

NOW = datetime.now(UTC).replace(microsecond=0)


def just_now(record: RunRecord) -> RunRecord:
    """The same run, on AWS, as if it had ended an hour ago: CloudWatch takes no old numbers."""
    ended = NOW - timedelta(hours=1)
    return dataclasses.replace(record, profile="aws", simulated=False, ended_at=ended)


def client(sandbox: RunningSandbox) -> Any:
    """A client that may tell, and nothing else."""
    clients = open_clients(SandboxProfile(), environment={}, endpoint_url=sandbox.endpoint, role="tells")
    return clients.client("cloudwatch")


def values(cloudwatch: Any, name: str, ends: str = "") -> dict[str, float]:
    """The newest value of each metric whose name begins so."""
    found = {}
    for each in cloudwatch.list_metrics(Namespace=NAMESPACE)["Metrics"]:
        if not each["MetricName"].startswith(name):
            continue
        assert each["Dimensions"] == []
        points = cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=each["MetricName"],
            StartTime=NOW - timedelta(days=1),
            EndTime=datetime.now(UTC) + timedelta(minutes=5),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        found[each["MetricName"].removeprefix(f"{name}-")] = max(points, key=lambda point: point["Timestamp"])[
            "Maximum"
        ]
    return found


def test_the_alarm_of_the_stack_is_on_a_metric_of_this_name() -> None:
    """Namespace, end of the name, no dimensions, seconds."""
    text = (CHECKOUT / "infra/terraform/schedule/alarm.tf").read_text(encoding="utf-8")

    assert f'namespace = "{NAMESPACE}"' in text
    assert re.search(rf'name\s+= "\$\{{var\.name\}}-{AGE}"', text)
    assert 'unit      = "Seconds"' in text
    assert "dimensions" not in text


@pytest.mark.sandbox
def test_the_numbers_of_a_run_and_the_age_of_the_last_success_are_put(sandbox: RunningSandbox) -> None:
    """What was not measured is not there."""
    cloudwatch, name = client(sandbox), f"t{uuid.uuid4().hex[:8]}"
    record = dataclasses.replace(just_now(passed(green_drill())), worst_case=None)
    put_numbers(cloudwatch, name, numbers_of(record), NOW)

    found = values(cloudwatch, name)
    assert found["passed"] == 1
    assert found["rto"] == 1800
    assert found["rpa"] == 4.8
    assert found["orphans"] == 0
    assert found[AGE] == 3600
    assert "worst-case-rpo" not in found


@pytest.mark.sandbox
def test_a_failure_does_not_make_the_last_success_younger(sandbox: RunningSandbox) -> None:
    """Where none is known there is no age, and the alarm takes a missing one for too old."""
    cloudwatch, name = client(sandbox), f"t{uuid.uuid4().hex[:8]}"
    put_numbers(cloudwatch, name, numbers_of(just_now(failing_drill())), NOW)

    found = values(cloudwatch, name)
    assert found["passed"] == 0
    assert AGE not in found
    put_age(cloudwatch, name, False, 12.0, NOW)
    assert values(cloudwatch, name)[AGE] == 12


@pytest.mark.sandbox
def test_a_simulated_run_has_metrics_of_other_names(sandbox: RunningSandbox) -> None:
    """No alarm on AWS takes one for a success."""
    cloudwatch, name = client(sandbox), f"t{uuid.uuid4().hex[:8]}"
    simulated = dataclasses.replace(just_now(passed(green_drill())), simulated=True)
    put_numbers(cloudwatch, name, numbers_of(simulated), NOW)

    assert values(cloudwatch, name) == {}
    assert values(cloudwatch, f"SIMULATED-{name}")["passed"] == 1
    assert metric_name(name, AGE, True) == f"SIMULATED-{name}-last-success-age"


@pytest.mark.sandbox
def test_the_client_can_put_metrics_and_nothing_else(sandbox: RunningSandbox) -> None:
    """No alarm is changed by what reports on drills."""
    with pytest.raises(Refused, match="DeleteAlarms"):
        client(sandbox).delete_alarms(AlarmNames=["x"])


def config(folder: Path, text: str, profile: str | None = None) -> Config:
    """The configuration of a file with this text."""
    (folder / "drill.toml").write_text(text)
    return load(folder / "drill.toml", profile=profile, target="orders", environment={})


def test_several_targets_have_metrics_of_their_own(tmp_path: Path) -> None:
    """One name for two would hide that one of them was not drilled."""
    two = '[metrics]\ncloudwatch = "{}"\n[targets.orders]\n[targets.stock]\n'

    with pytest.raises(ConfigError, match=r"metrics.cloudwatch.*\{target\}"):
        config(tmp_path, two.replace("{}", "drills"))
    assert config(tmp_path, two.replace("{}", "drills-{target}")).metrics.cloudwatch_name("orders") == "drills-orders"
    with pytest.raises(ConfigError, match="cloudwatch"):
        config(tmp_path, '[metrics]\ncloudwatch = "a b/c"\n[targets.orders]\n')


@pytest.mark.sandbox
def test_an_endpoint_gets_them_from_drill_toml(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile of the sandbox has no CloudWatch, since its AWS ends with the run: said, and nothing else."""
    name = f"t{uuid.uuid4().hex[:8]}"
    keys = find_keys(sandbox.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    text = f'[metrics]\ncloudwatch = "{name}"\n[targets.orders]\n'
    endpoint = f'[profiles.endpoint]\nendpoint_url = "{sandbox.endpoint}"\n'
    run = dataclasses.replace(just_now(green_drill()), simulated=True)

    there = write(run, config(tmp_path, text + endpoint, "endpoint"))
    inside = write(run, config(tmp_path, text))

    assert [(each.place, each.problem) for each in there] == [(f"CloudWatch {name}", "")]
    assert "ends with the run" in inside[0].problem


def test_what_cloudwatch_refuses_is_said() -> None:
    """With the right that it takes."""
    from botocore.exceptions import ClientError

    class Refusing:
        def put_metric_data(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutMetricData")

    with pytest.raises(DrillError, match="found AccessDenied: the caller needs cloudwatch:PutMetricData"):
        put_age(Refusing(), "drills", False, 1.0, NOW)


@pytest.mark.sandbox
def test_the_check_from_cron_puts_the_age_of_the_last_success(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time it runs, so that an alarm on the age has a value each day; of a chain that does not verify there is none."""
    name = f"t{uuid.uuid4().hex[:8]}"
    keys = find_keys(sandbox.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.chdir(tmp_path)
    text = f'[metrics]\ncloudwatch = "{name}"\n[targets.orders]\n[profiles.endpoint]\nendpoint_url = "{sandbox.endpoint}"\n'
    (tmp_path / "drill.toml").write_text(text)
    chain = tmp_path / "reports/evidence/endpoint-orders"
    run = dataclasses.replace(passed(green_drill()), profile="endpoint")
    bundle = kept(chain, "a", datetime.now(UTC) - timedelta(days=2), run)  # the suite may have run for long by now

    code = main(["ledger", "check", "--max-age", "35d", "--profile", "endpoint"])
    whole = values(client(sandbox), f"SIMULATED-{name}")
    (bundle.folder / "drill.json").write_text("{}")
    forged = main(["ledger", "check", "--max-age", "35d", "--profile", "endpoint"])

    assert (code, forged) == (0, 11)
    assert 2 * 86_400 - 600 < whole[AGE] < 2 * 86_400 + 60
    assert values(client(sandbox), f"SIMULATED-{name}") == whole
