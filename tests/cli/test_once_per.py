"""`drills run --once-per`: a scheduler that fires twice drills once."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drills.cli.main import main
from drills.config import load as configuration
from drills.evidence.seal import Seal
from tests.support.example_record import green_drill
from tests.support.ledger import CHAIN, kept

NOW = datetime.now(UTC)
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The chain of a project, with a drill by its configuration that began just now."""
    (tmp_path / "drill.toml").write_text('[targets.orders]\nvault = "vault"\nrto = "30m"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    config = configuration.load(None, profile=None, target=None, environment={})
    run = dataclasses.replace(green_drill(), settings=config.settings, code=11)
    kept(tmp_path / "reports/evidence" / CHAIN, "a", NOW - timedelta(seconds=1), run, seal=Seal())
    return tmp_path / "reports/evidence" / CHAIN


def entries(chain: Path) -> list[str]:
    """What lies in the chain, and the folders of runs."""
    return sorted(str(path) for path in [*chain.glob("*"), *chain.glob("starts/*"), *Path("reports/out").glob("*")])


def test_a_second_run_of_the_period_is_not_begun(chain: Path, capsys: Capture) -> None:
    """One sentence with the run that counts, its exit code, and nothing is left of the second: a repeat turns nothing green."""
    before = entries(chain)

    assert main(["run", "--once-per", "month", "--timezone", "Pacific/Kiritimati"]) == 11

    out = capsys.readouterr().out
    assert out.startswith("target orders is drilled once in ")
    assert "(Pacific/Kiritimati): run a (number 1 of sandbox-orders) ended with: verification failed, so that no" in out
    assert out.count("\n") == 1
    assert entries(chain) == before


def test_a_dry_run_says_that_none_would_begin(chain: Path, capsys: Capture) -> None:
    """And says nothing of it where one would: without the option, and by another configuration."""
    assert main(["run", "--dry-run", "--once-per", "month"]) == 0
    assert "  not begin, since target orders is drilled once in " in capsys.readouterr().out
    for other in (["--once-per", "month", "--rto", "1h"], []):
        assert main(["run", "--dry-run", "--json", *other]) == 0
        assert json.loads(capsys.readouterr().out)["once"] == ""


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--timezone", "Europe/Berlin"], "--timezone: expected --once-per beside it, found it alone"),
        (["--once-per", "day", "--damage", "row"], "--once-per: expected a run that counts, found --damage beside it"),
        (
            ["--once-per", "day", "--timezone", "Berlin"],
            'such as Europe/Berlin, found "Berlin"',
        ),
        (["--once-per", "day", "--timezone", "../etc"], 'found "../etc"'),
    ],
)
def test_what_makes_no_sense_is_refused(chain: Path, capsys: Capture, options: list[str], found: str) -> None:
    """Wrong usage, before anything is made."""
    assert main(["run", *options]) == 2
    assert found in capsys.readouterr().err
