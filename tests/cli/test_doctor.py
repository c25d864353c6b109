"""`drills doctor`: what stands against a drill is named with its remedy, and nothing is changed."""

from __future__ import annotations

import importlib.util
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.aws.clock_offset import ClockOffsetProbe, TimedAnswer
from drills.cli.doctor import account, machine, outputs
from drills.cli.doctor.reach import answer_of
from drills.cli.main import main
from drills.clock import SystemClock
from drills.config.load import load
from drills.errors import Refused
from tests.support.answering import Request, answering

MIB = 2**20
TARGET = '[targets.orders]\nvault = "vault"\n'
CALLER = b"""<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:user/me</Arn>
<UserId>me</UserId><Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""
Doctor = Callable[..., tuple[int, dict[str, dict[str, Any]]]]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The exit code and the lines by name, of a project with that drill.toml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    for name in ("DISK_LEAST", "MEMORY_LEAST"):  # whatever else runs here
        monkeypatch.setattr(machine, name, 0)

    def asked(toml: str = TARGET, *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
        (tmp_path / "drill.toml").write_text(toml)
        code = main(["doctor", "--json", *options])
        found = json.loads(capsys.readouterr().out)
        assert found["exit_code"] == code
        return code, {each["name"]: each for each in found["lines"]}

    return asked


def test_a_machine_that_can_drill_has_no_problem(doctor: Doctor, tmp_path: Path) -> None:
    """The sandbox asks nothing of AWS; a bundle that nobody signs is a note with its remedy, and nothing was written."""
    code, lines = doctor()

    assert code == 0
    assert {
        "machine",
        "Python",
        "versions",
        "PostgreSQL",
        "memory",
        "configuration",
        "reports",
        "evidence",
    } <= lines.keys()
    assert not {"credentials", "clock"} & lines.keys()
    assert (lines["evidence key"]["state"], lines["evidence key"]["remedy"]) == (
        "note",
        "drills evidence keygen, and [evidence] key",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["drill.toml"]


def test_a_person_reads_each_line_and_the_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A remedy stands below what it mends."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "DISK_LEAST", 0)
    monkeypatch.setattr(machine, "MEMORY_LEAST", 0)
    (tmp_path / "drill.toml").write_text(f"{TARGET}[evidence]\nstore = 'away'\n")

    assert main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert "note    evidence key: none: bundles are not signed\n        drills evidence keygen" in out
    assert "problem evidence store: " in out
    assert out.rstrip().endswith("stand against a drill: evidence store")


def test_a_configuration_that_cannot_be_read_is_wrong_and_the_machine_is_still_looked_at(doctor: Doctor) -> None:
    """2, with the sentence that a run would end with."""
    code, lines = doctor("[targets.orders]\nrt = '1h'\n")

    assert code == 2
    assert "unknown key" in lines["configuration"]["found"]
    assert lines["machine"]["state"] == "ok"


@pytest.mark.parametrize(
    ("toml", "name", "found", "expected"),
    [
        ('[evidence]\nkey = "absent.pem"\n', "evidence key", "expected a signing key, found no file", 2),
        ('[evidence]\nfolder = "drill.toml/x"\n', "evidence", "is no folder", 12),
        ('[profiles.sandbox]\npostgres = "/nowhere"\n', "PostgreSQL", "found no usable", 12),
    ],
)
def test_what_is_missing_is_a_problem(doctor: Doctor, toml: str, name: str, found: str, expected: int) -> None:
    """It is found before a run is."""
    code, lines = doctor(f"{TARGET}{toml}")

    assert (code, lines[name]["state"]) == (expected, "problem")
    assert found in lines[name]["found"]


def test_what_would_be_told_and_written_is_looked_at_and_nothing_is(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each address is parsed and named by its kind alone, each server asked whether it answers; what is wrong is a note."""
    asked: list[str] = []

    def answer(request: Request) -> tuple[int, bytes]:
        asked.append(f"{request.method} {request.path}")
        return 405, b""

    numbers = tmp_path / "numbers"
    numbers.mkdir()
    with answering("GET", answer) as url:
        monkeypatch.setenv("DRILL_NOTICES", f"{url.replace('http', 'json')}/t0ken\nmailto://user:pa55word@mail.example")
        toml = f'[metrics]\ntextfile = "{numbers}"\npushgateway = "{url}"\n[notices]\nurls = "env:DRILL_NOTICES"\n'
        code, lines = doctor(f"{TARGET}{toml}")
        monkeypatch.setenv("DRILL_NOTICES", "nonsense://t0ken")
        numbers.rmdir()
        monkeypatch.setattr(outputs, "_is_there", lambda _: False)
        wrong = f'{TARGET}{toml.replace(url, "http://127.0.0.1:1")}topic = "arn:aws:sns:eu-central-1:000000000000:t"\n'
        again, noted = doctor(wrong)

    assert (code, again) == (0, 0)
    assert asked == ["GET /"]
    names = ("extras", "notices urls", "metrics textfile", "metrics pushgateway")
    assert [lines[name]["state"] for name in names] == ["ok"] * 4
    assert lines["notices urls"]["found"].startswith(
        "env:DRILL_NOTICES: JSON (1 of 2), E-Mail (2 of 2); drills notices --test"
    )
    assert [noted[name]["state"] for name in (*names, "notices topic")] == ["note"] * 5
    assert "expected one that apprise knows" in noted["notices urls"]["found"]
    assert noted["metrics textfile"]["found"] == f"{numbers} is no folder"
    assert "ends with the run" in noted["notices topic"]["found"]
    assert noted["extras"]["remedy"] == "pip install -e '.[notices]'"
    assert not any(word in str((lines, noted)) for word in ("t0ken", "pa55word"))


def test_who_acts_is_asked_of_sts(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the keys of the profile; the clock is compared with the answer's date."""
    with answering("POST", lambda _: (200, CALLER)) as url:
        code, lines = doctor(f'{TARGET}[profiles.endpoint]\nendpoint_url = "{url}"\n', "--profile", "endpoint")

    assert code == 0, lines
    assert lines["credentials"]["found"] == "arn:aws:iam::000000000000:user/me in eu-central-1"
    assert lines["endpoint"]["state"] == lines["clock"]["state"] == "ok"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ('table = "orders"', "a DynamoDB table"),
        ('volume = "vol-0123456789abcdef0"', "an EBS volume"),
        ('file_system = "fs-0123456789abcdef0"', "an EFS file system"),
        ('bucket = "invoices"', "an S3 bucket"),
    ],
)
def test_a_target_that_is_no_database_is_judged_as_far_as_it_is_known(doctor: Doctor, named: str, words: str) -> None:
    """What its drill needs of drill.toml is judged, the account too; what is not looked at for one is said."""
    toml = f'[targets.orders]\n{named}\nvault = "vault"\n'
    role = '[targets.orders.restore]\nbackup_role_arn = "arn:aws:iam::000000000000:role/restore"\n'
    code, lines = doctor(toml)
    with answering("POST", lambda _: (200, CALLER)) as url:
        endpoint = f'[profiles.endpoint]\nendpoint_url = "{url}"\n'
        lacking, without = doctor(f"{toml}{endpoint}", "--profile", "endpoint")
        whole, known = doctor(f"{toml}{role}{endpoint}", "--profile", "endpoint")

    assert (code, lines["configuration"]["state"], lines["target"]["state"]) == (0, "ok", "ok")
    assert lines["target"]["found"].startswith(f"{words}, configured for a drill; not looked at for one: ")
    assert (lacking, without["target"]["state"]) == (2, "problem")
    assert "backup_role_arn: expected the role" in without["target"]["found"]
    assert (whole, known["guards"]["state"], known["credentials"]["state"]) == (0, "ok", "ok"), known


def test_the_only_database_of_a_plan_is_taken(doctor: Doctor) -> None:
    """Nobody has to name it beside a table and a volume; of two databases neither is, and what drill.toml names is."""
    others = (
        '[targets.t]\ntable = "ttt"\nvault = "vault"\n[targets.v]\nvolume = "vol-0123456789abcdef0"\nvault = "vault"\n'
    )
    code, lines = doctor(others + TARGET)
    assert code == 0
    assert lines["configuration"]["found"].endswith("target orders of t, v, orders")

    code, lines = doctor(others + TARGET + '[targets.b]\nvault = "vault"\n')
    assert code == 2
    assert "expected the name of a target, found none" in lines["configuration"]["found"]
    _, lines = doctor('[drill]\ntarget = "t"\n' + others + TARGET)
    assert "target t of" in lines["configuration"]["found"]


def test_the_guards_of_a_table_ask_for_no_scratch_groups(tmp_path: Path) -> None:
    """Its restore takes none; that the lists of the profile allow something holds for it too."""
    toml = '[targets.orders]\ntable = "orders"\nvault = "vault"\n[profiles.aws]\naccounts = ["123456789012"]\n'
    file = tmp_path / "drill.toml"

    def guards(text: str) -> str:
        file.write_text(text)
        return account._guards(load(file, profile="aws", target=None, environment={}, tables=True)).state

    assert guards(f'{toml}regions = ["eu-central-1"]\n') == "ok"
    with pytest.raises(Refused, match="allows no region"):
        guards(toml)


def test_an_endpoint_that_does_not_answer_is_a_problem(doctor: Doctor) -> None:
    """Its address is named, and that the clock could not be compared."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    code, lines = doctor(f'{TARGET}[profiles.endpoint]\nendpoint_url = "{url}"\n', "--profile", "endpoint")

    assert code == 12
    assert url in lines["endpoint"]["found"]
    assert (lines["credentials"]["state"], lines["clock"]["state"]) == ("problem", "note")


def test_a_profile_of_aws_that_allows_nothing_is_a_problem(doctor: Doctor) -> None:
    """An empty list allows nothing, which is wrong configuration; no server is needed there."""
    code, lines = doctor(f'{TARGET}[profiles.aws]\naccounts = ["123456789012"]\n', "--profile", "aws")

    assert code == 2
    assert "allows no region" in lines["credentials"]["found"]


def test_any_answer_shows_that_an_endpoint_is_reached() -> None:
    """A refusal is one; a port that nothing listens on is none."""
    with answering("GET", lambda _: (403, b"no")) as url:
        assert answer_of(url) == ""
    assert answer_of(url) != ""


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (30, "note"), (-400, "problem")])
def test_a_clock_that_aws_refuses_is_a_problem(seconds: int, state: str) -> None:
    """Signatures of more than five minutes before or after AWS's time are refused."""
    probe, now = ClockOffsetProbe(SystemClock()), datetime(2026, 11, 29, tzinfo=UTC)
    probe._answers.append(TimedAnswer(now, now, now + timedelta(seconds=seconds)))

    assert account._clock(probe).state == state


@pytest.mark.parametrize(("free", "state"), [(100 * MIB, "problem"), (1000 * MIB, "note"), (5000 * MIB, "ok")])
def test_room_is_said_with_what_is_needed(free: int, state: str) -> None:
    """Below the least no sandbox is started; between the two a large seed may not fit."""
    line = machine._room("disk", free, 512 * MIB, 2048 * MIB, "free some")

    assert (line.state, bool(line.code)) == (state, state == "problem")


def test_a_missing_server_is_no_problem_on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drill there needs none on this machine."""
    assert machine._servers("/nowhere", sandboxed=False).state == "note"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert machine._pdf() == machine._pdf()
    assert machine._pdf().remedy == "pip install -e '.[pdf]'"
