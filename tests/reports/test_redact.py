"""The redaction profile `external`: one mask for each account, host, key and resource id, in every report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.cli import main as cli
from drills.model.record import Failure, RunRecord, Setting
from drills.record import to_json
from reports import html, junit, markdown, pdf, words
from reports.redact import external
from tests.support.example_record import failing_drill, green_drill

ACCOUNT, OTHER = "123456789012", "210987654321"
HOST = "mydb.c9akciq32rrp.eu-central-1.rds.amazonaws.com"
PLANTED = {
    ACCOUNT: "account-",
    OTHER: "account-",
    HOST: "host-",
    "10.1.2.3": "host-",
    "fd00:1:2:3:4:5:6:7": "host-",
    "replica": "host-",
    "evidence-of-acme": "host-",
    "ip-10-0-0-7.eu-central-1.compute.internal": "host-",
    "db-7QXW3ZJ5LHO2KVRN": "resource-",
    "sg-0a1b2c3d": "resource-",
    "subnet-0f1e2d3c4b5a69788": "resource-",
    "vpc-0f1e2d3c": "resource-",
    "0b1d5f54-6a8e-4a6e-9d0c-4f0c8a1f2b3c": "key-",
}
SENTENCES = (
    f"AccessDenied: arn:aws:iam::{OTHER}:role/drill may not read bucket backups-{ACCOUNT}",
    f'connection to server at "{HOST}" (10.1.2.3), port 5432 failed, and so to [fd00:1:2:3:4:5:6:7]',
    'could not translate host name "replica" to address; asked postgresql://app@replica:5432/orders',
    "stored in s3://evidence-of-acme/2026 from ip-10-0-0-7.eu-central-1.compute.internal",
    "subnet-0f1e2d3c4b5a69788 of vpc-0f1e2d3c has no route to sg-0a1b2c3d",
)


def planted() -> RunRecord:
    """A record with an id of each kind in sentences, settings and fields."""
    record = failing_drill()
    failures = tuple(Failure(sentence, 12, "restore") for sentence in SENTENCES)
    settings = (*record.settings, Setting("profile.accounts", f"{ACCOUNT}, {OTHER}", "drill.toml"))
    recovery = dataclasses.replace(record.restorations[0], host=HOST, port=5432)
    return dataclasses.replace(record, failures=failures, settings=settings, restorations=(recovery,), notes=SENTENCES)


def test_nothing_that_is_masked_is_in_any_report() -> None:
    """Of each planted id nothing stands in the record, the page, the summary, the test report or what the PDF is made from."""
    before, masked = planted(), external(planted())
    raw = to_json(masked)
    texts = (
        raw,
        html.render(masked),
        markdown.render(masked),
        junit.render(masked),
        *pdf.inputs(masked, raw.encode()).values(),
    )

    assert all(value in to_json(before) for value in PLANTED)
    for value in PLANTED:
        assert not [text for text in texts if value in text.replace("<wbr>", "").replace("\u200b", "")], value


def test_the_same_value_has_the_same_mask() -> None:
    """Two accounts are two masks wherever they stand, also within ARNs, so that what belongs together can be seen."""
    masked = external(planted())
    arn = masked.restorations[0].point.arn if masked.restorations[0].point else ""

    assert arn.split(":")[4] == masked.resources[0].account
    assert masked.resources[0].account.startswith("account-")
    accounts = next(each.value for each in masked.settings if each.name == "profile.accounts").split(", ")
    assert len(set(accounts)) == 2
    assert accounts[0] == masked.resources[0].account
    assert f"::{accounts[1]}:role/drill" in masked.failures[0].sentence
    assert masked.restorations[0].host in masked.failures[1].sentence


def test_what_says_nothing_of_an_owner_stays() -> None:
    """Names that the owner chose, versions, instants, the run's id and this machine's own address are not masked."""
    record = green_drill()
    masked = external(record)

    assert masked.run_id == record.run_id
    assert masked.restorations[0].host == "localhost"
    assert masked.target is not None
    assert (masked.target.name, masked.target.instance_id) == ("orders", "myappdbprod")
    assert masked.phases == record.phases
    assert masked.environment == record.environment
    assert [each.sentence for each in masked.verdicts] == [each.sentence for each in record.verdicts]


def test_a_masked_record_says_so_and_can_be_masked_again() -> None:
    """Every report bears a stamp, and masking what is masked changes nothing but adds no secret either."""
    masked = external(planted())

    assert any(stamp.startswith("REDACTED") for stamp in words.stamps(masked))
    assert not any(stamp.startswith("REDACTED") for stamp in words.stamps(planted()))
    assert external(masked).failures == masked.failures


@given(st.text(max_size=60), st.sampled_from(sorted(PLANTED)), st.text(max_size=60))
def test_an_id_is_masked_whatever_stands_beside_it(before: str, value: str, after: str) -> None:
    """In a sentence of any kind, set off by blanks, no planted id is left."""
    full = planted()
    bare = RunRecord(1, full.run_id, "aws", False, full.started_at, "0", resources=full.resources[:1])
    record = dataclasses.replace(bare, target=full.target, notes=(f"{before} {value} {after}", *SENTENCES))
    key = "0b1d5f54-6a8e-4a6e-9d0c-4f0c8a1f2b3c"
    told = external(dataclasses.replace(record, profile=f"key/{key}")).notes[0]
    assert f" {value} " not in told


def test_the_command_writes_masked_reports_into_a_folder_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run's own folder stays as it is, no other run's folder is written over, and no link to the latest is made."""
    run = tmp_path / "out" / "run"
    run.mkdir(parents=True)
    (run / "drill.json").write_text(to_json(planted()), encoding="utf-8")

    assert cli.main(["report", str(run), "--redact", "external"]) == 0
    assert {path.name for path in run.iterdir()} == {"drill.json", "external"}
    names = {path.name for path in (run / "external").iterdir()}
    assert names == {"drill.json", "report.html", "report.pdf", "summary.md", "junit.xml"}
    for path in (run / "external").iterdir():
        assert ACCOUNT.encode() not in path.read_bytes()
    assert cli.main(["report", str(run), "--redact", "external", "-o", str(tmp_path / "b")]) == 0
    assert (tmp_path / "b" / "drill.json").read_bytes() == (run / "external" / "drill.json").read_bytes()
    assert cli.main(["report", str(run), "--redact", "external", "-o", str(run)]) == 2
    assert "found a run's own folder" in capsys.readouterr().err
    assert cli.main(["report", str(run), "--redact", "external", "-o", str(run / "drill.json" / "x")]) == 12
    assert capsys.readouterr().err.count("\n") == 1  # a sentence, and no traceback
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["run"]
