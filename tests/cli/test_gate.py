"""`drills gate`: what lets a release pass, and what does not."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.cli.main import main
from drills.config import load as configuration
from drills.evidence.seal import Seal
from drills.history.line import line_of, write_line
from drills.model.finding import Verdict
from drills.model.record import RunRecord, Setting
from tests.support.evidence import OTHER, PUBLIC, SIGNED
from tests.support.example_record import green_drill
from tests.support.ledger import CHAIN, DAY, kept, opening, reviewed, started

NOW = datetime.now(UTC)
TOML = """\
[profiles.aws]
accounts = ["123456789012"]
regions = ["eu-central-1"]
[targets.orders]
rto = "30m"
"""
Capture = pytest.CaptureFixture[str]
OPEN = Verdict("content equal to manifest", "not verified", "no manifest was found")


def drill(*more: Setting, profile: str = "sandbox", **changes: object) -> RunRecord:
    """A green drill of target orders that was made by the drill.toml that lies here."""
    config = configuration.load(None, profile=profile, target="orders", environment={})
    settings = (*config.settings, *more)
    return dataclasses.replace(
        green_drill(),
        profile=profile,
        simulated=config.simulated,
        settings=settings,
        **changes,  # type: ignore[arg-type]
    )


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The chain of a project whose one target has no drill yet."""
    (tmp_path / "drill.toml").write_text(TOML)
    (tmp_path / "drill.pub.pem").write_text(PUBLIC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    return tmp_path / "reports/evidence" / CHAIN


@pytest.fixture
def gate(capsys: Capture) -> Callable[..., tuple[int, str]]:
    """The gate's exit code and what it printed, with the key unless `plain`."""

    def passed(*options: str, plain: bool = False) -> tuple[int, str]:
        key = () if plain else ("--require-signed", "--key", "drill.pub.pem")
        code = main(["gate", "--max-age", "35d", *key, *options])
        return code, capsys.readouterr().out

    return passed


Gate = Callable[..., tuple[int, str]]


def test_a_recent_signed_drill_of_this_configuration_passes(chain: Path, gate: Gate) -> None:
    """The line names the drill, its age and whose signature was verified."""
    kept(chain, "a", NOW - DAY, drill())
    code, out = gate()

    assert (code, out.count("\n")) == (0, 1)
    assert out.startswith("orders: passes: drill a (number 1, ")
    assert f"of at most 35 d, signed by {SIGNED.fingerprint[:16]}…" in out


def test_without_any_drill_nothing_passes(chain: Path, gate: Gate) -> None:
    """An empty folder is no chain; what drills is printed."""
    assert gate() == (
        12,
        "orders: expected a drill of target orders with profile sandbox, found that none ever came: drills run --profile sandbox "
        "--target orders\n",
    )


@pytest.mark.parametrize(
    ("key", "named", "told"),
    [
        (
            "volume",
            "vol-0123456789abcdef0",
            "no drill of an EBS volume passes, since none reads its contents (docs/ebs.md)",
        ),
        (
            "file_system",
            "fs-0123456789abcdef0",
            "no drill of an EFS file system passes, since none reads its contents (docs/efs.md)",
        ),
    ],
)
def test_no_drill_is_advised_of_what_no_drill_passes(chain: Path, gate: Gate, key: str, named: str, told: str) -> None:
    """A volume and a file system end with 12 by design: another drill would change nothing, and the line says so."""
    own = f'[targets.orders]\n{key} = "{named}"\nvault = "kept"\n'
    role = '[targets.orders.restore]\nbackup_role_arn = "arn:aws:iam::123456789012:role/r"\n'
    Path("drill.toml").write_text(TOML.replace("[targets.orders]\n", own) + role)
    code, out = gate()

    assert code == 12
    assert f"found that none ever came: {told}" in out
    assert "drills run" not in out


def test_a_drill_that_is_too_old_does_not_pass(chain: Path, gate: Gate) -> None:
    """Its age is said."""
    kept(chain, "a", NOW - 36 * DAY, drill())
    code, out = gate()

    assert code == 12
    assert "expected a drill that passed at most 35 d ago, found the last one a (number 1, " in out


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"code": 11}, "failed verification"),
        ({"code": 12}, "ended with: could not run"),
        ({"code": 12, "verdicts": (OPEN,)}, "ended with: not verified"),
        ({"partial": True}, "does not count: partial"),
        ({"interrupted_by": "SIGTERM"}, "does not count: interrupted by SIGTERM"),
        ({"started": NOW + 2 * DAY}, "lies in the future and does not count"),
    ],
)
def test_only_a_whole_drill_that_passed_counts(chain: Path, gate: Gate, changes: dict[str, object], found: str) -> None:
    """Why the last one does not is said."""
    changes = dict(changes)
    at = changes.pop("started", NOW - DAY)
    assert isinstance(at, datetime)
    kept(chain, "a", at, drill(**changes))  # type: ignore[arg-type]
    code, out = gate()

    assert code == 12
    assert found in out


def test_a_drill_whose_backup_was_damaged_on_purpose_does_not_count(chain: Path, gate: Gate) -> None:
    """Neither for the gate nor against it."""
    kept(chain, "a", NOW - 2 * DAY, drill())
    kept(chain, "b", NOW - DAY, drill(Setting("--damage", "row", "command line"), code=11))

    assert gate()[0] == 0


def test_a_drill_by_another_configuration_does_not_pass(chain: Path, gate: Gate) -> None:
    """The settings that differ are named; an older drill by the configuration of today passes still."""
    kept(chain, "a", NOW - 3 * DAY, drill())
    Path("drill.toml").write_text(TOML.replace("30m", "15m") + 'tables = { "shop.log" = "skip: log" }\n')
    code, out = gate()
    assert code == 12
    assert 'was made by another: target.rto is "15m", was "30m"; target.tables."shop.log" is' in out

    Path("drill.toml").write_text(TOML.replace("30m", "1800s") + 'tags = { team = "a" }\ntimeout = "3h"\n')
    kept(chain, "b", NOW - DAY, drill(Setting("target.rto", "1h", "--rto")))
    assert gate()[0] == 0


def test_a_drill_of_other_data_or_of_another_scenario_is_another(chain: Path, gate: Gate) -> None:
    """They are asked for by name."""
    kept(chain, "a", NOW - DAY, drill(Setting("--seed", "my.dump", "command line")))

    assert gate()[0] == 12
    assert gate("--seed", "other/my.dump")[0] == 0
    assert gate("--seed", "my.dump", "--scenario", "instance loss")[0] == 12


def test_a_drill_signed_by_another_key_does_not_pass(chain: Path, gate: Gate) -> None:
    """11: the evidence is not that of who is trusted."""
    kept(chain, "a", NOW - DAY, drill(), seal=Seal(OTHER))
    code, out = gate()

    assert code == 11
    assert (
        f"expected drills signed by the key {SIGNED.fingerprint[:16]}…, found that its newest one names another" in out
    )
    assert OTHER.fingerprint[:16] in out


def test_an_unsigned_drill_does_not_pass_where_a_key_is_named(chain: Path, gate: Gate) -> None:
    """Without any key it does, and the line says that nothing was verified."""
    kept(chain, "a", NOW - DAY, drill(), seal=Seal())
    code, out = gate()
    assert code == 11
    assert "found that they are not signed" in out

    code, out = gate(plain=True)
    assert code == 0
    assert "no signature verified" in out


def test_a_pass_from_before_there_was_a_key_does_not_count(chain: Path, gate: Gate) -> None:
    """Anybody can have made it."""
    kept(chain, "a", NOW - 2 * DAY, drill(), seal=Seal())
    kept(chain, "b", NOW - DAY, drill(code=12))
    code, out = gate()

    assert code == 12
    assert "found none; the last drill, b (number 2, " in out
    assert "a (number 1, " in out
    assert "passed and is not signed: anybody can have made what is from before there was a key" in out


def test_a_signature_is_required_of_a_key_that_is_named(chain: Path, capsys: Capture) -> None:
    """Wrong usage where neither the option nor the configuration names one; the configuration's is taken."""
    kept(chain, "a", NOW - DAY, drill())
    assert main(["gate", "--max-age", "35d", "--require-signed"]) == 2
    assert "found neither --key nor public_key of [evidence]" in capsys.readouterr().err

    Path("drill.toml").write_text(TOML + '[evidence]\npublic_key = "drill.pub.pem"\n')
    assert main(["gate", "--max-age", "35d", "--require-signed"]) == 0


def test_a_chain_that_does_not_verify_does_not_pass(chain: Path, gate: Gate) -> None:
    """Whatever drill it holds: one was removed, changed or put in."""
    kept(chain, "a", NOW - 2 * DAY, drill())
    bundle = kept(chain, "b", NOW - DAY, drill())
    (bundle.folder / "summary.md").write_text("passed\n")
    code, out = gate()

    assert code == 11
    assert "expected a chain that verifies, found 0002-b: summary.md was changed after it was sealed" in out
    assert f"drills evidence verify reports/evidence/{CHAIN} --key drill.pub.pem" in out


def test_the_chain_is_held_against_the_history(chain: Path, gate: Gate) -> None:
    """A chain that was begun anew after a drill that failed lacks what the history knows."""
    kept(chain, "b", NOW - DAY, drill())
    failed = opening("a", NOW - 2 * DAY, drill(code=11))
    Path("reports/history.jsonl").write_text(write_line(line_of(failed)) + "\n")
    code, out = gate()

    assert code == 11
    assert "found none of 1 run (a (verification failed))" in out


def test_a_chain_that_is_gone_is_missed_by_the_history(chain: Path, gate: Gate) -> None:
    """11, as where single runs are gone: drills came, and nothing shows what became of them."""
    Path("reports").mkdir()
    gone = [line_of(opening(name, NOW - DAY, drill())) for name in ("a", "b")]
    Path("reports/history.jsonl").write_text("".join(f"{write_line(each)}\n" for each in gone))
    code, out = gate()

    assert code == 11
    assert (
        "orders: expected the chain of the 2 runs that the history has of target orders with profile sandbox, found"
        in out
    )
    assert f"none in reports/evidence/{CHAIN}: removed, or in another copy or the store" in out
    Path("copy").mkdir()
    assert gate("copy")[0] == 12


def test_an_age_that_nothing_can_keep_to_is_wrong_usage(chain: Path, gate: Gate, capsys: Capture) -> None:
    """2: neither a limit of nothing nor what is no duration."""
    kept(chain, "a", NOW - DAY, drill())
    for given in ("0d", "0", "soon"):
        assert main(["gate", "--max-age", given]) == 2
        assert main(["ledger", "check", "--max-age", given]) == 2
    assert '--max-age: expected how old a drill may be, such as "35d", found 0d' in capsys.readouterr().err


def test_a_later_run_that_was_aborted_is_told(chain: Path, gate: Gate) -> None:
    """It proves nothing of the recovery: the target passes, and the line names the last one and how it ended."""
    ended: dict[str, Any] = {"code": 12, "interrupted_by": "the command itself was killed", "aborted_in": "restore"}
    kept(chain, "x", NOW - 3 * DAY, drill(**ended))
    kept(chain, "a", NOW - 2 * DAY, drill())
    assert "aborted" not in gate()[1]

    kept(chain, "b", NOW - DAY, drill(**ended))
    code, out = gate()
    assert (code, out.count("; b (number 3) since: aborted in phase restore: the command was killed")) == (0, 1)
    kept(chain, "c", NOW, drill(**ended))
    assert "; 2 runs, the last of them c (number 4) since: aborted in phase restore: " in gate()[1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": 11}, 11),
        ({"code": 10}, 10),
        ({"code": 12}, 0),
        ({"code": 13}, 0),
        ({"code": 11, "rto": "1h"}, 11),
        ({"code": 10, "rto": "1m"}, 0),
    ],
)
def test_a_later_drill_can_take_a_pass_back(chain: Path, gate: Gate, changes: dict[str, object], code: int) -> None:
    """By differences always, by an objective where it was today's; one that could not run is said, and proves nothing."""
    changes = dict(changes)
    more = [Setting("target.rto", str(changes.pop("rto")), "--rto")] if "rto" in changes else []
    kept(chain, "a", NOW - 2 * DAY, drill())
    kept(chain, "b", NOW - DAY, drill(*more, code=changes["code"]))
    found, out = gate()

    assert found == code
    assert "b (number 2, " in out
    if code:
        assert "expected no failed drill after a, which passed" in out


def test_a_drill_that_was_rejected_does_not_pass(chain: Path, gate: Gate) -> None:
    """Its newest review decides, and an older drill that nobody rejected passes still."""
    bundle = kept(chain, "a", NOW - DAY, drill())
    reviewed(chain, bundle, "rejected")
    code, out = gate()
    assert code == 12
    assert "a passed and was rejected by R. Viewer (head of operations)" in out

    reviewed(chain, bundle, "accepted", number=2)
    assert gate()[0] == 0


def test_a_drill_that_goes_on_is_no_fault(chain: Path, gate: Gate) -> None:
    """It has no result yet, and the one before it counts."""
    kept(chain, "a", NOW - DAY, drill())
    begun = started(chain, opening("b", NOW, drill()), running=True)
    try:
        assert gate()[0] == 0
    finally:
        os.close(begun.held)


def test_a_simulated_drill_never_passes_for_aws(chain: Path, gate: Gate) -> None:
    """Neither from its own chain, nor from one that a profile of that name had when it was simulated."""
    kept(chain, "a", NOW - DAY, drill())
    assert gate("--profile", "aws")[0] == 12
    shutil.copytree(chain, chain.with_name("aws-orders"))
    assert gate("--profile", "aws")[0] == 11

    other = chain.with_name("aws-orders")
    shutil.rmtree(other)
    kept(other, "a", NOW - DAY, dataclasses.replace(drill(profile="aws"), simulated=True))
    code, out = gate("--profile", "aws")
    assert code == 12
    assert "a was simulated and says nothing about AWS" in out


def test_each_target_has_a_line_and_the_worst_code_counts(chain: Path, gate: Gate) -> None:
    """All targets of drill.toml unless some are named; facts as JSON."""
    kept(chain, "a", NOW - DAY, drill())
    Path("drill.toml").write_text(TOML + "[targets.stock]\n")
    code, out = gate()
    assert (code, out.count("\n")) == (12, 2)
    assert gate("--target", "orders")[0] == 0

    code, out = gate("--json")
    found = json.loads(out)
    assert [(each["target"], each["passes"], each["code"]) for each in found] == [
        ("orders", True, 0),
        ("stock", False, 12),
    ]
    assert (found[0]["run_id"], found[0]["sequence"], found[0]["key"]) == ("a", 1, SIGNED.fingerprint)
    assert timedelta(seconds=found[0]["age_seconds"]) > DAY - timedelta(minutes=6)


def test_a_copy_of_the_evidence_is_judged(chain: Path, gate: Gate) -> None:
    """A folder of chains, or the chain itself; that of another target is none."""
    kept(chain, "a", NOW - DAY, drill())
    shutil.move(str(chain.parent), "copy")

    assert (gate("copy")[0], gate(f"copy/{CHAIN}")[0], gate()[0]) == (0, 0, 12)
    Path("drill.toml").write_text(TOML.replace("orders", "stock"))
    assert gate(f"copy/{CHAIN}")[0] == 11


def test_a_store_that_is_ahead_does_not_pass(chain: Path, gate: Gate) -> None:
    """Its newest entry may be a drill that failed; the copy that was fetched passes."""
    kept(chain, "a", NOW - DAY, drill())
    Path("store").mkdir()
    Path("drill.toml").write_text(TOML + '[evidence]\nstore = "store"\n')
    shutil.copytree(chain, Path("store") / CHAIN)
    assert gate()[0] == 0

    kept(Path("store") / CHAIN, "b", NOW, drill())
    code, out = gate()
    assert code == 12
    assert "has 0002-b, which is not here: add --fetch, or fetch it into reports/evidence yourself" in out
    assert gate("store")[0] == 0
    assert gate("--fetch")[0] == 0
    assert gate("--fetch", "store")[0] == 2
