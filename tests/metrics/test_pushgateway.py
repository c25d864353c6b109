"""The numbers of runs at a real Pushgateway, as Prometheus fetches them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drills.clock import SystemClock, wait_until
from drills.config.load import load
from drills.metrics import pushgateway
from drills.metrics.pushgateway import push
from drills.metrics.samples import LAST_RUN, LAST_SUCCESS, numbers_of
from drills.metrics.write import write
from tests.metrics.test_text import answers, later, named, passed
from tests.support.example_record import failing_drill, green_drill
from tests.support.listening import http_server
from tests.support.monitoring import program
from tests.support.ports import free_port


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """A Pushgateway; its address."""
    address = f"127.0.0.1:{free_port()}"
    words = [program("prometheus-pushgateway"), f"--web.listen-address={address}"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: answers(address), 60.0, SystemClock(), what="the Pushgateway to answer")
            yield f"http://{address}"
        finally:
            server.terminate()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than a run does for a server on a busy machine."""
    monkeypatch.setattr(pushgateway, "SECONDS", 120.0)


def shown(gateway: str, name: str) -> dict[str, float]:
    """The numbers of a target, by their names and other labels."""
    with urlopen(f"{gateway}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = (each for family in families for each in family.samples)
    return {
        each.name + each.labels.get("phase", "") + each.labels.get("result", ""): each.value
        for each in samples
        if each.labels.get("target", "").removeprefix("SIMULATED ") == name
    }


def test_a_gateway_shows_the_numbers_of_each_target(gateway: str) -> None:
    """With their labels, whatever is in a name."""
    for name in ("orders", "a/b c"):
        push(gateway, numbers_of(named(passed(green_drill()), name)))

    for name in ("orders", "a/b c"):
        found = shown(gateway, name)
        assert found["dr_drill_rto_seconds"] == 1800.0
        assert found["dr_drill_resultpassed"] == 1.0


def test_a_failed_run_leaves_the_last_success(gateway: str) -> None:
    """Numbers are added to those that are there; those of the run take the place of the earlier run's."""
    success, failure = named(passed(failing_drill()), "kept"), later(named(failing_drill(), "kept"), 30)
    assert success.ended_at
    assert failure.ended_at

    push(gateway, numbers_of(success))
    push(gateway, numbers_of(failure))
    found = shown(gateway, "kept")

    assert found[LAST_SUCCESS] == success.ended_at.timestamp()
    assert found[LAST_RUN] == failure.ended_at.timestamp()
    assert found["dr_drill_resultpassed"] == 0.0
    assert found["dr_drill_resultverification failed"] == 1.0


@pytest.mark.parametrize("status", [400, 503, 0])
def test_a_gateway_that_refuses_or_is_not_there_is_said(tmp_path: Path, status: int) -> None:
    """In one sentence, and nothing else of the run changes."""
    with http_server(status=status or 200) as server:
        url = server.url if status else f"http://127.0.0.1:{free_port()}"
        (tmp_path / "drill.toml").write_text(f'[metrics]\npushgateway = "{url}"\n[targets.orders]\n')
        config = load(tmp_path / "drill.toml", profile=None, target=None, environment={})
        written = write(green_drill(), config)

    assert [each.place for each in written] == [f"Pushgateway {url}"]
    assert (str(status) if status else "refused") in written[0].problem
    assert not set("\n<>") & set(written[0].problem)
